use std::time::{Duration, Instant};

use super::*;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn config(pairs: &[(&str, &str)]) -> Result<TopicConfig, InvalidTopicConfig> {
    TopicConfig::new(Arc::default(), settings(pairs))
}

fn change(key: &str, operation: ConfigOperation, value: Option<&str>) -> Alteration {
    Alteration::Change(vec![ConfigChange {
        key: key.to_owned(),
        operation,
        value: value.map(str::to_owned),
    }])
}

#[test]
fn defaults_are_kafkas() {
    let config = config(&[]).unwrap();
    assert_eq!(config.max_message_bytes, 1_048_588);
    assert_eq!(config.log.segment_bytes, 1 << 30);
    assert_eq!(config.log.retention.ms, Some(7 * 24 * 3_600_000));
    assert_eq!(config.log.retention.bytes, None);
    assert_eq!(config.timestamp_after_max_ms, 3_600_000);
    assert_eq!(config.compression, BatchCompression::Producer);
    assert!(config.cleanup.delete && !config.cleanup.compact);
}

/// Mutation: `parsed` that keeps its own settings as they came.
#[test]
fn blanks_that_mean_nothing_are_not_kept() {
    let key = "leader.replication.throttled.replicas";
    let blanks = "\u{b}".repeat(9);
    let list = format!("{blanks}0:1,{blanks}1:1{blanks}");
    let number = format!("{blanks}5");
    let found = config(&[(key, &list), ("retention.ms", &number)]).unwrap();
    let kept = settings(&[(key, "0:1,1:1"), ("retention.ms", "5")]);
    assert_eq!(found.own(), &kept);
    let set = change(key, ConfigOperation::Set, Some(&format!(" 2:1 ,{blanks}")));
    assert_eq!(found.altered(&set).unwrap().own()[key], "2:1");
}

#[test]
fn values_are_refused_and_accepted_as_kafka_does() {
    let accepted = [
        ("cleanup.policy", ""),
        ("cleanup.policy", "compact, delete"),
        ("retention.ms", " 5 "),
        ("retention.ms", "-1"),
        ("retention.bytes", "-5"),
        ("preallocate", "TRUE"),
        ("compression.gzip.level", "-1"),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1, 1:1"),
        ("remote.storage.enable", "true"),
        ("min.insync.replicas", "2"),
    ];
    for (key, value) in accepted {
        assert!(config(&[(key, value)]).is_ok(), "{key}={value}");
    }
    let refused = [
        ("cleanup.policy", "foo"),
        ("retention.ms", "5x"),
        ("retention.ms", "-2"),
        ("retention.ms", ""),
        ("segment.bytes", "5"),
        ("preallocate", "maybe"),
        ("min.cleanable.dirty.ratio", "2"),
        ("compression.gzip.level", "0"),
        ("leader.replication.throttled.replicas", "0:1,x"),
        ("compression.type", "GZIP"),
        ("max.message.bytes", "99999999999"),
    ];
    for (key, value) in refused {
        let refusal = config(&[(key, value)]).unwrap_err();
        assert!(
            matches!(&refusal, InvalidTopicConfig::InvalidValue { key: named, .. } if *named == key),
            "{key}={value}: {refusal}"
        );
    }
    assert_eq!(
        config(&[("nope", "1")]).unwrap_err().to_string(),
        "unknown topic config name: nope"
    );
    let lags = [
        ("min.compaction.lag.ms", "5"),
        ("max.compaction.lag.ms", "4"),
    ];
    assert_eq!(
        config(&lags).unwrap_err(),
        InvalidTopicConfig::CompactionLags { min: 5, max: 4 }
    );
}

#[test]
fn a_value_is_described_with_every_place_it_could_come_from() {
    let broker = Arc::new(settings(&[("retention.ms", "1000")]));
    let config = TopicConfig::new(broker, settings(&[("retention.ms", "5")])).unwrap();
    let entries = config.describe();
    assert_eq!(entries.len(), KEYS.len());
    let entry = entries
        .iter()
        .find(|entry| entry.key.name == "retention.ms")
        .unwrap();
    assert_eq!(
        (entry.value.as_str(), entry.source),
        ("5", ConfigSource::Topic)
    );
    let synonyms: Vec<_> = entry
        .synonyms
        .iter()
        .map(|synonym| (synonym.name, synonym.value.as_str(), synonym.source))
        .collect();
    assert_eq!(
        synonyms,
        [
            ("retention.ms", "5", ConfigSource::Topic),
            ("log.retention.ms", "1000", ConfigSource::StaticBroker),
            ("log.retention.ms", "604800000", ConfigSource::Default),
        ]
    );
}

#[test]
fn the_four_operations_work_on_the_value_that_holds() {
    let config = config(&[]).unwrap();
    let both = change("cleanup.policy", ConfigOperation::Append, Some("compact"));
    let both = config.altered(&both).unwrap();
    assert!(both.cleanup.compact && both.cleanup.delete);
    let compact = change("cleanup.policy", ConfigOperation::Subtract, Some("delete"));
    let compact = both.altered(&compact).unwrap();
    assert_eq!(compact.own()["cleanup.policy"], "compact");
    assert_eq!(compact.log.retention, Retention::default());
    let back = change("cleanup.policy", ConfigOperation::Delete, None);
    assert!(compact.altered(&back).unwrap().own().is_empty());
    let set = change("retention.ms", ConfigOperation::Set, Some("7"));
    assert_eq!(config.altered(&set).unwrap().log.retention.ms, Some(7));
}

/// Mutation: items that are looked for in a list, one by one.
#[test]
fn a_change_of_long_lists_takes_time_in_proportion_to_them() {
    const KEY: &str = "leader.replication.throttled.replicas";
    let list = |items: std::ops::Range<u32>| {
        let items: Vec<_> = items.map(|item| format!("{item}:1")).collect();
        items.join(",")
    };
    let (long, other) = (list(0..4_000), list(5_000..9_000));
    let config = config(&[(KEY, &long)]).unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        let less = change(KEY, ConfigOperation::Subtract, Some(&other));
        assert_eq!(config.altered(&less).unwrap().own()[KEY], long);
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn impossible_changes_are_refused_by_name() {
    let config = config(&[]).unwrap();
    let append = change("retention.ms", ConfigOperation::Append, Some("7"));
    assert_eq!(
        config.altered(&append).unwrap_err(),
        InvalidTopicConfig::NotAList {
            key: "retention.ms"
        }
    );
    let twice = ConfigChange {
        key: "retention.ms".to_owned(),
        operation: ConfigOperation::Set,
        value: Some("7".to_owned()),
    };
    let twice = Alteration::Change(vec![twice.clone(), twice]);
    assert!(matches!(
        config.altered(&twice).unwrap_err(),
        InvalidTopicConfig::DuplicateKey { .. }
    ));
    let without = change("retention.ms", ConfigOperation::Set, None);
    assert!(matches!(
        config.altered(&without).unwrap_err(),
        InvalidTopicConfig::MissingValue { .. }
    ));
}
