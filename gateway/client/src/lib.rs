//! The Kafka client of the gateway.
//!
//! A thin, asynchronous client made for many callers that share few connections. From the bottom up:
//! * `link`: one connection, requests pipelined; over TCP or a channel to a broker in the process;
//! * `pool`: the links of an identity to a broker, one per purpose; leased ones for what parks;
//! * `metadata`, `coordinator`: who leads, who coordinates; asked once for all who need it;
//! * `cluster`: whom to ask and when to ask again;
//! * [`Producer`], [`Fetcher`], [`Watcher`], [`Groups`], [`Offsets`], [`Admin`]: what callers use.
//!
//! Every operation is started from a [`Client`]. Errors are [`ClientError`]s that carry Kafka's code.

pub mod admin;
mod client;
mod cluster;
mod config;
mod coordinator;
mod error;
mod fetcher;
mod group;
mod identity;
mod link;
mod metadata;
mod model;
mod observer;
pub mod offsets;
mod pool;
mod producer;
mod retry;
mod scatter;
mod watcher;

pub use admin::Admin;
pub use client::Client;
pub use config::Config;
pub use error::ClientError;
pub use fetcher::{
    FetchOptions, FetchTarget, Fetched, FetchedRecords, Fetcher, ReadError, RecordIter,
};
pub use group::{Assignment, Assignor, GroupConfig, GroupMember, Groups, Positions};
pub use identity::Identity;
pub use link::{Address, AddressError, Connection, Dial, Dialing, TcpDial};
pub use metadata::{Broker, ClusterInfo, Partition, Topic};
pub use model::{Isolation, TopicPartition};
pub use observer::Observer;
pub use offsets::Offsets;
pub use producer::{Acks, ProduceError, ProduceRecord, Producer, ProducerSettings, RecordMetadata};
pub use sluice_protocol::compression::Compression;
pub use sluice_protocol::record::{Header, Headers, Record};
pub use sluice_protocol::{ApiKey, ErrorCode, Uuid};
pub use watcher::Watcher;
