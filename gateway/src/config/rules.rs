//! Rules between values, and bounds: what parsing a value alone does not know.
//!
//! A rule is about the settings it names. Where one of them could not be read, it says nothing.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::fault::Fault;
use super::value::{Listen, Value};
use super::{Broker, Config, Http, Kafka, Monitor, RestV2};

/// Every rule that `config` breaks, but for those about settings that are `unread`.
pub(super) fn check(config: &Config, unread: BTreeSet<String>) -> Vec<Fault> {
    let mut rules = Rules {
        broken: Vec::new(),
        unread,
    };
    let general = &config.general;
    rules.require(
        general.shutdown_timeout >= SECOND,
        "shutdown_timeout",
        &general.shutdown_timeout,
        "must be at least 1s",
    );
    let is_bundled = general.bootstrap_servers.is_none() && rules.know("bootstrap_servers");
    if is_bundled {
        rules.broker(&config.broker, general.insecure);
        rules.broker_limits(&config.broker);
        rules.commit_log(&config.broker);
        rules.ports(config.broker.listen, config.http.listen);
    }
    rules.http(&config.http, general.insecure);
    rules.kafka(&config.kafka);
    rules.monitor(&config.monitor);
    rules.rest_v2(&config.rest_v2, &config.http);
    rules.broken
}

const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The rules broken so far.
struct Rules {
    broken: Vec<Fault>,
    unread: BTreeSet<String>,
}

impl Rules {
    fn know(&self, key: &str) -> bool {
        !self.unread.contains(key)
    }

    fn require(&mut self, is_met: bool, key: &str, value: &impl Value, problem: &str) {
        if !is_met && self.know(key) {
            self.broken.push(Fault::Value {
                key: key.to_owned(),
                value: value.show(),
                origin: "checked with the other settings".to_owned(),
                problem: problem.to_owned(),
            });
        }
    }

    /// A rule that the value of `other` decides too.
    fn relate(&mut self, other: &str, is_met: bool, key: &str, value: &impl Value, problem: &str) {
        let is_known = self.know(other);
        self.require(is_met || !is_known, key, value, problem);
    }

    /// Beyond this machine only with leave, since nothing asks who calls.
    fn reach(&mut self, key: &str, listen: Listen, insecure: bool) {
        self.relate(
            "insecure",
            listen.is_loopback() || insecure,
            key,
            &listen,
            "others could connect and nothing would ask who they are; listen on 127.0.0.1, or allow \
             it with insecure = true (--insecure)",
        );
    }

    /// One port cannot be listened on twice.
    fn ports(&mut self, broker: Listen, http: Listen) {
        let (first, second) = broker.addresses();
        let mut taken = [Some(first), second].into_iter().flatten();
        let (first, second) = http.addresses();
        let clash = taken.any(|broker| {
            let http = [Some(first), second];
            http.into_iter().flatten().any(|http| overlap(broker, http))
        });
        self.relate(
            "broker.listen",
            !clash,
            "http.listen",
            &http,
            "is where broker.listen listens already; choose another port for one of them \
             (--http-listen, --broker-listen)",
        );
    }

    fn broker(&mut self, broker: &Broker, insecure: bool) {
        let (listen, advertised) = (broker.listen, &broker.advertised);
        self.reach("broker.listen", listen, insecure);
        self.relate(
            "broker.advertised",
            !listen.is_unspecified() || advertised.is_some(),
            "broker.listen",
            &listen,
            "clients cannot connect to this address; say what they reach with broker.advertised \
             (--broker-advertised host:port)",
        );
        let has_port = advertised.as_ref().is_none_or(|it| it.port.is_some());
        self.relate(
            "broker.listen",
            has_port || listen.port() != 0,
            "broker.advertised",
            advertised,
            "needs a port, because broker.listen has port 0 and so none to take over",
        );
    }

    fn broker_limits(&mut self, broker: &Broker) {
        self.require(
            (MIB..=1 << 30).contains(&broker.request_size_max.0),
            "broker.request_size_max",
            &broker.request_size_max,
            "must be from 1MiB to 1GiB",
        );
        self.relate(
            "broker.request_size_max",
            broker.request_memory_max >= broker.request_size_max,
            "broker.request_memory_max",
            &broker.request_memory_max,
            "must be at least broker.request_size_max, or the largest request could never be served",
        );
        self.require(
            broker.group_memory_max.0 >= MIB,
            "broker.group_memory_max",
            &broker.group_memory_max,
            "must be at least 1MiB",
        );
        self.require(
            // The `PARTITIONS_MAX` of the broker, which settings know nothing of.
            broker.partitions_max.get() <= 1_000_000,
            "broker.partitions_max",
            &broker.partitions_max,
            "must be from 1 to 1000000",
        );
        for (name, size) in [
            (
                "broker.compaction_memory_max",
                &broker.compaction_memory_max,
            ),
            ("broker.compaction_rate_max", &broker.compaction_rate_max),
            ("broker.disk_free_min", &broker.disk_free_min),
        ] {
            self.require(size.0 >= MIB, name, size, "must be at least 1MiB");
        }
        self.require(
            (SECOND / 100..=SECOND * 5).contains(&broker.durability_interval),
            "broker.durability_interval",
            &broker.durability_interval,
            "must be from 10ms to 5s",
        );
        self.require(
            broker.scrub_interval >= SECOND,
            "broker.scrub_interval",
            &broker.scrub_interval,
            "must be at least 1s",
        );
        for (name, interval) in [
            (
                "broker.retention_check_interval",
                &broker.retention_check_interval,
            ),
            ("broker.compaction_interval", &broker.compaction_interval),
        ] {
            let is_met = *interval >= SECOND / 10;
            self.require(is_met, name, interval, "must be at least 100ms");
        }
        self.require(
            broker.offsets_retention >= SECOND * 60,
            "broker.offsets_retention",
            &broker.offsets_retention,
            "must be at least 1m",
        );
    }

    fn commit_log(&mut self, broker: &Broker) {
        let (extent, size_max) = (&broker.commit_log_extent_size, &broker.commit_log_size_max);
        self.require(
            (MIB..=1 << 30).contains(&extent.0),
            "broker.commit_log_extent_size",
            extent,
            "must be from 1MiB to 1GiB",
        );
        self.relate(
            "broker.commit_log_extent_size",
            broker.checkpoint_size >= *extent,
            "broker.checkpoint_size",
            &broker.checkpoint_size,
            "must be at least broker.commit_log_extent_size, since full files are counted",
        );
        self.relate(
            "broker.checkpoint_size",
            *size_max >= broker.checkpoint_size,
            "broker.commit_log_size_max",
            size_max,
            "must be at least broker.checkpoint_size, or each write would wait",
        );
        self.relate(
            "broker.commit_log_extent_size",
            size_max.0 / 1024 <= extent.0,
            "broker.commit_log_size_max",
            size_max,
            "must be at most 1,024 times broker.commit_log_extent_size, since each file stays open",
        );
        self.relate(
            "broker.commit_log_extent_size",
            broker.disk_reserve.0 / 2 >= extent.0,
            "broker.disk_reserve",
            &broker.disk_reserve,
            "must be at least twice broker.commit_log_extent_size, or a full disk has no room for one more",
        );
        self.require(
            (SECOND / 10..=SECOND * 600).contains(&broker.checkpoint_interval),
            "broker.checkpoint_interval",
            &broker.checkpoint_interval,
            "must be from 100ms to 10m",
        );
    }

    fn rest_v2(&mut self, rest: &RestV2, http: &Http) {
        let records = rest.records_max().saturating_mul(RestV2::RECORD_MEMORY);
        self.relate(
            "rest.v2.produce_records_max",
            http.request_memory_max.as_usize() >= records,
            "http.request_memory_max",
            &http.request_memory_max,
            "must be at least 512 bytes for each of rest.v2.produce_records_max, or so many records could \
             never be produced",
        );
        self.require(
            rest.consumer_idle_timeout >= SECOND,
            "rest.v2.consumer_idle_timeout",
            &rest.consumer_idle_timeout,
            "must be at least 1s",
        );
        self.require(
            rest.read_timeout_max >= SECOND,
            "rest.v2.read_timeout_max",
            &rest.read_timeout_max,
            "must be at least 1s",
        );
        self.require(
            (1..=1 << 30).contains(&rest.read_size_max.0),
            "rest.v2.read_size_max",
            &rest.read_size_max,
            "must be from 1 to 1GiB",
        );
    }

    fn kafka(&mut self, kafka: &Kafka) {
        for (key, value) in [
            ("kafka.connect_timeout", &kafka.connect_timeout),
            ("kafka.request_timeout", &kafka.request_timeout),
        ] {
            self.require(
                value.as_millis() >= 100,
                key,
                value,
                "must be at least 100ms",
            );
        }
        self.relate(
            "kafka.connect_timeout",
            kafka.operation_timeout >= kafka.connect_timeout,
            "kafka.operation_timeout",
            &kafka.operation_timeout,
            "must be at least kafka.connect_timeout",
        );
        self.require(
            kafka.producer_memory_max.0 >= MIB,
            "kafka.producer_memory_max",
            &kafka.producer_memory_max,
            "must be at least 1MiB",
        );
    }

    fn http(&mut self, http: &Http, insecure: bool) {
        self.reach("http.listen", http.listen, insecure);
        self.require(
            http.workers <= 256,
            "http.workers",
            &http.workers,
            "must be at most 256",
        );
        self.require(
            (1 << 10..=1 << 30).contains(&http.request_size_max.0),
            "http.request_size_max",
            &http.request_size_max,
            "must be from 1KiB to 1GiB",
        );
        self.relate(
            "http.request_size_max",
            http.request_memory_max >= http.request_size_max,
            "http.request_memory_max",
            &http.request_memory_max,
            "must be at least http.request_size_max, or the largest request could never be served",
        );
        let idle = &http.idle_timeout;
        self.require(
            *idle >= SECOND,
            "http.idle_timeout",
            idle,
            "must be at least 1s",
        );
    }

    fn monitor(&mut self, monitor: &Monitor) {
        let Monitor {
            interval,
            discovery_interval,
            history,
            ..
        } = monitor;
        self.require(
            interval.as_millis() >= 100,
            "monitor.interval",
            interval,
            "must be at least 100ms",
        );
        self.relate(
            "monitor.interval",
            discovery_interval >= interval,
            "monitor.discovery_interval",
            discovery_interval,
            "must be at least monitor.interval",
        );
        self.require(
            (SECOND * 60..=DAY * 7).contains(history),
            "monitor.history",
            history,
            "must be from 1m to 7d",
        );
    }
}

/// Whether listening on both is listening twice on one.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    // Every IPv6 address is every IPv4 address too.
    let covers = |all: SocketAddr, one: SocketAddr| {
        all.ip().is_unspecified() && (all.is_ipv6() || one.is_ipv4())
    };
    let same_port = a.port() != 0 && a.port() == b.port();
    same_port && (a.ip() == b.ip() || covers(a, b) || covers(b, a))
}
