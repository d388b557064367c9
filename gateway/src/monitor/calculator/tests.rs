use super::*;
use crate::monitor::sample::{BrokerSample, MemberSample};

const SECOND: Millis = 1_000;

/// A cluster of one topic `t` and one group `g`, cycle by cycle.
struct Cluster {
    sample: Sample,
    calculator: Calculator,
}

impl Cluster {
    fn new() -> Self {
        let mut sample = Sample {
            cluster_id: "id".into(),
            ..Sample::default()
        };
        sample.brokers.insert(
            1,
            BrokerSample {
                is_up: true,
                ..BrokerSample::default()
            },
        );
        sample.topics.insert(
            "t".into(),
            TopicSample {
                id: Uuid([1; 16]),
                ..TopicSample::default()
            },
        );
        let group = GroupSample {
            committed: Some(BTreeMap::new()),
            ..GroupSample::default()
        };
        sample.groups.insert("g".into(), group);
        Self {
            sample,
            calculator: Calculator::new("local"),
        }
    }

    fn partition(&mut self, number: i32, start: i64, end: impl Into<Option<i64>>) -> &mut Self {
        let partition = PartitionSample {
            log_start: Some(start),
            log_end: end.into(),
            ..PartitionSample::default()
        };
        self.sample
            .topics
            .get_mut("t")
            .unwrap()
            .partitions
            .insert(number, partition);
        self
    }

    fn commit(&mut self, number: i32, offset: i64) -> &mut Self {
        let group = self.sample.groups.get_mut("g").unwrap();
        group
            .committed
            .get_or_insert_default()
            .insert(("t".into(), number), offset);
        self
    }

    fn cycle(&mut self, at: Millis) -> GroupTopicView {
        self.snapshot(at).groups["g"].topics["t"].clone()
    }

    fn snapshot(&mut self, at: Millis) -> Snapshot {
        self.sample.committed_at = at;
        self.sample.ended_at = at;
        self.calculator.compute(self.sample.clone())
    }
}

#[test]
fn lag_counts_what_can_still_be_read() {
    let mut cluster = Cluster::new();
    cluster
        .partition(0, 0, 10)
        .partition(1, 50, 80)
        .partition(2, 0, 5);
    cluster.commit(0, 4).commit(1, 20).commit(2, 5);
    let topic = cluster.cycle(0);
    // Of partition 1, records 20 to 49 are gone: they are lost, not lag.
    let lags: Vec<_> = topic.partitions.values().map(|view| view.lag).collect();
    assert_eq!(lags, [Lag::Known(6), Lag::Known(30), Lag::Known(0)]);
    assert_eq!((topic.lag(), topic.lag_max()), (Some(36), Some(30)));
}

#[test]
fn a_commit_beyond_the_end_is_unknown_and_counted_never_zero() {
    let mut cluster = Cluster::new();
    cluster.partition(0, 0, 10).commit(0, 11);
    let topic = cluster.cycle(0);
    let reason = UnknownReason::CommitBeyondEnd;
    assert_eq!(
        topic.partitions[&0].lag,
        Lag::Unknown { reason, last: None }
    );
    assert_eq!((topic.lag(), topic.unknown_count()), (None, 1));
    assert_eq!(cluster.calculator.anomalies(), 1);
}

#[test]
fn an_unknown_partition_keeps_its_last_lag_for_two_cycles_and_hides_the_sum() {
    let mut cluster = Cluster::new();
    cluster
        .partition(0, 0, 10)
        .commit(0, 4)
        .partition(1, 0, 3)
        .commit(1, 3);
    assert_eq!(cluster.cycle(0).lag(), Some(6));
    cluster.partition(0, 0, None);
    let reason = UnknownReason::EndUnavailable;
    for cycle in 1..=2 {
        let topic = cluster.cycle(cycle * 5 * SECOND);
        assert_eq!(
            topic.partitions[&0].lag,
            Lag::Unknown {
                reason,
                last: Some((6, 0))
            }
        );
        assert_eq!((topic.lag(), topic.lag_seconds()), (None, None));
        assert_eq!(topic.lag_max(), Some(0));
    }
    let topic = cluster.cycle(15 * SECOND);
    assert_eq!(
        topic.partitions[&0].lag,
        Lag::Unknown { reason, last: None }
    );
    cluster.partition(0, 0, 12);
    assert_eq!(cluster.cycle(20 * SECOND).lag(), Some(8));
}

#[test]
fn a_group_whose_commits_cannot_be_read_is_unknown_not_gone() {
    let mut cluster = Cluster::new();
    cluster.partition(0, 0, 10).commit(0, 4);
    cluster.cycle(0);
    cluster.sample.groups.get_mut("g").unwrap().committed = None;
    let topic = cluster.cycle(5 * SECOND);
    let reason = UnknownReason::CommitsUnavailable;
    assert_eq!(
        topic.partitions[&0].lag,
        Lag::Unknown {
            reason,
            last: Some((6, 0))
        }
    );
}

#[test]
fn a_cluster_that_stops_answering_has_unknown_lag_not_the_last_one_for_ever() {
    let mut cluster = Cluster::new();
    cluster.partition(0, 0, 10).commit(0, 4);
    cluster.cycle(0);
    cluster.sample = cluster.sample.clone().without_offsets();
    for _ in 0..5 {
        let snapshot = cluster.snapshot(0);
        assert_eq!(snapshot.groups["g"].lag(), None);
        assert!(!snapshot.brokers[&1].is_up);
    }
    let view = cluster.cycle(0).partitions[&0].clone();
    let reason = UnknownReason::CommitsUnavailable;
    assert_eq!(view.lag, Lag::Unknown { reason, last: None });
}

#[test]
fn an_owned_partition_without_a_commit_is_uncommitted() {
    let mut cluster = Cluster::new();
    cluster
        .partition(0, 0, 10)
        .partition(1, 0, 10)
        .commit(0, 10);
    let member = MemberSample {
        assigned: vec![("t".into(), 0), ("t".into(), 1)],
        ..MemberSample::default()
    };
    cluster.sample.groups.get_mut("g").unwrap().members = Some(vec![member]);
    let topic = cluster.cycle(0);
    assert_eq!(topic.partitions[&1].lag, Lag::Uncommitted);
    assert_eq!(topic.partitions[&1].owner, Some(0));
    assert_eq!((topic.lag(), topic.uncommitted_count()), (Some(0), 1));
    assert_eq!(topic.lag_seconds(), Some(0.0));
}

#[test]
fn time_lag_is_the_age_of_the_oldest_unread_record() {
    let mut cluster = Cluster::new();
    cluster.partition(0, 0, 0).commit(0, 0);
    cluster.cycle(0);
    cluster.partition(0, 0, 100);
    cluster.cycle(5 * SECOND);
    cluster.commit(0, 50);
    let view = cluster.cycle(60 * SECOND).partitions[&0].clone();
    // Record 50 came between 0 s and 5 s.
    assert_eq!(
        view.time_lag,
        TimeLag::Measured {
            seconds: 57.5,
            error_seconds: 2.5
        }
    );
    cluster.commit(0, 100);
    assert_eq!(
        cluster.cycle(65 * SECOND).partitions[&0].time_lag,
        TimeLag::CaughtUp
    );
}

#[test]
fn a_record_older_than_the_memory_has_at_least_an_age() {
    let mut cluster = Cluster::new();
    cluster.partition(0, 0, 10).commit(0, 4);
    cluster.cycle(0);
    let topic = cluster.cycle(30 * SECOND);
    assert_eq!(
        topic.partitions[&0].time_lag,
        TimeLag::AtLeast { seconds: 30.0 }
    );
    assert_eq!(topic.lag_seconds(), None);
}

#[test]
fn a_recreated_topic_starts_anew() {
    let mut cluster = Cluster::new();
    cluster.partition(0, 0, 10).commit(0, 4);
    cluster.cycle(0);
    cluster.partition(0, 0, 30);
    assert_eq!(
        cluster.snapshot(5 * SECOND).topics["t"].records_produced,
        20
    );
    cluster.sample.topics.get_mut("t").unwrap().id = Uuid([2; 16]);
    cluster.partition(0, 0, 5).commit(0, 2);
    let snapshot = cluster.snapshot(10 * SECOND);
    assert_eq!(snapshot.topics["t"].records_produced, 0);
    let view = &snapshot.groups["g"].topics["t"].partitions[&0];
    assert_eq!(
        (view.lag, view.time_lag),
        (Lag::Known(3), TimeLag::AtLeast { seconds: 0.0 })
    );
}

#[test]
fn what_is_deleted_disappears_from_snapshot_and_memory() {
    let mut cluster = Cluster::new();
    cluster.partition(0, 0, 10).commit(0, 4);
    cluster.cycle(0);
    cluster.sample.topics.clear();
    cluster.sample.groups.clear();
    let snapshot = cluster.snapshot(5 * SECOND);
    assert!(snapshot.topics.is_empty() && snapshot.groups.is_empty());
    assert!(cluster.calculator.topics.is_empty() && cluster.calculator.lags.is_empty());
}

#[test]
fn whatever_a_cluster_answers_lag_is_never_negative_and_never_more_than_the_log() {
    let mut random = 0x5eed_u64;
    let mut draw = |bound: i64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(random >> 33).unwrap() % bound
    };
    let mut cluster = Cluster::new();
    for cycle in 0..5_000 {
        let (start, end) = (draw(50) - 1, draw(100));
        let end = (draw(10) > 0).then_some(end);
        cluster.partition(0, start, end).commit(0, draw(120) - 2);
        let view = cluster.cycle(cycle * SECOND).partitions[&0].clone();
        if let (Lag::Known(lag), Some(end)) = (view.lag, end) {
            assert!(i64::try_from(lag).unwrap() <= (end - start).max(0));
            assert_eq!(lag == 0, view.time_lag == TimeLag::CaughtUp);
        }
    }
}
