//! What `sluice log` does: a data directory that no process has is shown, checked and mended.
//!
//! * [`dump()`] writes what files hold, those of Apache Kafka included, a line a batch;
//! * [`verify()`] checks all of a data directory, or one partition, and writes a line for each finding;
//! * [`repair()`] takes damaged bytes out of segments, and keeps them beside;
//! * `line` is one line of output, as text or JSON.
//!
//! Every byte is doubted: whatever a file holds, memory stays small and nothing panics. How files are
//! read is the engine's business ([`crate::log`]); nothing of it is done here again.

mod commit_log_check;
mod dump;
mod file_kind;
mod finding;
mod home;
mod index_check;
mod line;
mod log_check;
mod mend;
mod mending;
mod metadata;
mod repair;
mod root_check;
mod verify;

pub use dump::{DumpError, DumpOptions, dump};
pub use finding::Tally;
pub use home::HomeError;
pub use line::Form;
#[cfg(test)]
pub(crate) use repair::repair_on;
pub use repair::{RepairOptions, repair};
pub use verify::{OfflineError, Progress, verify};
