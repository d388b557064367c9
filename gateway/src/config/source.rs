//! Where files and the environment come from: the machine, or a test.

use std::io;
use std::path::Path;

/// The outside of a configuration.
pub trait Source {
    /// The text of a file; `None` when there is none.
    ///
    /// # Errors
    /// The file exists and cannot be read as UTF-8 text.
    fn file(&self, path: &Path) -> io::Result<Option<String>>;

    /// Every environment variable whose name starts with `SLUICE_`.
    fn variables(&self) -> Vec<(String, String)>;
}

/// The files and the environment of this process.
#[derive(Clone, Copy, Debug)]
pub struct Machine;

impl Source for Machine {
    fn file(&self, path: &Path) -> io::Result<Option<String>> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn variables(&self) -> Vec<(String, String)> {
        std::env::vars_os()
            .map(|(name, value)| (lossy(&name), lossy(&value)))
            .filter(|(name, _)| name.starts_with("SLUICE_"))
            .collect()
    }
}

fn lossy(text: &std::ffi::OsStr) -> String {
    text.to_string_lossy().into_owned()
}

/// No file and no variable: defaults and flags alone.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Source for Nothing {
    fn file(&self, _path: &Path) -> io::Result<Option<String>> {
        Ok(None)
    }

    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
