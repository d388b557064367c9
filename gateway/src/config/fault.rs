//! What is wrong with a configuration.

use std::fmt;

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A value its setting cannot take.
    #[error("{key} = {value:?} ({origin}): {problem}")]
    Value {
        /// The setting.
        key: String,
        /// What it was given.
        value: String,
        /// The layer it came from.
        origin: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A key, variable or flag that no setting has.
    #[error("unknown setting {key} ({origin}): {advice}")]
    Unknown {
        /// The key as written.
        key: String,
        /// The layer it came from.
        origin: String,
        /// What was probably meant, or where all settings are listed.
        advice: String,
    },
    /// The file cannot be read.
    #[error("cannot read {path} ({origin}): {problem}")]
    File {
        /// The file.
        path: String,
        /// Who named it.
        origin: String,
        /// What is wrong, with line and column where it is the text.
        problem: String,
    },
}

/// Everything that is wrong, one fault a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
