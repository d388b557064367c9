//! What operators and tools ask for: health, metrics, the description of the API.

pub mod docs;
pub mod health;
pub mod metrics;
