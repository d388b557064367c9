//! The resources of Confluent's REST API v2.

pub mod brokers;
pub mod consumers;
pub mod partitions;
pub mod produce;
pub mod topics;
