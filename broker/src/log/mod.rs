//! The log: bytes and offsets on disk. It knows batches, not messages, topics or consumers.

mod config;
mod error;

pub use config::{LogConfig, Retention};
pub use error::StorageError;
