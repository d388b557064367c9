//! The resources of Confluent's REST API v2.

pub mod produce;
