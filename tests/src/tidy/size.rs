//! Files of human size.

use super::File;

/// Lines outside tests; above it a file holds more than one noun.
const LINES_MAX: usize = 500;

/// Files that are longer, each with the lines it may have. The list may only shrink.
const LONGER: [(&str, usize); 0] = [];

/// Faults of Rust files with too many lines outside their tests.
#[must_use]
pub fn file_sizes(files: &[File]) -> Vec<String> {
    let rust = files
        .iter()
        .filter(|file| file.is_rust() && !file.is_test());
    rust.filter_map(|file| fault(file, &LONGER)).collect()
}

fn fault(file: &File, longer: &[(&str, usize)]) -> Option<String> {
    let lines = file.without_tests().lines().count();
    let excused = longer.iter().find(|(path, _)| *path == file.path);
    let path = &file.path;
    match excused {
        None if lines > LINES_MAX => Some(format!(
            "{path}: {lines} lines outside tests, {LINES_MAX} are the most: split it by noun"
        )),
        Some((_, most)) if lines > *most => Some(format!(
            "{path}: it grew from {most} to {lines} lines; exceptions may only shrink: split it by noun"
        )),
        Some((_, most)) if lines <= LINES_MAX || lines < *most => Some(format!(
            "{path}: it has {lines} lines now: update or remove its exception of {most} in \
             tests/src/tidy/size.rs"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn lines(count: usize) -> File {
        file("broker/src/log.rs", &"//\n".repeat(count))
    }

    #[test]
    fn a_long_file_is_a_fault() {
        assert_eq!(file_sizes(&[lines(LINES_MAX)]), Vec::<String>::new());
        assert_eq!(file_sizes(&[lines(LINES_MAX + 1)]).len(), 1);
    }

    #[test]
    fn tests_do_not_count() {
        let tests = format!(
            "#[cfg(test)]\nmod tests {{\n{}}}\n",
            "//\n".repeat(LINES_MAX)
        );
        assert_eq!(
            file_sizes(&[file("broker/src/log.rs", &tests)]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_exception_may_only_shrink() {
        let longer = [("broker/src/log.rs", 600)];
        assert_eq!(fault(&lines(600), &longer), None);
        assert!(fault(&lines(601), &longer).is_some_and(|fault| fault.contains("grew")));
        assert!(fault(&lines(599), &longer).is_some_and(|fault| fault.contains("update")));
    }
}
