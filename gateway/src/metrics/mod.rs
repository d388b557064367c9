//! What Prometheus scrapes.

pub mod exposition;
pub mod kafka_exporter;
pub mod lag;
