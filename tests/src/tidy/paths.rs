//! The paths a Rust file names: in `use` lines, groups unfolded, and in expressions and types.

use super::code;

/// A path that starts at a crate, such as `crate::log::segment`, and the line it starts in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) path: String,
}

/// Every path in `text` that starts with `crate`, `super` or the name of another crate, where `module` is the path of the
/// module the text is, such as `["log", "segment"]`.
pub(super) fn named(text: &str, module: &[&str]) -> Vec<Named> {
    let code = code::blank_comments_and_strings(text);
    let tokens = tokens(&code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let starts = is_name(tokens[at].1) && at.checked_sub(1).is_none_or(|i| tokens[i].1 != "::");
        if starts && tokens.get(at + 1).is_some_and(|token| token.1 == "::") {
            let mut paths = Vec::new();
            let next = unfold(&tokens, at, &mut Vec::new(), &mut paths);
            let line = tokens[at].0;
            found.extend(paths.iter().map(|path| Named {
                line,
                path: absolute(path, module),
            }));
            at = next.max(at + 1);
        } else {
            at += 1;
        }
    }
    found
}

/// Collects into `found` every path of the tree at `at`, each prefixed by `prefix`; gives the place after the tree.
fn unfold<'a>(
    tokens: &[(usize, &'a str)],
    mut at: usize,
    prefix: &mut Vec<&'a str>,
    found: &mut Vec<Vec<&'a str>>,
) -> usize {
    let depth = prefix.len();
    let mut folded = false;
    while let Some(&(_, token)) = tokens.get(at) {
        if token == "{" && opens_a_group(tokens, at) {
            folded = true;
            at += 1;
            while tokens.get(at).is_some_and(|token| token.1 != "}") {
                let next = unfold(tokens, at, prefix, found);
                at = if next == at { at + 1 } else { next };
            }
            at += 1;
            break;
        }
        if !is_name(token) {
            break;
        }
        prefix.push(token);
        at += 1;
        if tokens.get(at).is_some_and(|token| token.1 == "::") {
            at += 1;
        } else {
            break;
        }
    }
    if !folded && prefix.len() > depth {
        found.push(prefix.clone());
    }
    prefix.truncate(depth);
    at
}

/// Whether the brace at `at` opens a group of a path, not a block.
fn opens_a_group(tokens: &[(usize, &str)], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|i| tokens[i].1 == "::")
}

fn absolute(path: &[&str], module: &[&str]) -> String {
    let ups = path
        .iter()
        .take_while(|&&segment| segment == "super")
        .count();
    if ups == 0 {
        return path.join("::");
    }
    let above = &module[..module.len().saturating_sub(ups)];
    let whole: Vec<&str> = ["crate"]
        .iter()
        .chain(above)
        .chain(&path[ups..])
        .copied()
        .collect();
    whole.join("::")
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single other characters, each with its line.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (number, mut line) in code.lines().enumerate() {
        while let Some(first) = line.chars().next() {
            let in_name = |c: char| c.is_alphanumeric() || c == '_';
            let length = if in_name(first) {
                line.find(|c| !in_name(c)).unwrap_or(line.len())
            } else if line.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                tokens.push((number + 1, &line[..length]));
            }
            line = &line[length..];
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        named(text, &["log", "segment"])
            .into_iter()
            .map(|named| named.path)
            .collect()
    }

    #[test]
    fn groups_are_unfolded_over_lines() {
        let text = "use crate::{\n    log::{self, segment::Segment},\n    model,\n};";
        assert_eq!(
            paths(text),
            [
                "crate::log::self",
                "crate::log::segment::Segment",
                "crate::model"
            ]
        );
    }

    #[test]
    fn paths_in_expressions_and_types_count() {
        let text = "fn f(a: &crate::model::Offset) { sluice_protocol::messages::x::<u8>() }";
        assert_eq!(
            paths(text),
            ["crate::model::Offset", "sluice_protocol::messages::x"]
        );
    }

    #[test]
    fn a_path_before_a_block_ends_there() {
        assert_eq!(
            paths("match crate::a::b { crate::c::D => {} }"),
            ["crate::a::b", "crate::c::D"]
        );
    }

    #[test]
    fn super_is_resolved() {
        let text = "use super::index;\nuse super::super::groups::Group;";
        assert_eq!(paths(text), ["crate::log::index", "crate::groups::Group"]);
    }

    #[test]
    fn comments_and_strings_do_not_count() {
        assert_eq!(
            paths("// crate::a\nlet b = \"crate::c\";"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn lines_are_told() {
        assert_eq!(named("\n\nuse crate::a::b;", &[])[0].line, 3);
    }
}
