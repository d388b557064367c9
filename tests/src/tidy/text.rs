//! What stands in files: words that must not, openings that must.

use super::File;
use super::code;

/// What is written by people and read by people.
const TEXTS: [&str; 12] = [
    ".rs",
    ".toml",
    ".md",
    ".yml",
    ".java",
    ".py",
    ".js",
    ".css",
    ".html",
    ".svg",
    ".properties",
    "/run",
];

/// Words that promise work instead of doing it. Split here, so that this file may be checked too.
const PROMISES: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Faults of files that hold a word that must not stay.
#[must_use]
pub fn words(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files
        .iter()
        .filter(|file| TEXTS.iter().any(|end| file.path.ends_with(end)))
    {
        for (number, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, number + 1);
            for word in PROMISES.iter().filter(|word| has_word(line, word)) {
                faults.push(format!(
                    "{place}: {word}: do it now, or say in the docs what is missing"
                ));
            }
        }
        if file.is_rust() && code::blank_comments_and_strings(&file.text).contains("dbg!(") {
            faults.push(format!("{}: remove the debugging print", file.path));
        }
    }
    faults
}

fn has_word(line: &str, word: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(part_of_a_word)
            && !line[at + word.len()..].starts_with(part_of_a_word)
    })
}

/// Faults of modules that do not open with what they are for; tests belong to the module beside them.
#[must_use]
pub fn openings(files: &[File]) -> Vec<String> {
    files
        .iter()
        .filter(|file| is_module(file))
        .filter_map(opening_fault)
        .collect()
}

/// Unit tests belong to the module beside them, which says what it is for; a story stands alone.
fn is_module(file: &File) -> bool {
    file.is_rust() && (!file.is_test() || file.path.starts_with("tests/suite/"))
}

fn opening_fault(file: &File) -> Option<String> {
    let path = &file.path;
    let opening = file.text.lines().next().unwrap_or_default();
    match opening.strip_prefix("//! ") {
        Some(said) if said.contains("Placeholder") => Some(format!(
            "{path}: a placeholder is no module: remove it until there is one"
        )),
        Some(said) if said.len() >= 10 => None,
        _ => Some(format!(
            "{path}: open it with `//!`: its purpose, what always holds, what it does not do"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn promises_are_faults_and_parts_of_words_are_not() {
        for word in PROMISES {
            assert_eq!(
                words(&[file("a.rs", &format!("// {word}: later"))]).len(),
                1,
                "{word}"
            );
            assert_eq!(
                words(&[file("a.rs", &format!("// a{word}b"))]).len(),
                0,
                "{word}"
            );
        }
    }

    #[test]
    fn a_debugging_print_is_a_fault() {
        assert_eq!(
            words(&[file("a.rs", concat!("fn a() { dbg", "!(1); }"))]).len(),
            1
        );
        assert_eq!(words(&[file("a.rs", "// dbg!(1)")]).len(), 0);
    }

    #[test]
    fn a_module_says_what_it_is_for() {
        assert_eq!(openings(&[file("a.rs", "use b;\n")]).len(), 1);
        assert_eq!(openings(&[file("a.rs", "//! Placeholder.\n")]).len(), 1);
        assert_eq!(
            openings(&[file("a.rs", "//! Bytes and offsets.\n")]).len(),
            0
        );
    }
}
