//! Enough of `PromQL` to know what an expression asks for: its selectors, and the calls they stand in.
//!
//! Whether an expression is valid is for Prometheus's own parser to say (`promtool check rules`); this reader refuses what it does
//! not understand, so nothing is passed over.

/// What an expression asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expression {
    pub(super) selectors: Vec<Selector>,
    /// Labels in `by`, `on` and their like.
    pub(super) grouping: Vec<String>,
}

/// A metric with conditions on its labels.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) metric: String,
    /// Label, operator, value.
    pub(super) matchers: Vec<(String, String, String)>,
    /// What stands in brackets.
    pub(super) range: Option<String>,
    /// The function or aggregation it is the argument of, if any.
    pub(super) function: Option<String>,
}

const WORDS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "inf"];
const GROUPING: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

/// Reads `text`.
///
/// # Errors
/// What is not understood, and where.
pub(super) fn read(text: &str) -> Result<Expression, String> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        next: 0,
    };
    let expression = reader
        .expression()
        .map_err(|error| format!("{error} in {text}"))?;
    Ok(expression)
}

/// The labels of `label_values(<selector>, <label>)`: the selector and the label.
///
/// # Errors
/// If `query` is something else.
pub(super) fn read_label_values(query: &str) -> Result<(&str, &str), String> {
    let inner = query
        .strip_prefix("label_values(")
        .and_then(|rest| rest.strip_suffix(')'));
    inner
        .and_then(|inner| inner.rsplit_once(','))
        .map(|(selector, label)| (selector.trim(), label.trim()))
        .ok_or_else(|| format!("not label_values(selector, label): {query}"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Number(String),
    Text(String),
    Symbol(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' | '\'' => {
                let inner = quoted(&rest[1..], first).ok_or(format!("an open quote in {text}"))?;
                (Token::Text(inner.to_owned()), inner.len() + 2)
            }
            'a'..='z' | 'A'..='Z' | '_' | ':' | '$' => {
                let word = taken(rest, |c| c.is_alphanumeric() || "_:$".contains(c));
                (Token::Word(word.to_owned()), word.len())
            }
            '0'..='9' => {
                let number = taken(rest, |c| c.is_alphanumeric() || c == '.');
                (Token::Number(number.to_owned()), number.len())
            }
            _ => {
                let length = ["=~", "!~", "!=", "==", ">=", "<="]
                    .iter()
                    .find(|symbol| rest.starts_with(**symbol))
                    .map_or(first.len_utf8(), |symbol| symbol.len());
                (Token::Symbol(rest[..length].to_owned()), length)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// What stands before the closing quote.
fn quoted(rest: &str, quote: char) -> Option<&str> {
    let mut is_escaped = false;
    let end = rest.find(|c| {
        let is_end = c == quote && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })?;
    Some(&rest[..end])
}

fn taken(text: &str, accept: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !accept(c)).unwrap_or(text.len());
    &text[..end]
}

struct Reader {
    tokens: Vec<Token>,
    next: usize,
}

impl Reader {
    fn expression(&mut self) -> Result<Expression, String> {
        let mut found = Expression::default();
        // The calls around the place being read; a parenthesis that calls nothing keeps the call around it.
        let mut calls: Vec<Option<String>> = Vec::new();
        let mut aggregation = None;
        while let Some(token) = self.advance() {
            match token {
                Token::Word(word) if GROUPING.contains(&word.as_str()) => {
                    found.grouping.extend(self.labels()?);
                }
                Token::Word(word) if WORDS.contains(&word.to_lowercase().as_str()) => {}
                Token::Word(word) if self.is_at("(") => {
                    self.next += 1;
                    calls.push(Some(word));
                }
                Token::Word(word) if self.is_at_word(&["by", "without"]) => {
                    aggregation = Some(word);
                }
                Token::Word(metric) => {
                    let function = calls.iter().rev().find_map(Clone::clone);
                    found.selectors.push(self.selector(metric, function)?);
                }
                Token::Symbol(symbol) => match symbol.as_str() {
                    "(" => calls.push(aggregation.take()),
                    ")" => drop(calls.pop().ok_or("a parenthesis closed and not opened")?),
                    "+" | "-" | "*" | "/" | "%" | "^" | "," | ">" | "<" | "==" | "!=" | ">="
                    | "<=" => {}
                    _ => return Err(format!("unexpected {symbol}")),
                },
                Token::Number(_) => {}
                Token::Text(text) => return Err(format!("unexpected \"{text}\"")),
            }
        }
        if !calls.is_empty() {
            return Err("a parenthesis opened and not closed".to_owned());
        }
        Ok(found)
    }

    fn selector(&mut self, metric: String, function: Option<String>) -> Result<Selector, String> {
        let mut selector = Selector {
            metric,
            function,
            ..Selector::default()
        };
        if self.is_at("{") {
            self.next += 1;
            while !self.is_at("}") {
                selector.matchers.push(self.matcher()?);
                if self.is_at(",") {
                    self.next += 1;
                }
            }
            self.next += 1;
        }
        if self.is_at("[") {
            self.next += 1;
            selector.range = match self.advance() {
                Some(Token::Word(range) | Token::Number(range)) => Some(range),
                other => return Err(format!("not a range: {other:?}")),
            };
            self.expect("]")?;
        }
        Ok(selector)
    }

    fn matcher(&mut self) -> Result<(String, String, String), String> {
        match (self.advance(), self.advance(), self.advance()) {
            (Some(Token::Word(label)), Some(Token::Symbol(operator)), Some(Token::Text(value)))
                if ["=", "!=", "=~", "!~"].contains(&operator.as_str()) =>
            {
                Ok((label, operator, value))
            }
            other => Err(format!("not a condition on a label: {other:?}")),
        }
    }

    /// Labels in parentheses.
    fn labels(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut labels = Vec::new();
        loop {
            match self.advance() {
                Some(Token::Word(label)) => labels.push(label),
                Some(Token::Symbol(symbol)) if symbol == "," => {}
                Some(Token::Symbol(symbol)) if symbol == ")" => return Ok(labels),
                other => return Err(format!("not a list of labels: {other:?}")),
            }
        }
    }

    fn advance(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn is_at(&self, symbol: &str) -> bool {
        matches!(self.tokens.get(self.next), Some(Token::Symbol(next)) if next == symbol)
    }

    fn is_at_word(&self, words: &[&str]) -> bool {
        matches!(self.tokens.get(self.next), Some(Token::Word(next)) if words.contains(&next.as_str()))
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        let is_there = self.is_at(symbol);
        let found = self.advance();
        if is_there {
            Ok(())
        } else {
            Err(format!("{symbol} wanted, {found:?} found"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(
        metric: &str,
        matchers: &[[&str; 3]],
        range: Option<&str>,
        function: Option<&str>,
    ) -> Selector {
        let owned = |[label, operator, value]: &[&str; 3]| {
            (
                (*label).to_owned(),
                (*operator).to_owned(),
                (*value).to_owned(),
            )
        };
        Selector {
            metric: metric.to_owned(),
            matchers: matchers.iter().map(owned).collect(),
            range: range.map(str::to_owned),
            function: function.map(str::to_owned),
        }
    }

    #[test]
    fn selectors_are_found_with_their_conditions_ranges_and_calls() {
        let text = r#"sum by (le, route) (rate(x_bucket{code=~"5..",route!~'a"}b'}[$__rate_interval])) / on (job) (y) > 0.02"#;
        let read = read(text).expect("it is PromQL");
        assert_eq!(
            read.selectors,
            [
                selector(
                    "x_bucket",
                    &[["code", "=~", "5.."], ["route", "!~", "a\"}b"]],
                    Some("$__rate_interval"),
                    Some("rate")
                ),
                selector("y", &[], None, None),
            ]
        );
        assert_eq!(read.grouping, ["le", "route", "job"]);
    }

    #[test]
    fn a_function_reaches_through_parentheses_and_an_aggregation_may_group_first() {
        let read = read("topk(10, (max without (pod) (lag) unless up == 0)) or time() - started");
        let read = read.expect("it is PromQL");
        let functions: Vec<_> = read
            .selectors
            .iter()
            .map(|selector| (selector.metric.as_str(), selector.function.as_deref()))
            .collect();
        assert_eq!(
            functions,
            [
                ("lag", Some("max")),
                ("up", Some("topk")),
                ("started", None)
            ]
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "sum(x",
            "sum(x))",
            "x{a=1}",
            "x{a}",
            "{a=\"b\"}",
            "x{a=\"b}",
            "x[]",
            "rate(x[5m:1m])",
            "sum by x (y)",
            "x ~ y",
            "\"x\"",
        ] {
            assert!(read(text).is_err(), "{text} was read");
        }
    }

    #[test]
    fn label_values_names_a_selector_and_a_label() {
        assert_eq!(
            read_label_values("label_values(x{a=~\"b,c\"}, d)"),
            Ok(("x{a=~\"b,c\"}", "d"))
        );
        assert!(read_label_values("label_names()").is_err());
    }
}
