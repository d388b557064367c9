//! The resources of Confluent's REST API v3.
//!
//! Every resource carries its kind, its own address and a name; lists wrap their items. There is no
//! paging, as in Confluent's proxy: `next` is always null.

pub mod broker;
pub mod cluster;
pub mod consumer_group;
pub mod lag;
mod link;
pub mod partition;
mod record;
pub mod record_batch;
pub mod record_stream;
pub mod topic;
pub mod topic_config;
