//! The families written from the monitor's snapshot: groups, topics and brokers.
//!
//! What is unknown is absent; so is the state of a cluster that has been silent for some cycles. Series for each partition are bounded: beyond the limit a group's or a
//! topic's partition series are left out whole, and counted, while its sums stay.

use super::exposition::{Exposition, Family, SeriesWriter, families};
use crate::monitor::sample::PartitionSample;
use crate::monitor::snapshot::{GroupTopicView, GroupView, Snapshot, TopicView};

families! {
    GROUP_INFO = "sluice_group_info", Gauge, ["cluster", "group", "type", "protocol", "coordinator"],
        "Always 1; carries the type, assignor and coordinator of a group.";
    GROUP_STATE = "sluice_group_state", Gauge, ["cluster", "group", "state"],
        "Always 1; carries the state a group is in.";
    GROUP_MEMBERS = "sluice_group_members", Gauge, ["cluster", "group"],
        "Members of a group; absent where Kafka does not tell them.";
    GROUP_LAG = "sluice_group_lag", Gauge, ["cluster", "group", "topic"],
        "Records of a topic that a group has yet to read; absent while a partition is unknown.";
    GROUP_LAG_MAX = "sluice_group_lag_max", Gauge, ["cluster", "group", "topic"],
        "The largest known lag of a partition, in records.";
    GROUP_LAG_SECONDS = "sluice_group_lag_seconds", Gauge, ["cluster", "group", "topic"],
        "Age of the oldest record that a group has yet to read; absent until it can be told.";
    GROUP_UNCOMMITTED = "sluice_group_uncommitted_partitions", Gauge, ["cluster", "group", "topic"],
        "Partitions that members own without ever having committed an offset; absent where Kafka does not tell the members.";
    GROUP_UNKNOWN = "sluice_group_unknown_partitions", Gauge, ["cluster", "group", "topic"],
        "Partitions whose lag could not be told in the last cycle.";
    GROUP_PARTITION_LAG = "sluice_group_partition_lag", Gauge, ["cluster", "group", "topic", "partition"],
        "Records of a partition that a group has yet to read.";
    GROUP_PARTITION_LAG_SECONDS = "sluice_group_partition_lag_seconds", Gauge,
        ["cluster", "group", "topic", "partition"],
        "Age of the oldest record of a partition that a group has yet to read.";
    GROUP_PARTITION_COMMITTED = "sluice_group_partition_committed_offset", Gauge,
        ["cluster", "group", "topic", "partition"],
        "Offset a group committed: that of the next record it will read.";
    TOPIC_PARTITIONS = "sluice_topic_partitions", Gauge, ["cluster", "topic"],
        "Partitions of a topic.";
    TOPIC_REPLICAS_UNDER = "sluice_topic_replicas_under", Gauge, ["cluster", "topic"],
        "Partitions of a topic with fewer replicas in sync than assigned.";
    TOPIC_RECORDS_PRODUCED = "sluice_topic_records_produced_total", Counter, ["cluster", "topic"],
        "Records produced to a topic since the monitor first saw it, by the advance of its ends.";
    TOPIC_SIZE = "sluice_topic_size_bytes", Gauge, ["cluster", "topic"],
        "Bytes on disk of all replicas of a topic.";
    PARTITION_LOG_START = "sluice_topic_partition_log_start_offset", Gauge,
        ["cluster", "topic", "partition"],
        "Offset of the first record a partition keeps.";
    PARTITION_LOG_END = "sluice_topic_partition_log_end_offset", Gauge,
        ["cluster", "topic", "partition"],
        "High watermark of a partition: the offset after the last record that can be read.";
    PARTITION_LAST_STABLE = "sluice_topic_partition_last_stable_offset", Gauge,
        ["cluster", "topic", "partition"],
        "Offset below which no transaction of a partition is open.";
    PARTITION_LSO_GAP = "sluice_topic_partition_lso_gap_records", Gauge,
        ["cluster", "topic", "partition"],
        "Records of a partition behind an open transaction.";
    BROKER_UP = "sluice_broker_up", Gauge, ["cluster", "broker"],
        "1 where a broker answered every request of the last cycle, else 0.";
    BROKER_INFO = "sluice_broker_info", Gauge, ["cluster", "broker", "host", "port", "rack"],
        "Always 1; carries the address of a broker.";
    BROKER_LEADERS = "sluice_broker_partitions_leader", Gauge, ["cluster", "broker"],
        "Partitions a broker leads.";
    BROKER_LOG_DIR_BYTES = "sluice_broker_log_dir_bytes", Gauge, ["cluster", "broker"],
        "Bytes in the log directories of a broker.";
}

/// The text of a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// Families in the Prometheus text format.
    pub text: String,
    /// Series in it.
    pub series: usize,
    /// Partition series left out because of the limit.
    pub series_dropped: usize,
}

/// Writes a snapshot, with at most `partition_series_max` series that carry a partition.
#[must_use]
pub fn render(snapshot: &Snapshot, partition_series_max: usize) -> Rendered {
    let mut exposition = Exposition::default();
    let kept = Kept::within(snapshot, partition_series_max);
    groups(&mut exposition, snapshot);
    topics(&mut exposition, snapshot);
    brokers(&mut exposition, snapshot);
    group_partitions(&mut exposition, snapshot, &kept);
    if !snapshot.is_outdated {
        group_states(&mut exposition, snapshot);
        topic_states(&mut exposition, snapshot);
        broker_states(&mut exposition, snapshot);
        topic_partitions(&mut exposition, snapshot, &kept);
    }
    let (text, series) = exposition.finish();
    Rendered {
        text,
        series,
        series_dropped: kept.dropped,
    }
}

fn groups(exposition: &mut Exposition, snapshot: &Snapshot) {
    let cluster = &snapshot.cluster;
    exposition.family(&GROUP_INFO, |series| {
        for (name, group) in &snapshot.groups {
            let coordinator = group
                .coordinator
                .map(|id| id.to_string())
                .unwrap_or_default();
            series.add(
                &[cluster, name, &group.kind, &group.assignor, &coordinator],
                1_u64,
            );
        }
    });
    let mut by_topic = |family, number: fn(&GroupTopicView) -> Option<u64>| {
        exposition.family(family, |series| {
            for (name, group) in &snapshot.groups {
                for (topic, view) in &group.topics {
                    series.add_known(&[cluster, name, topic], number(view));
                }
            }
        });
    };
    by_topic(&GROUP_LAG, GroupTopicView::lag);
    by_topic(&GROUP_LAG_MAX, GroupTopicView::lag_max);
    by_topic(&GROUP_UNKNOWN, |view| Some(count(view.unknown_count())));
    exposition.family(&GROUP_LAG_SECONDS, |series| {
        for (name, group) in &snapshot.groups {
            for (topic, view) in &group.topics {
                series.add_known(&[cluster, name, topic], view.lag_seconds());
            }
        }
    });
}

/// What a group is doing now, as far as Kafka tells.
fn group_states(exposition: &mut Exposition, snapshot: &Snapshot) {
    let cluster = &snapshot.cluster;
    exposition.family(&GROUP_STATE, |series| {
        for (name, group) in &snapshot.groups {
            series.add(&[cluster, name, &group.state], 1_u64);
        }
    });
    exposition.family(&GROUP_MEMBERS, |series| {
        for (name, group) in &snapshot.groups {
            series.add_known(&[cluster, name], group.members.as_ref().map(Vec::len));
        }
    });
    exposition.family(&GROUP_UNCOMMITTED, |series| {
        // Who owns what is known of members alone.
        let told = snapshot
            .groups
            .iter()
            .filter(|(_, group)| group.members.is_some());
        for (name, group) in told {
            for (topic, view) in &group.topics {
                series.add(&[cluster, name, topic], count(view.uncommitted_count()));
            }
        }
    });
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn topics(exposition: &mut Exposition, snapshot: &Snapshot) {
    let mut by_topic = by_topic(exposition, snapshot);
    by_topic(&TOPIC_PARTITIONS, |topic| {
        Some(count(topic.sample.partitions.len()))
    });
    by_topic(&TOPIC_RECORDS_PRODUCED, |topic| {
        Some(topic.records_produced)
    });
}

/// How topics fare now.
fn topic_states(exposition: &mut Exposition, snapshot: &Snapshot) {
    let mut by_topic = by_topic(exposition, snapshot);
    by_topic(&TOPIC_REPLICAS_UNDER, |topic| {
        let partitions = topic.sample.partitions.values();
        Some(count(
            partitions
                .filter(|p| p.in_sync.len() < p.replicas.len())
                .count(),
        ))
    });
    by_topic(&TOPIC_SIZE, |topic| topic.sample.size_bytes);
}

/// Writes families with a series for each topic where a number is known.
fn by_topic(
    exposition: &mut Exposition,
    snapshot: &Snapshot,
) -> impl FnMut(&Family, fn(&TopicView) -> Option<u64>) {
    |family, number| {
        exposition.family(family, |series| {
            for (name, topic) in &snapshot.topics {
                series.add_known(&[&snapshot.cluster, name], number(topic));
            }
        });
    }
}

fn brokers(exposition: &mut Exposition, snapshot: &Snapshot) {
    let cluster = &snapshot.cluster;
    exposition.family(&BROKER_UP, |series| {
        for (id, broker) in &snapshot.brokers {
            series.add(&[cluster, id], u64::from(broker.is_up));
        }
    });
    exposition.family(&BROKER_INFO, |series| {
        for (id, broker) in &snapshot.brokers {
            let rack = broker.rack.as_deref().unwrap_or_default();
            series.add(&[cluster, id, &broker.host, &broker.port, &rack], 1_u64);
        }
    });
}

/// What brokers have now.
fn broker_states(exposition: &mut Exposition, snapshot: &Snapshot) {
    let cluster = &snapshot.cluster;
    exposition.family(&BROKER_LEADERS, |series| {
        for id in snapshot.brokers.keys() {
            let partitions = snapshot
                .topics
                .values()
                .flat_map(|t| t.sample.partitions.values());
            let led = partitions
                .filter(|partition| partition.leader == Some(*id))
                .count();
            series.add(&[cluster, id], led);
        }
    });
    exposition.family(&BROKER_LOG_DIR_BYTES, |series| {
        for (id, broker) in &snapshot.brokers {
            series.add_known(&[cluster, id], broker.log_dir_bytes);
        }
    });
}

/// How many groups and topics, from the first on, may have partition series.
struct Kept {
    groups: usize,
    topics: usize,
    dropped: usize,
}

impl Kept {
    const OF_GROUP: usize = 3;
    const OF_TOPIC: usize = 4;

    fn within(snapshot: &Snapshot, mut left: usize) -> Self {
        let mut kept = Self {
            groups: 0,
            topics: 0,
            dropped: 0,
        };
        for group in snapshot.groups.values() {
            kept.take(
                &mut left,
                group.partitions().count() * Self::OF_GROUP,
                |kept| &mut kept.groups,
            );
        }
        for topic in snapshot.topics.values() {
            let count = topic.sample.partitions.len() * Self::OF_TOPIC;
            kept.take(&mut left, count, |kept| &mut kept.topics);
        }
        kept
    }

    /// Keeps `count` more series, or drops them and all that follow.
    fn take(&mut self, left: &mut usize, count: usize, counter: fn(&mut Self) -> &mut usize) {
        if self.dropped == 0 && count <= *left {
            *left -= count;
            *counter(self) += 1;
        } else {
            self.dropped += count;
        }
    }
}

fn group_partitions(exposition: &mut Exposition, snapshot: &Snapshot, kept: &Kept) {
    type Add<'a> = &'a dyn Fn(&mut SeriesWriter<'_>, &str, &GroupView);
    let mut family = |family, add: Add<'_>| {
        exposition.family(family, |series| {
            for (name, group) in snapshot.groups.iter().take(kept.groups) {
                add(series, name, group);
            }
        });
    };
    let cluster = &snapshot.cluster;
    family(&GROUP_PARTITION_LAG, &|series, name, group| {
        for (topic, number, view) in group.partitions() {
            series.add_known(&[cluster, &name, topic, &number], view.lag.known());
        }
    });
    family(&GROUP_PARTITION_LAG_SECONDS, &|series, name, group| {
        for (topic, number, view) in group.partitions() {
            series.add_known(
                &[cluster, &name, topic, &number],
                view.time_lag.known_seconds(),
            );
        }
    });
    family(&GROUP_PARTITION_COMMITTED, &|series, name, group| {
        for (topic, number, view) in group.partitions() {
            series.add_known(&[cluster, &name, topic, &number], view.committed);
        }
    });
}

fn topic_partitions(exposition: &mut Exposition, snapshot: &Snapshot, kept: &Kept) {
    type Offset = fn(&PartitionSample) -> Option<i64>;
    let mut family = |family, offset: Offset| {
        exposition.family(family, |series| {
            for (name, topic) in snapshot.topics.iter().take(kept.topics) {
                for (number, partition) in &topic.sample.partitions {
                    series.add_known(&[&snapshot.cluster, name, number], offset(partition));
                }
            }
        });
    };
    family(&PARTITION_LOG_START, |partition| partition.log_start);
    family(&PARTITION_LOG_END, |partition| partition.log_end);
    family(&PARTITION_LAST_STABLE, |partition| partition.last_stable);
    family(&PARTITION_LSO_GAP, |partition| {
        let gap = partition.log_end?.saturating_sub(partition.last_stable?);
        // The two are read one after the other, so the second may have moved past the first.
        Some(gap.max(0))
    });
}

#[cfg(test)]
mod tests;
