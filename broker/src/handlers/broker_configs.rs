//! The broker's own configs, under the names that Kafka gives them.
//!
//! Tools read them (`auto.create.topics.enable`, `message.max.bytes`, ...), and none can be changed
//! while the broker runs. They are made of the broker's configuration: what it does not have, such as
//! threads for replication, has no key here.

use super::call::Call;
use crate::config::{Config, NetworkConfig};
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
    let number = |name, value: u128, default: u128, config_type, documentation| Entry {
        name,
        value: value.to_string(),
        is_default: value == default,
        config_type,
        documentation,
    };
    let count = |count: usize| u128::try_from(count).unwrap_or(u128::MAX);
    vec![
        number(
            "connections.max.idle.ms",
            network.idle_timeout.as_millis(),
            default.idle_timeout.as_millis(),
            ConfigType::Long,
            "How long a connection may ask nothing before it is closed.",
        ),
        number(
            "max.connections",
            count(network.connections_max),
            count(default.connections_max),
            ConfigType::Int,
            "Connections served at a time; further ones are closed at once.",
        ),
        number(
            "queued.max.request.bytes",
            count(network.in_flight_bytes_max),
            count(default.in_flight_bytes_max),
            ConfigType::Long,
            "Bytes of requests and fetched records in memory, over all connections.",
        ),
        number(
            "socket.request.max.bytes",
            count(network.request_bytes_max),
            count(default.request_bytes_max),
            ConfigType::Int,
            "Largest request.",
        ),
    ]
}
