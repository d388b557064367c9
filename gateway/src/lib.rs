//! Placeholder.
pub mod metrics;
pub mod monitor;
pub mod ui;
