//! The bundled, durable Kafka broker.
//!
//! Layers, each of which may use only those above it in this list:
//! * [`model`], [`clock`]: names, quantities and time;
//! * [`log`]: bytes and offsets on disk;
//! * [`topics`]: topics, partitions and their configuration;
//! * [`groups`]: members of groups and their committed offsets.

pub mod clock;
pub mod groups;
pub mod log;
pub mod model;
pub mod topics;
