//! What `sluice log` does: a data directory that no process has is shown, checked and mended.
//!
//! * [`dump()`] writes what files hold, those of Apache Kafka included, a line a batch;
//! * `line` is one line of output, as text or JSON.
//!
//! Every byte is doubted: whatever a file holds, memory stays small and nothing panics. How files are
//! read is the engine's business ([`crate::log`]); nothing of it is done here again.

mod dump;
mod file_kind;
mod line;

pub use dump::{DumpError, DumpOptions, dump};
pub use line::Form;
