//! Starts the Kafka the gateway works with: the bundled broker, or the way to a cluster.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::Registry;
use sluice::cluster::Cluster;
use sluice::config::{Advertised, Config, Durability, Servers, Value as _};
use sluice_broker::topics::topic_config::{InvalidTopicConfig, Settings, TopicConfig};
use sluice_broker::topics::{CommitLogConfig, CompactionConfig, ScrubConfig, SpaceConfig};
use sluice_broker::{Broker, Connector};
use sluice_client::{Address, Client, Connection, Dial, Dialing, TcpDial};
use tokio::runtime::Handle;

/// The name of the bundled broker's cluster, unless it is given another one.
const BUNDLED_NAME: &str = "local";

/// The pause between two attempts to reach a cluster for the first time.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// There is no Kafka to work with.
#[derive(Debug, thiserror::Error)]
pub(super) enum KafkaError {
    /// The bundled broker does not start; its message names the setting.
    #[error(transparent)]
    Broker(#[from] sluice_broker::StartError),
    /// The configured configs of topics are not Kafka's.
    #[error("broker.topic_defaults: {0}; see Kafka's topic configs")]
    TopicDefaults(#[from] InvalidTopicConfig),
    /// The cluster never answered.
    #[error(
        "no answer from {servers} (bootstrap_servers) within {} s: {cause}; check the addresses, or \
         wait longer with --kafka-start-timeout",
        waited.as_secs()
    )]
    Unreachable {
        servers: String,
        waited: Duration,
        cause: String,
    },
}

/// A running Kafka.
#[derive(Debug)]
pub(super) struct Kafka {
    /// The way to it.
    pub(super) cluster: Cluster,
    /// The bundled broker, where it is one.
    pub(super) broker: Option<Broker>,
    /// Its part of the ready line.
    pub(super) line: String,
}

/// Starts it on the runtime of the caller. The metrics of the bundled broker go to `registry`.
pub(super) async fn start(config: &Config, registry: &Registry) -> Result<Kafka, KafkaError> {
    match &config.general.bootstrap_servers {
        None => start_bundled(config, registry).await,
        Some(servers) => reach(config, servers).await,
    }
}

async fn start_bundled(config: &Config, registry: &Registry) -> Result<Kafka, KafkaError> {
    let broker = Broker::start(broker_config(config)?, registry).await?;
    let addresses: Vec<String> = broker
        .addresses()
        .iter()
        .map(SocketAddr::to_string)
        .collect();
    // The dialer goes to the broker of this process whatever the address.
    let anywhere = Address {
        host: "localhost".to_owned(),
        port: config.broker.listen.port().max(1),
    };
    let dial: Arc<dyn Dial> = Arc::new(InProcessDial(broker.connector()));
    let client = client(config, vec![anywhere.clone()], Arc::clone(&dial));
    let monitoring = monitoring(config, vec![anywhere], dial);
    let id = broker.cluster_id().into();
    let line = format!("broker {}", addresses.join(" "));
    Ok(Kafka {
        cluster: Cluster {
            client,
            monitoring,
            runtime: Handle::current(),
            id,
            name: name(config, BUNDLED_NAME),
        },
        broker: Some(broker),
        line,
    })
}

async fn reach(config: &Config, Servers(servers): &Servers) -> Result<Kafka, KafkaError> {
    let bootstrap = servers
        .iter()
        .map(|server| Address {
            host: server.host.clone(),
            port: server.port,
        })
        .collect::<Vec<_>>();
    let monitoring = monitoring(config, bootstrap.clone(), Arc::new(TcpDial));
    let client = client(config, bootstrap, Arc::new(TcpDial));
    let servers = Servers(servers.clone()).show();
    let id = first_answer(&client, config.kafka.start_timeout)
        .await
        .map_err(|cause| KafkaError::Unreachable {
            servers: servers.clone(),
            waited: config.kafka.start_timeout,
            cause,
        })?;
    let cluster = Cluster {
        client,
        monitoring,
        runtime: Handle::current(),
        name: name(config, &id),
        id: id.into(),
    };
    Ok(Kafka {
        cluster,
        broker: None,
        line: format!("kafka {}", servers.replace(',', " ")),
    })
}

/// The id of the cluster, as soon as one of its brokers answers; else the last reason why none did.
async fn first_answer(client: &Client, patience: Duration) -> Result<String, String> {
    let started = Instant::now();
    let mut reason = "it is silent".to_owned();
    loop {
        let left = patience.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(reason);
        }
        match tokio::time::timeout(left, client.admin().describe_cluster()).await {
            Ok(Ok(info)) => return Ok(info.cluster_id.clone().unwrap_or_default()),
            Ok(Err(error)) => {
                let said = std::mem::replace(&mut reason, error.to_string());
                if said != reason {
                    tracing::warn!(%reason, "waiting for the cluster");
                }
            }
            Err(_elapsed) => return Err(reason),
        }
        // A refused connection is answered at once; asking again at once would be a busy loop.
        tokio::time::sleep(ASK_AGAIN.min(left)).await;
    }
}

fn name(config: &Config, otherwise: &str) -> Arc<str> {
    config
        .general
        .cluster_name
        .as_ref()
        .map_or(otherwise, |name| name.as_str())
        .into()
}

/// The monitor's client: whatever takes longer than a cycle is not worth waiting for.
fn monitoring(config: &Config, bootstrap: Vec<Address>, dial: Arc<dyn Dial>) -> Client {
    let patience = config.monitor.interval.min(config.kafka.request_timeout);
    let settings = sluice_client::Config {
        client_id: "sluice-monitor".to_owned(),
        connect_timeout: config.kafka.connect_timeout.min(patience),
        request_timeout: patience,
        operation_timeout: patience,
        ..sluice_client::Config::new(bootstrap)
    };
    Client::new(settings, dial, Handle::current())
}

fn client(config: &Config, bootstrap: Vec<Address>, dial: Arc<dyn Dial>) -> Client {
    let kafka = &config.kafka;
    let settings = sluice_client::Config {
        connect_timeout: kafka.connect_timeout,
        request_timeout: kafka.request_timeout,
        operation_timeout: kafka.operation_timeout,
        producer_bytes_max: kafka.producer_memory_max.as_usize(),
        ..sluice_client::Config::new(bootstrap)
    };
    Client::new(settings, dial, Handle::current())
}

/// Whether the bundled broker, where it is to run, takes what it would be told.
pub(super) fn check(config: &Config) -> Result<(), KafkaError> {
    if config.general.bootstrap_servers.is_none() {
        broker_config(config)?;
    }
    Ok(())
}

/// What the bundled broker is told.
fn broker_config(config: &Config) -> Result<sluice_broker::Config, InvalidTopicConfig> {
    let from = &config.broker;
    let mut broker = sluice_broker::Config::new(config.general.data_dir.join("broker"));
    let network = &mut broker.network;
    (network.listen.host, network.listen.port) = (from.listen.host(), from.listen.port());
    network.advertised = from.advertised.as_ref().map(|Advertised { host, port }| {
        let (host, port) = (host.clone(), port.unwrap_or_else(|| from.listen.port()));
        sluice_broker::config::HostPort { host, port }
    });
    network.connections_max = count(from.connections_max);
    network.request_bytes_max = from.request_size_max.as_usize();
    network.in_flight_bytes_max = from.request_memory_max.as_usize();
    let topics = &mut broker.topics;
    topics.auto_create = from.auto_create_topics;
    topics.partitions = i32::from(from.partitions.get());
    topics.topics_max = count(from.topics_max);
    topics.partitions_max = count(from.partitions_max);
    topics.producers_max = count(from.producers_max);
    topics.accept_any_replication_factor = from.accept_any_replication_factor;
    if let Some(defaults) = &from.topic_defaults {
        TopicConfig::new(Arc::new(defaults.0.clone()), Settings::new())?;
        topics.settings.clone_from(&defaults.0);
    }
    broker.compaction = CompactionConfig {
        memory_max: from.compaction_memory_max.as_usize(),
        bytes_per_second_max: from.compaction_rate_max.0,
        interval: from.compaction_interval,
    };
    broker.commit_log = CommitLogConfig {
        extent_bytes: from.commit_log_extent_size.0,
        checkpoint_bytes: from.checkpoint_size.0,
        full_bytes_max: from.commit_log_size_max.0,
        checkpoint_interval: from.checkpoint_interval,
        ..broker.commit_log
    };
    broker.space = SpaceConfig {
        free_min: from.disk_free_min.0,
        reserve_bytes: from.disk_reserve.0,
    };
    broker.scrub = ScrubConfig {
        bytes_per_second_max: from.scrub_rate_max.0,
        interval: from.scrub_interval,
    };
    if from.durability != Durability::Group {
        let durability = from.durability.as_str().to_owned();
        let settings = topics.settings.entry("sluice.durability".to_owned());
        settings.or_insert(durability);
    }
    topics.durability_interval = from.durability_interval;
    topics.retention_check_interval = from.retention_check_interval;
    let groups = &mut broker.groups;
    groups.initial_rebalance_delay = from.initial_rebalance_delay;
    groups.offsets_retention = from.offsets_retention;
    groups.groups_max = count(from.groups_max);
    groups.memory_max = from.group_memory_max.as_usize();
    Ok(broker)
}

fn count(value: NonZeroU32) -> usize {
    usize::try_from(value.get()).unwrap_or(usize::MAX)
}

/// Connects to the broker of this process, whatever address Metadata names.
#[derive(Debug)]
struct InProcessDial(Connector);

impl Dial for InProcessDial {
    fn dial<'a>(&'a self, _address: &'a Address) -> Dialing<'a> {
        let link = self.0.connect();
        let connection = Connection::Frames {
            requests: link.requests,
            responses: link.responses,
        };
        Box::pin(std::future::ready(Ok(connection)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(flags: &[(&str, &str)]) -> Config {
        let flags = flags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Config::load(&sluice::config::Nothing, flags.collect())
            .unwrap()
            .config
    }

    #[test]
    fn the_broker_is_told_what_the_configuration_says() {
        let broker = broker_config(&config(&[
            ("data_dir", "somewhere"),
            ("broker.listen", "localhost:19092"),
            ("broker.advertised", "broker.example.org"),
            ("broker.topic_defaults", "retention.ms=5000"),
            ("broker.partitions", "3"),
        ]))
        .unwrap();
        assert_eq!(broker.data_dir, std::path::Path::new("somewhere/broker"));
        assert_eq!(broker.network.listen.to_string(), "localhost:19092");
        assert_eq!(
            broker.network.advertised.unwrap().to_string(),
            "broker.example.org:19092"
        );
        assert_eq!(broker.topics.settings["retention.ms"], "5000");
        assert_eq!(broker.topics.partitions, 3);
    }

    #[test]
    fn the_brokers_defaults_are_the_documented_ones() {
        let told = broker_config(&config(&[])).unwrap();
        let own = sluice_broker::Config::new(told.data_dir.clone());
        assert_eq!(format!("{told:?}"), format!("{own:?}"));
    }

    #[test]
    fn a_topic_default_that_kafka_does_not_have_is_named() {
        let unknown = ("broker.topic_defaults", "retention.days=5");
        let error = check(&config(&[unknown])).unwrap_err().to_string();
        assert!(error.starts_with("broker.topic_defaults: "), "{error}");
        assert!(error.contains("retention.days"), "{error}");
        let elsewhere = ("bootstrap_servers", "localhost:9092");
        check(&config(&[unknown, elsewhere])).unwrap();
    }

    #[tokio::test]
    async fn a_cluster_that_does_not_answer_is_one_line_with_the_setting() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let servers = closed.to_string();
        let flags = [
            ("bootstrap_servers", servers.as_str()),
            ("kafka.start_timeout", "300ms"),
        ];
        let error = start(&config(&flags), &Registry::new())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!("no answer from {servers} (bootstrap_servers) ")),
            "{error}"
        );
        assert!(error.contains("refused"), "{error}");
    }
}
