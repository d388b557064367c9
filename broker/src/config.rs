//! What the owner of a broker decides.
//!
//! One struct per concern; a module receives only its part. Reading files, the environment or flags
//! is the business of whoever starts the broker.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::groups::GroupConfig;
use crate::limits;
use crate::topics::topic_config::Settings;
use crate::topics::{CommitLogConfig, CompactionConfig, ScrubConfig, SpaceConfig};

/// Everything a broker is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory that holds the log, owned by one broker at a time. Created where it is missing.
    pub data_dir: PathBuf,
    /// Id of the broker in its cluster, which stays with the data directory. Default 1.
    pub node_id: i32,
    /// Where clients reach the broker.
    pub network: NetworkConfig,
    /// What topics are, where they do not say otherwise.
    pub topics: TopicDefaults,
    /// The size of the commit log.
    pub commit_log: CommitLogConfig,
    /// How much of the disk is to stay free.
    pub space: SpaceConfig,
    /// How much compaction may take.
    pub compaction: CompactionConfig,
    /// How much the search for damage may take.
    pub scrub: ScrubConfig,
    /// Times and limits of groups.
    pub groups: GroupConfig,
}

/// What topics are, where they do not say otherwise.
#[derive(Clone, Debug)]
pub struct TopicDefaults {
    /// Whether a topic that a client asks for is created (`auto.create.topics.enable`). Default true.
    pub auto_create: bool,
    /// Partitions of a topic that does not say how many (`num.partitions`). Default 1.
    pub partitions: i32,
    /// Topics there may be. Default 10,000.
    pub topics_max: usize,
    /// Partitions there may be, of all topics together. Default 20,000.
    pub partitions_max: usize,
    /// Idempotent producers that all partitions together remember, each of them at some 500 bytes; one that
    /// writes to many partitions counts in each, and each remembers its last 16 in any case. Default 500,000.
    pub producers_max: usize,
    /// Take any replication factor and assignment for the one replica there is, instead of refusing
    /// more than one. Default false.
    pub accept_any_replication_factor: bool,
    /// Configs of topics that differ from Kafka's defaults, by topic-level key (`retention.ms`).
    /// Default none: 7 days.
    pub settings: Settings,
    /// How often records of durability `interval` are brought to the disk. Default 1 s.
    pub durability_interval: Duration,
    /// Time between two looks for segments to roll and to drop
    /// (`log.retention.check.interval.ms`). Default 5 minutes.
    pub retention_check_interval: Duration,
}

/// A host and a port, as a person writes them: `127.0.0.1:9092`, `localhost:9092`, `[::1]:9092`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A host name or an address, without brackets.
    pub host: String,
    /// The port; 0 picks a free one where it is listened on.
    pub port: u16,
}

/// Why a text is no host and port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not host:port, for example 127.0.0.1:9092")]
pub struct InvalidHostPort {
    /// The text as given.
    pub text: String,
}

/// Where clients reach the broker, and how much of it one of them may use.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// Address to listen on. `localhost` is served on every loopback address the machine has.
    /// Default `127.0.0.1:9092`.
    pub listen: HostPort,
    /// What clients are told to connect to. Default: the address listened on, which must then be
    /// one that clients can connect to (not `0.0.0.0`).
    pub advertised: Option<HostPort>,
    /// Connections served at a time, besides those from within the process; further ones are closed
    /// at once. Default 10,000.
    pub connections_max: usize,
    /// Largest request, in bytes (Kafka's `socket.request.max.bytes`). Default 100 MiB.
    pub request_bytes_max: usize,
    /// Requests of one connection in progress; more are not read. Default 64.
    pub connection_requests_max: usize,
    /// Bytes of requests of one connection in progress, above which no further request is read; one
    /// request may exceed it. Default 8 MiB.
    pub connection_bytes_max: usize,
    /// Bytes of requests and of responses in memory, over all connections (Kafka's
    /// `queued.max.request.bytes`). At least `request_bytes_max`. An eighth of it is set aside on top
    /// for what is small, half of it for records that are read, and half of it for connections from
    /// within the process. Default 256 MiB.
    pub in_flight_bytes_max: usize,
    /// A connection that asks nothing for so long is closed (Kafka's `connections.max.idle.ms`).
    /// Default 10 minutes.
    pub idle_timeout: Duration,
    /// A connection silent for so long in the middle of a request, or that takes no byte of a
    /// response, is closed; so is one whose request takes longer than that and a second for each MiB.
    /// Default 30 s.
    pub stall_timeout: Duration,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", faults.join("; "))]
pub struct InvalidConfig {
    /// Each fault with its setting.
    pub faults: Vec<String>,
}

impl Config {
    /// The defaults, which are Kafka's where Kafka has them.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            node_id: 1,
            network: NetworkConfig::default(),
            topics: TopicDefaults::default(),
            commit_log: CommitLogConfig::default(),
            space: SpaceConfig::default(),
            compaction: CompactionConfig::default(),
            scrub: ScrubConfig::default(),
            groups: GroupConfig::default(),
        }
    }

    /// Checks what the types cannot: limits that would let nothing through.
    ///
    /// # Errors
    /// [`InvalidConfig`], with everything that is wrong.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let network = &self.network;
        let positive = [
            ("network.connections_max", network.connections_max),
            ("network.request_bytes_max", network.request_bytes_max),
            (
                "network.connection_requests_max",
                network.connection_requests_max,
            ),
            ("network.connection_bytes_max", network.connection_bytes_max),
            ("topics.topics_max", self.topics.topics_max),
            ("topics.partitions_max", self.topics.partitions_max),
            ("topics.producers_max", self.topics.producers_max),
            ("compaction.memory_max", self.compaction.memory_max),
        ];
        let zeros = positive.iter().filter(|(_, value)| *value == 0);
        let mut faults = zeros
            .map(|(setting, _)| format!("{setting} must be at least 1"))
            .collect::<Vec<_>>();
        if self.compaction.bytes_per_second_max == 0 {
            faults.push("compaction.bytes_per_second_max must be at least 1".to_owned());
        }
        if self.topics.partitions_max > limits::PARTITIONS_MAX {
            let most = limits::PARTITIONS_MAX;
            faults.push(format!("topics.partitions_max must be at most {most}"));
        }
        if self.topics.partitions < 1 {
            faults.push("topics.partitions must be at least 1".to_owned());
        }
        if self.node_id < 0 {
            faults.push("node_id must not be negative".to_owned());
        }
        let (all, one) = (network.in_flight_bytes_max, network.request_bytes_max);
        if all < one {
            faults.push(format!(
                "network.in_flight_bytes_max ({all}) must be at least network.request_bytes_max \
                 ({one}), or such a request could never be read"
            ));
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(InvalidConfig { faults }),
        }
    }

    /// Small limits, and a free port.
    #[must_use]
    pub fn for_testing(data_dir: impl AsRef<Path>) -> Self {
        let mut config = Self::new(data_dir.as_ref());
        config.network.listen.port = 0;
        config.network.connections_max = 200;
        config.space = SpaceConfig {
            free_min: 1 << 20,
            reserve_bytes: 64 << 10,
        };
        config
    }
}

impl Default for TopicDefaults {
    fn default() -> Self {
        Self {
            auto_create: true,
            partitions: 1,
            topics_max: 10_000,
            partitions_max: 20_000,
            producers_max: 500_000,
            accept_any_replication_factor: false,
            settings: Settings::new(),
            durability_interval: Duration::from_secs(1),
            retention_check_interval: Duration::from_secs(300),
        }
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            listen: HostPort {
                host: "127.0.0.1".to_owned(),
                port: 9092,
            },
            advertised: None,
            connections_max: 10_000,
            request_bytes_max: 100 * 1024 * 1024,
            connection_requests_max: 64,
            connection_bytes_max: 32 * 1024 * 1024,
            in_flight_bytes_max: 256 * 1024 * 1024,
            idle_timeout: Duration::from_secs(600),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

impl std::str::FromStr for HostPort {
    type Err = InvalidHostPort;

    fn from_str(text: &str) -> Result<Self, InvalidHostPort> {
        let invalid = || InvalidHostPort {
            text: text.to_owned(),
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.is_empty() || (bare.is_none() && host.contains(':')) {
            return Err(invalid());
        }
        let port = port.parse().map_err(|_not_a_port| invalid())?;
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_port_reads_back_as_it_was_written() {
        for text in [
            "127.0.0.1:9092",
            "localhost:0",
            "[::1]:9092",
            "broker.example:65535",
        ] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn all_faults_of_a_configuration_are_told_at_once() {
        let mut config = Config::for_testing("unused");
        assert_eq!(config.check(), Ok(()));
        config.network.connections_max = 0;
        config.network.in_flight_bytes_max = 5;
        config.topics.partitions = 0;
        let error = config.check().unwrap_err();
        assert_eq!(error.faults.len(), 3, "{error}");
        assert!(
            error
                .to_string()
                .contains("network.in_flight_bytes_max (5)")
        );
    }

    #[test]
    fn what_is_no_host_and_port_is_refused_with_the_text_itself() {
        for text in [
            "",
            "9092",
            ":9092",
            "host:",
            "host:70000",
            "::1:9092",
            "host:port",
        ] {
            let error = text.parse::<HostPort>().unwrap_err();
            assert!(
                error.to_string().contains(&format!("\"{text}\"")),
                "{error}"
            );
        }
    }
}
