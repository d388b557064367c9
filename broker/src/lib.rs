//! The bundled, durable Kafka broker.
//!
//! Layers, each of which may use only those above it in this list:
//! * [`model`], [`clock`], [`config`]: names, quantities, time, and what the owner decides;
//! * [`limits`]: hard bounds;
//! * `budget`, `phase`: memory in flight, and where the broker is in its life;
//! * `telemetry`: events, log lines and metrics;
//! * [`log`]: bytes and offsets on disk;
//! * [`topics`]: topics, partitions and their configuration;
//! * [`groups`]: members of groups and their committed offsets;
//! * `transactions`: ids of producers;
//! * [`offline`]: a data directory that no process has, looked at and mended;
//! * `handlers`: one file per API; alone knows the messages of the wire format;
//! * `net`: connections;
//! * `broker`: puts them together.

pub mod clock;
pub mod config;
pub mod groups;
pub mod limits;
pub mod log;
pub mod model;
pub mod offline;
pub mod topics;

mod broker;
mod budget;
mod handlers;
mod net;
mod phase;
mod telemetry;
mod transactions;

pub use broker::{Broker, StartError};
pub use config::Config;
pub use net::{Connector, InProcessLink, ListenError};
pub use telemetry::{METRICS, Metric};
