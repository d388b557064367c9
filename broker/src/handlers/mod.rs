//! Requests: one file per API, each of which decodes nothing, calls the domain, and names the result.
//!
//! [`table`] lists the APIs and their versions; [`dispatch`] takes a frame to its handler and back;
//! [`call`] is what a handler knows about its request, [`turns`] what few may do at a time; [`error`] is the only map from domain errors to
//! Kafka's codes. Messages of the wire format are known here and nowhere else in the broker.

mod call;
mod dispatch;
mod table;

mod authorized;
mod broker_configs;
mod config_change;
mod config_resource;
mod error;
mod member;
mod replication;
mod turns;

mod alter_configs;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_topic_partitions;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod sync_group;

pub(crate) use call::{Peer, Services};
pub(crate) use dispatch::{Handlers, Outcome, Prepared, Rejection, Reply};
pub(crate) use turns::Turns;
