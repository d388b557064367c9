//! Placeholder.
pub mod monitor;
