//! Where things are in the repository and in the folders `tests/run` fills.

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A file or folder under `tests/`.
#[must_use]
pub fn tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What `tests/run` fetched: under `tests/.cache`.
///
/// # Panics
/// If it is not there; the message says how to get it.
#[must_use]
pub fn fetched(path: &str) -> PathBuf {
    let path = tests(".cache").join(path);
    assert!(
        path.exists(),
        "{} is missing: tests/run fetches it",
        path.display()
    );
    path
}

/// A new folder `tests/.logs/<name>.<n>`, for the data and logs of one story.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn fresh_log_folder(name: &str) -> PathBuf {
    let logs = tests(".logs");
    std::fs::create_dir_all(&logs).expect("make tests/.logs");
    // Test processes may run side by side: whoever makes the folder has it.
    (1..)
        .map(|n| logs.join(format!("{name}.{n}")))
        .find(|folder| std::fs::create_dir(folder).is_ok())
        .expect("numbers do not end")
}
