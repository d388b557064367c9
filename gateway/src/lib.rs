//! Placeholder.
pub mod metrics;
pub mod monitor;
