use std::collections::BTreeMap;

use super::*;
use crate::metrics::kafka_exporter;
use crate::monitor::calculator::Calculator;
use crate::monitor::sample::{BrokerSample, GroupSample, Sample, TopicSample};
use crate::monitor::snapshot::{Lag, UnknownReason};

/// Topic `orders` with two partitions, read by `billing` up to `committed`.
fn snapshot(committed: &[(i32, i64)]) -> Snapshot {
    let partition = PartitionSample {
        leader: Some(1),
        replicas: vec![1, 2],
        in_sync: vec![1],
        log_start: Some(2),
        log_end: Some(10),
        last_stable: Some(9),
        ..PartitionSample::default()
    };
    let topic = TopicSample {
        size_bytes: Some(512),
        partitions: BTreeMap::from([(0, partition.clone()), (1, partition)]),
        ..TopicSample::default()
    };
    let group = GroupSample {
        state: "Empty".into(),
        kind: "classic".into(),
        committed: Some(
            committed
                .iter()
                .map(|(p, o)| (("orders".into(), *p), *o))
                .collect(),
        ),
        ..GroupSample::default()
    };
    let broker = BrokerSample {
        host: "h".into(),
        port: 9092,
        is_up: true,
        ..BrokerSample::default()
    };
    let sample = Sample {
        brokers: BTreeMap::from([(1, broker)]),
        topics: BTreeMap::from([("orders".into(), topic)]),
        groups: BTreeMap::from([("billing".into(), group)]),
        ..Sample::default()
    };
    Calculator::new("local").compute(sample)
}

fn lines<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.lines()
        .filter(|line| line.starts_with(start))
        .collect()
}

#[test]
fn a_group_shows_its_lag_by_topic_and_partition() {
    let text = render(&snapshot(&[(0, 4), (1, 10)]), 1_000).text;
    let labels = r#"cluster="local",group="billing",topic="orders""#;
    assert_eq!(
        lines(&text, "sluice_group_lag{"),
        [format!("sluice_group_lag{{{labels}}} 6")]
    );
    assert_eq!(
        lines(&text, "sluice_group_partition_lag{"),
        [
            format!(r#"sluice_group_partition_lag{{{labels},partition="0"}} 6"#),
            format!(r#"sluice_group_partition_lag{{{labels},partition="1"}} 0"#),
        ]
    );
    assert_eq!(
        lines(&text, "sluice_topic_replicas_under{"),
        [r#"sluice_topic_replicas_under{cluster="local",topic="orders"} 2"#]
    );
    assert_eq!(
        lines(&text, "sluice_topic_partition_lso_gap_records{")[0]
            .split(' ')
            .next_back(),
        Some("1")
    );
}

#[test]
fn what_is_unknown_is_absent_and_counted() {
    let text = render(&snapshot(&[(0, 4), (1, 11)]), 1_000).text;
    assert!(lines(&text, "sluice_group_lag{").is_empty());
    assert_eq!(
        lines(&text, "sluice_group_unknown_partitions{")[0]
            .split(' ')
            .next_back(),
        Some("1")
    );
    assert_eq!(lines(&text, "sluice_group_partition_lag{").len(), 1);
    // The record at 4 is older than the first sample: no age is told.
    assert!(lines(&text, "sluice_group_lag_seconds{").is_empty());
}

#[test]
fn partition_series_beyond_the_limit_are_dropped_whole_and_counted() {
    let snapshot = snapshot(&[(0, 4), (1, 10)]);
    let rendered = render(&snapshot, 6);
    assert_eq!(rendered.series_dropped, 8);
    assert_eq!(
        lines(&rendered.text, "sluice_group_partition_committed_offset{").len(),
        2
    );
    assert!(lines(&rendered.text, "sluice_topic_partition_log_end_offset{").is_empty());
    assert_eq!(lines(&rendered.text, "sluice_group_lag{").len(), 1);
}

#[test]
fn every_family_written_is_declared_with_its_labels() {
    let text = render(&snapshot(&[(0, 10), (1, 10)]), 1_000).text;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = FAMILIES.iter().find(|family| family.name == name);
        let family = family.unwrap_or_else(|| panic!("{name} is not declared"));
        for label in family.labels {
            assert!(
                line.contains(&format!("{label}=\"")),
                "{line} lacks {label}"
            );
        }
    }
}

#[test]
fn the_names_of_kafka_exporter_carry_its_meanings() {
    let text = kafka_exporter::render(&snapshot(&[(0, 4), (1, 10)]));
    assert_eq!(
        lines(&text, "kafka_consumergroup_lag{"),
        [
            r#"kafka_consumergroup_lag{consumergroup="billing",topic="orders",partition="0"} 6"#,
            r#"kafka_consumergroup_lag{consumergroup="billing",topic="orders",partition="1"} 0"#,
        ]
    );
    assert_eq!(
        lines(&text, "kafka_consumergroup_lag_sum{"),
        [r#"kafka_consumergroup_lag_sum{consumergroup="billing",topic="orders"} 6"#]
    );
    assert_eq!(
        lines(&text, "kafka_broker_info{"),
        [r#"kafka_broker_info{id="1",address="h:9092"} 1"#]
    );
    assert_eq!(lines(&text, "kafka_brokers"), ["kafka_brokers 1"]);
}

#[test]
fn members_that_kafka_does_not_tell_are_absent_and_not_none() {
    let mut snapshot = snapshot(&[(0, 4)]);
    let members = |snapshot: &Snapshot| {
        let (ours, compat) = (render(snapshot, 0).text, kafka_exporter::render(snapshot));
        [
            lines(&ours, "sluice_group_members{").len(),
            lines(&ours, "sluice_group_uncommitted_partitions{").len(),
            lines(&compat, "kafka_consumergroup_members{").len(),
        ]
    };
    assert_eq!(members(&snapshot), [0, 0, 0]);
    snapshot.groups.get_mut("billing").unwrap().members = Some(Vec::new());
    assert_eq!(members(&snapshot), [1, 1, 1]);
}

#[test]
fn commits_that_could_not_be_read_have_no_sum_under_any_name() {
    let mut snapshot = snapshot(&[(0, 4), (1, 10)]);
    let sum = "kafka_consumergroup_current_offset_sum{";
    let labels = r#"consumergroup="billing",topic="orders""#;
    let text = kafka_exporter::render(&snapshot);
    assert_eq!(lines(&text, sum), [format!("{sum}{labels}}} 14")]);
    let billing = snapshot.groups.get_mut("billing").unwrap();
    let orders = billing.topics.get_mut("orders").unwrap();
    let partition = orders.partitions.get_mut(&1).unwrap();
    partition.committed = None;
    partition.lag = Lag::Unknown {
        reason: UnknownReason::CommitsUnavailable,
        last: None,
    };
    assert!(lines(&kafka_exporter::render(&snapshot), sum).is_empty());
}

#[test]
fn what_a_silent_cluster_said_last_is_absent_but_not_that_it_is_silent() {
    let mut snapshot = snapshot(&[(0, 4), (1, 10)]);
    snapshot.groups.get_mut("billing").unwrap().members = Some(Vec::new());
    snapshot.is_outdated = true;
    let (ours, compat) = (
        render(&snapshot, 1_000).text,
        kafka_exporter::render(&snapshot),
    );
    for family in [
        "sluice_group_state{",
        "sluice_group_members{",
        "sluice_group_uncommitted_partitions{",
        "sluice_topic_replicas_under{",
        "sluice_topic_size_bytes{",
        "sluice_broker_partitions_leader{",
        "sluice_topic_partition_log_start_offset{",
        "kafka_brokers ",
        "kafka_consumergroup_members{",
        "kafka_topic_partition_leader{",
        "kafka_topic_partition_leader_is_preferred{",
        "kafka_topic_partition_in_sync_replica{",
        "kafka_topic_partition_oldest_offset{",
        "kafka_topic_partition_under_replicated_partition{",
    ] {
        let text = if family.starts_with("kafka") {
            &compat
        } else {
            &ours
        };
        assert!(lines(text, family).is_empty(), "{family}");
    }
    for family in [
        "sluice_group_info{",
        "sluice_broker_up{",
        "sluice_group_unknown_partitions{",
    ] {
        assert!(!lines(&ours, family).is_empty(), "{family}");
    }
}
