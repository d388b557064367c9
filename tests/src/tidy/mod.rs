//! The house's rules that a machine can check, as functions from files to faults.
//!
//! Each checker is pure and proven to fail on bad input by its own tests; `suite/tidy.rs` applies them to the repository. A
//! fault says where, what is wrong and what to do. Style that rustfmt or clippy can hold is theirs.

mod code;
mod direction;
mod layout;
mod paths;
mod size;
mod text;

use std::path::Path;
use std::process::Command;

pub use direction::{crate_direction, module_direction};
pub use layout::{generated, handlers, modules_of_the_suite, names, weight};
pub use size::file_sizes;
pub use text::{openings, words};

/// A file of the repository.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path from the root of the repository.
    pub path: String,
    /// What is in it; nothing if that is not text.
    pub text: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl File {
    /// Every file git knows or would add, in the order of their paths.
    ///
    /// # Panics
    /// If git cannot list them.
    #[must_use]
    pub fn all(root: &Path) -> Vec<Self> {
        let output = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .expect("run git");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let listed = String::from_utf8(output.stdout).expect("paths are UTF-8");
        let mut files: Vec<Self> = listed
            .split_terminator('\0')
            .filter_map(|path| Self::read(root, path))
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    fn read(root: &Path, path: &str) -> Option<Self> {
        // A file that git still lists may have been removed.
        let content = std::fs::read(root.join(path)).ok()?;
        let bytes = u64::try_from(content.len()).expect("files fit");
        let text = String::from_utf8(content).unwrap_or_default();
        Some(Self {
            path: path.to_owned(),
            text,
            bytes,
        })
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether all of it is test code.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
            || self.path.contains("/tests/")
            || self.path.contains("/benches/")
            || self.path.starts_with("tests/suite/")
    }

    /// Its text up to the test module at its end.
    fn without_tests(&self) -> &str {
        code::without_test_module(&self.text)
    }
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    let bytes = u64::try_from(text.len()).expect("files fit");
    File {
        path: path.to_owned(),
        text: text.to_owned(),
        bytes,
    }
}
