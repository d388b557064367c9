//! What is wrong with a value, in words for callers: where it is, and what is expected there.

/// Types as serde names them, and as callers know them.
const NUMBERS: [(&str, &str); 7] = [
    ("u8", "a whole number from 0 to 255"),
    ("u16", "a whole number from 0 to 65535"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("i16", "a whole number from -32768 to 32767"),
    ("i32", "a whole number from -2147483648 to 2147483647"),
    ("i64", "a whole number of 64 bits"),
    ("u64", "a whole number of 64 bits, not below 0"),
];

/// Serde's `message` of the value at `path`; `.` stands for the whole.
pub(super) fn complaint(path: &str, message: &str) -> String {
    let mut message = message.to_owned();
    for (name, meaning) in NUMBERS {
        let expected = format!(", expected {name}");
        let ends = |rest: &str| rest.is_empty() || rest.starts_with(' ');
        if message
            .split_once(&expected)
            .is_some_and(|(_, rest)| ends(rest))
        {
            message = message.replacen(&expected, &format!(", expected {meaning}"), 1);
        }
    }
    if path == "." {
        return capitalized(&message);
    }
    format!("{path}: {message}")
}

/// As every public message starts.
fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}
