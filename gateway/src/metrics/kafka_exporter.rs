//! The names of `kafka_exporter`, for dashboards and alerts that already use them.
//!
//! Served apart from the native families, so that series for each partition do not defeat their
//! limit. Meanings are that tool's: -1 stands for "no commit". What is unknown is absent, and lag
//! never counts records that are gone.

use super::exposition::{Exposition, Family, Kind};
use crate::monitor::sample::PartitionSample;
use crate::monitor::snapshot::{GroupPartitionView, GroupTopicView, Lag, Snapshot};

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Gauge,
        labels,
        help,
    }
}

const PARTITION: &[&str] = &["topic", "partition"];
const GROUP_PARTITION: &[&str] = &["consumergroup", "topic", "partition"];
const GROUP_TOPIC: &[&str] = &["consumergroup", "topic"];

const BUILD_INFO: Family = gauge(
    "kafka_exporter_build_info",
    &["version"],
    "Always 1; the version of Sluice.",
);
const BROKERS: Family = gauge("kafka_brokers", &[], "Brokers of the cluster.");
const BROKER_INFO: Family = gauge(
    "kafka_broker_info",
    &["id", "address"],
    "Always 1; the address of a broker.",
);
const TOPIC_PARTITIONS: Family = gauge(
    "kafka_topic_partitions",
    &["topic"],
    "Partitions of a topic.",
);
const CURRENT_OFFSET: Family = gauge(
    "kafka_topic_partition_current_offset",
    PARTITION,
    "High watermark of a partition.",
);
const OLDEST_OFFSET: Family = gauge(
    "kafka_topic_partition_oldest_offset",
    PARTITION,
    "First offset a partition keeps.",
);
const LEADER: Family = gauge(
    "kafka_topic_partition_leader",
    PARTITION,
    "Broker that leads.",
);
const LEADER_IS_PREFERRED: Family = gauge(
    "kafka_topic_partition_leader_is_preferred",
    PARTITION,
    "1 where the first replica leads, else 0.",
);
const REPLICAS: Family = gauge(
    "kafka_topic_partition_replicas",
    PARTITION,
    "Replicas assigned.",
);
const IN_SYNC: Family = gauge(
    "kafka_topic_partition_in_sync_replica",
    PARTITION,
    "Replicas in sync.",
);
const UNDER_REPLICATED: Family = gauge(
    "kafka_topic_partition_under_replicated_partition",
    PARTITION,
    "1 where fewer replicas are in sync than assigned, else 0.",
);
const GROUP_OFFSET: Family = gauge(
    "kafka_consumergroup_current_offset",
    GROUP_PARTITION,
    "Committed offset, or -1.",
);
const GROUP_OFFSET_SUM: Family = gauge(
    "kafka_consumergroup_current_offset_sum",
    GROUP_TOPIC,
    "Sum of the committed offsets.",
);
const GROUP_LAG: Family = gauge(
    "kafka_consumergroup_lag",
    GROUP_PARTITION,
    "Records to read, or -1 without a commit.",
);
const GROUP_LAG_SUM: Family = gauge(
    "kafka_consumergroup_lag_sum",
    GROUP_TOPIC,
    "Sum of the records to read.",
);
const GROUP_MEMBERS: Family = gauge(
    "kafka_consumergroup_members",
    &["consumergroup"],
    "Members of a group.",
);

/// Writes a snapshot under the names of `kafka_exporter`.
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    let mut exposition = Exposition::default();
    exposition.family(&BUILD_INFO, |series| {
        series.add(&[&env!("CARGO_PKG_VERSION")], 1_u64)
    });
    let brokers = (!snapshot.is_outdated).then_some(snapshot.brokers.len());
    exposition.family(&BROKERS, |series| series.add_known(&[], brokers));
    exposition.family(&BROKER_INFO, |series| {
        for (id, broker) in &snapshot.brokers {
            series.add(
                &[id, &format_args!("{}:{}", broker.host, broker.port)],
                1_u64,
            );
        }
    });
    topics(&mut exposition, snapshot);
    groups(&mut exposition, snapshot);
    exposition.finish().0
}

fn topics(exposition: &mut Exposition, snapshot: &Snapshot) {
    exposition.family(&TOPIC_PARTITIONS, |series| {
        for (name, topic) in &snapshot.topics {
            series.add(&[name], topic.sample.partitions.len());
        }
    });
    if snapshot.is_outdated {
        return;
    }
    let mut partition = |family, number: fn(&PartitionSample) -> Option<i64>| {
        exposition.family(family, |series| {
            for (name, topic) in &snapshot.topics {
                for (id, partition) in &topic.sample.partitions {
                    series.add_known(&[name, id], number(partition));
                }
            }
        });
    };
    partition(&CURRENT_OFFSET, |partition| partition.log_end);
    partition(&OLDEST_OFFSET, |partition| partition.log_start);
    partition(&LEADER, |partition| partition.leader.map(i64::from));
    partition(&LEADER_IS_PREFERRED, |partition| {
        Some(i64::from(
            partition.leader.is_some() && partition.leader.as_ref() == partition.replicas.first(),
        ))
    });
    partition(&REPLICAS, |partition| {
        i64::try_from(partition.replicas.len()).ok()
    });
    partition(&IN_SYNC, |partition| {
        i64::try_from(partition.in_sync.len()).ok()
    });
    partition(&UNDER_REPLICATED, |partition| {
        Some(i64::from(
            partition.in_sync.len() < partition.replicas.len(),
        ))
    });
}

fn groups(exposition: &mut Exposition, snapshot: &Snapshot) {
    let mut partition = |family, number: fn(&GroupPartitionView) -> Option<i64>| {
        exposition.family(family, |series| {
            for (name, group) in &snapshot.groups {
                for (topic, id, view) in group.partitions() {
                    series.add_known(&[name, topic, &id], number(view));
                }
            }
        });
    };
    partition(&GROUP_OFFSET, |view| match view.lag {
        Lag::Uncommitted => Some(-1),
        Lag::Known(_) | Lag::Unknown { .. } => view.committed,
    });
    partition(&GROUP_LAG, |view| match view.lag {
        Lag::Uncommitted => Some(-1),
        Lag::Known(lag) => i64::try_from(lag).ok(),
        Lag::Unknown { .. } => None,
    });
    exposition.family(&GROUP_OFFSET_SUM, |series| {
        for (name, group) in &snapshot.groups {
            for (topic, view) in &group.topics {
                series.add_known(&[name, topic], committed_sum(view));
            }
        }
    });
    exposition.family(&GROUP_LAG_SUM, |series| {
        for (name, group) in &snapshot.groups {
            for (topic, view) in &group.topics {
                series.add_known(&[name, topic], view.lag());
            }
        }
    });
    if snapshot.is_outdated {
        return;
    }
    exposition.family(&GROUP_MEMBERS, |series| {
        for (name, group) in &snapshot.groups {
            series.add_known(&[name], group.members.as_ref().map(Vec::len));
        }
    });
}

/// The sum of the committed offsets; `None` where one of them could not be read.
fn committed_sum(view: &GroupTopicView) -> Option<i64> {
    view.partitions.values().try_fold(0_i64, |sum, partition| {
        let committed = match partition.lag {
            Lag::Uncommitted => 0,
            Lag::Known(_) | Lag::Unknown { .. } => partition.committed?,
        };
        Some(sum.saturating_add(committed))
    })
}
