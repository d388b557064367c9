//! Rust source seen roughly: what is code, what is comment or string, where the tests begin.

/// The text up to the inline test module, which stands last in a file.
pub(super) fn without_test_module(text: &str) -> &str {
    let mut offset = 0;
    let mut marked_at = None;
    for line in text.split_inclusive('\n') {
        match (marked_at, line.trim()) {
            (_, "#[cfg(test)]") => marked_at = Some(offset),
            (Some(start), code) if code.starts_with("mod ") && code.ends_with('{') => {
                return &text[..start];
            }
            // Other attributes may stand between.
            (Some(_), code) if code.starts_with("#[") => {}
            _ => marked_at = None,
        }
        offset += line.len();
    }
    text
}

/// `text` with comments, strings and character literals blanked; every line stays where it is.
pub(super) fn blank_comments_and_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = opaque_length(rest, out.chars().next_back());
        if skipped == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(
                rest[..skipped]
                    .chars()
                    .map(|c| if c == '\n' { '\n' } else { ' ' }),
            );
            rest = &rest[skipped..];
        }
    }
    out
}

/// The length of the comment or literal that `rest` starts with, or 0.
fn opaque_length(rest: &str, before: Option<char>) -> usize {
    let in_a_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment_length(rest)
    } else if let Some(body) = rest.strip_prefix('"') {
        1 + quoted_length(body, '"')
    } else if !in_a_name && (rest.starts_with("r\"") || rest.starts_with("r#")) {
        raw_string_length(rest)
    } else if rest.starts_with('\'') {
        character_length(rest)
    } else {
        0
    }
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of `body` up to and with the closing `quote`.
fn quoted_length(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    body.len()
}

fn raw_string_length(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|&c| c == '#').count();
    let body = 1 + hashes;
    if !rest[body..].starts_with('"') {
        return 0; // a raw identifier
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let close = rest[body + 1..].find(&end);
    close.map_or(rest.len(), |at| body + 1 + at + end.len())
}

fn character_length(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => 1 + quoted_length(&rest[1..], '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0, // a lifetime
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_module_is_cut_and_declared_ones_are_not() {
        let inline = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        assert_eq!(without_test_module(inline), "fn a() {}\n");
        let declared = "#[cfg(test)]\nmod tests;\nfn a() {}\n";
        assert_eq!(without_test_module(declared), declared);
        let item = "#[cfg(test)]\nuse a::b;\nmod c {\n}\n";
        assert_eq!(without_test_module(item), item);
    }

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        for (text, blanked) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 'z')"#, "f(      ,    )"),
            (r##"r#"a"b"# c"##, "         c"),
            ("'\\'' 'a' &'a str", "         &'a str"),
            ("bar\"s\"", "bar   "),
        ] {
            assert_eq!(blank_comments_and_strings(text), blanked, "{text}");
        }
    }
}
