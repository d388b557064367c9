//! The bundled, durable Kafka broker.
//!
//! Layers, each of which may use only those above it in this list:
//! * [`model`], [`clock`]: names, quantities and time.

pub mod clock;
pub mod model;
