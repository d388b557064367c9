//! The bundled, durable Kafka broker.
//!
//! Layers, each of which may use only those above it in this list:
//! * [`model`], [`clock`]: names, quantities and time;
//! * [`log`]: bytes and offsets on disk;
//! * [`topics`]: topics, partitions and their configuration.

pub mod clock;
pub mod log;
pub mod model;
pub mod topics;
