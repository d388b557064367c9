//! The broker's own configs, under the names that Kafka gives them.
//!
//! Tools read them (`auto.create.topics.enable`, `message.max.bytes`, ...), and none can be changed
//! while the broker runs. They are made of the broker's configuration: what it does not have, such as
//! threads for replication, has no key here.

use std::time::Duration;

use super::call::Call;
use crate::config::{Config, NetworkConfig};
use crate::groups::GroupConfig;
use crate::topics::topic_config::{ConfigType, KEYS};

/// One key, as `DescribeConfigs` shows it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) is_default: bool,
    pub(crate) config_type: ConfigType,
    pub(crate) documentation: &'static str,
}

/// All keys, sorted by name.
pub(crate) fn describe(call: &Call) -> Vec<Entry> {
    let config = &call.services.config;
    let mut entries = of_topics(config);
    entries.extend(of_broker(config, &call.peer.endpoint.to_string()));
    entries.extend(of_network(&config.network));
    entries.extend(of_groups(&config.groups));
    entries.sort_unstable_by_key(|entry| entry.name);
    entries
}

/// Whether the broker has a key of this name.
pub(crate) fn is_known(call: &Call, name: &str) -> bool {
    describe(call).iter().any(|entry| entry.name == name)
}

/// What topics have where they do not say otherwise.
fn of_topics(config: &Config) -> Vec<Entry> {
    let of_key = |key: &'static crate::topics::topic_config::ConfigKey| {
        let name = key.broker_name?;
        let own = config.topics.settings.get(key.name);
        Some(Entry {
            name,
            value: own.map_or(key.default, String::as_str).to_owned(),
            is_default: own.is_none(),
            config_type: key.config_type,
            documentation: key.documentation,
        })
    };
    KEYS.iter().filter_map(of_key).collect()
}

fn of_broker(config: &Config, endpoint: &str) -> Vec<Entry> {
    let default = Config::new("");
    let topics = &config.topics;
    let entry = |name, value: String, is_default, config_type, documentation| Entry {
        name,
        value,
        is_default,
        config_type,
        documentation,
    };
    vec![
        entry(
            "advertised.listeners",
            format!("PLAINTEXT://{endpoint}"),
            config.network.advertised.is_none(),
            ConfigType::String,
            "What clients are told to connect to.",
        ),
        entry(
            "auto.create.topics.enable",
            topics.auto_create.to_string(),
            topics.auto_create == default.topics.auto_create,
            ConfigType::Boolean,
            "Whether a topic that a client asks for is created.",
        ),
        entry(
            "default.replication.factor",
            super::replication::FACTOR.to_string(),
            true,
            ConfigType::Int,
            "Replicas of a partition: always one, since this is one node.",
        ),
        entry(
            "delete.topic.enable",
            true.to_string(),
            true,
            ConfigType::Boolean,
            "Whether topics can be deleted.",
        ),
        entry(
            "listeners",
            format!("PLAINTEXT://{}", config.network.listen),
            config.network.listen == default.network.listen,
            ConfigType::String,
            "The address listened on.",
        ),
        entry(
            "log.dirs",
            config.data_dir.display().to_string(),
            false,
            ConfigType::String,
            "The data directory.",
        ),
        entry(
            "node.id",
            config.node_id.to_string(),
            config.node_id == default.node_id,
            ConfigType::Int,
            "Id of this broker.",
        ),
        entry(
            "num.partitions",
            topics.partitions.to_string(),
            topics.partitions == default.topics.partitions,
            ConfigType::Int,
            "Partitions of a topic that does not say how many.",
        ),
    ]
}

fn of_network(network: &NetworkConfig) -> Vec<Entry> {
    let default = NetworkConfig::default();
    vec![
        millis(
            "connections.max.idle.ms",
            network.idle_timeout,
            default.idle_timeout,
            "How long a connection may ask nothing before it is closed.",
        ),
        count(
            "max.connections",
            network.connections_max,
            default.connections_max,
            "Connections served at a time; further ones are closed at once.",
        ),
        count(
            "queued.max.request.bytes",
            network.in_flight_bytes_max,
            default.in_flight_bytes_max,
            "Bytes of requests and fetched records in memory, over all connections.",
        ),
        count(
            "socket.request.max.bytes",
            network.request_bytes_max,
            default.request_bytes_max,
            "Largest request.",
        ),
    ]
}

fn of_groups(groups: &GroupConfig) -> Vec<Entry> {
    let default = GroupConfig::default();
    vec![
        millis(
            "group.initial.rebalance.delay.ms",
            groups.initial_rebalance_delay,
            default.initial_rebalance_delay,
            "How long the first rebalance of an empty group waits for further members.",
        ),
        millis(
            "group.max.session.timeout.ms",
            groups.session_timeout_max,
            default.session_timeout_max,
            "Longest session a member may ask for.",
        ),
        count(
            "group.max.size",
            groups.members_per_group_max,
            default.members_per_group_max,
            "Members of one group, at most.",
        ),
        millis(
            "group.min.session.timeout.ms",
            groups.session_timeout_min,
            default.session_timeout_min,
            "Shortest session a member may ask for.",
        ),
        count(
            "offset.metadata.max.bytes",
            groups.offset_metadata_max,
            default.offset_metadata_max,
            "Bytes of the note a client may add to an offset.",
        ),
        millis(
            "offsets.retention.check.interval.ms",
            groups.offsets_retention_check_interval,
            default.offsets_retention_check_interval,
            "How often expired offsets are looked for.",
        ),
        number(
            "offsets.retention.minutes",
            u128::from(groups.offsets_retention.as_secs() / 60),
            u128::from(default.offsets_retention.as_secs() / 60),
            "How long offsets outlive the last member of their group.",
        ),
        number(
            "offsets.topic.num.partitions",
            groups.offsets_topic_partitions.try_into().unwrap_or(0),
            default.offsets_topic_partitions.try_into().unwrap_or(0),
            "Partitions of __consumer_offsets.",
        ),
    ]
}

fn millis(
    name: &'static str,
    value: Duration,
    default: Duration,
    documentation: &'static str,
) -> Entry {
    number(name, value.as_millis(), default.as_millis(), documentation)
}

fn count(name: &'static str, value: usize, default: usize, documentation: &'static str) -> Entry {
    let wide = |count: usize| u128::try_from(count).unwrap_or(u128::MAX);
    number(name, wide(value), wide(default), documentation)
}

fn number(name: &'static str, value: u128, default: u128, documentation: &'static str) -> Entry {
    Entry {
        name,
        value: value.to_string(),
        is_default: value == default,
        config_type: ConfigType::Long,
        documentation,
    }
}
