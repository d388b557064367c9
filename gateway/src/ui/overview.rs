//! `/`: the cluster, its brokers, its groups by lag, its topics.

use std::sync::Arc;

use askama::Template;

use super::page::Frame;
use super::sparkline::Recent;
use super::{format, lag};
use crate::extract::segment;
use crate::monitor::sample::BrokerSample;
use crate::monitor::snapshot::{GroupView, Snapshot, TopicView};

/// Rows of a table at most; the search finds the others.
const ROWS_MAX: usize = 200;

/// The page.
#[derive(Debug, Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    frame: Frame,
    query: String,
    controller: String,
    brokers: Vec<BrokerRow>,
    groups: Vec<GroupRow>,
    groups_left_out: usize,
    topics: Vec<TopicRow>,
    topics_left_out: usize,
}

#[derive(Debug)]
struct BrokerRow {
    id: i32,
    address: String,
    is_up: bool,
    leads: String,
    size: String,
}

#[derive(Debug)]
struct GroupRow {
    name: String,
    href: String,
    state: String,
    members: String,
    lag: String,
    time_lag: String,
    spark: Arc<str>,
}

#[derive(Debug)]
struct TopicRow {
    name: String,
    is_internal: bool,
    partitions: String,
    under_replicated: usize,
    records: String,
    size: String,
    groups: String,
}

impl OverviewPage {
    /// The page of what `snapshot` knows, with the groups and topics whose name contains `query`.
    #[must_use]
    pub fn new(frame: Frame, snapshot: &Snapshot, recent: Recent<'_>, query: &str) -> Self {
        let mut groups: Vec<_> = snapshot
            .groups
            .iter()
            .filter(|(name, _)| name.contains(query))
            .collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(urgency(group)));
        let mut topics: Vec<_> = snapshot
            .topics
            .iter()
            .filter(|(name, _)| name.contains(query))
            .collect();
        topics.sort_by_key(|(_, topic)| topic.sample.is_internal);
        Self {
            controller: snapshot
                .controller
                .map_or_else(|| "unknown".into(), |id| id.to_string()),
            brokers: snapshot
                .brokers
                .iter()
                .map(|(id, broker)| BrokerRow::new(*id, broker, snapshot))
                .collect(),
            groups_left_out: groups.len().saturating_sub(ROWS_MAX),
            groups: groups
                .into_iter()
                .take(ROWS_MAX)
                .map(|(name, group)| {
                    GroupRow::new(name, group, recent.sparkline(name, snapshot.sampled_at))
                })
                .collect(),
            topics_left_out: topics.len().saturating_sub(ROWS_MAX),
            topics: topics
                .into_iter()
                .take(ROWS_MAX)
                .map(|(name, topic)| TopicRow::new(name, topic, snapshot))
                .collect(),
            query: query.to_owned(),
            frame,
        }
    }
}

/// What sorts groups: those that cannot be told first, then by lag.
fn urgency(group: &GroupView) -> (bool, u64) {
    let known = group
        .partitions()
        .filter_map(|(_, _, view)| view.lag.known());
    (
        group.unknown_count() > 0,
        known.fold(0, u64::saturating_add),
    )
}

impl BrokerRow {
    fn new(id: i32, broker: &BrokerSample, snapshot: &Snapshot) -> Self {
        let partitions = snapshot
            .topics
            .values()
            .flat_map(|topic| topic.sample.partitions.values());
        Self {
            id,
            address: format!("{}:{}", broker.host, broker.port),
            is_up: broker.is_up,
            leads: counted(
                partitions
                    .filter(|partition| partition.leader == Some(id))
                    .count(),
            ),
            size: broker.log_dir_bytes.map(format::bytes).unwrap_or_default(),
        }
    }
}

impl GroupRow {
    fn new(name: &Arc<str>, group: &GroupView, spark: Arc<str>) -> Self {
        Self {
            name: name.to_string(),
            href: format!("/groups/{}", segment(name)),
            state: group.state.to_string(),
            members: group
                .members
                .as_ref()
                .map_or_else(|| "unknown".into(), |members| counted(members.len())),
            lag: lag::sum(group.lag(), group.partitions().map(|(_, _, view)| view)),
            time_lag: lag::largest_time(group.partitions().map(|(_, _, view)| view)),
            spark,
        }
    }
}

impl TopicRow {
    fn new(name: &str, topic: &TopicView, snapshot: &Snapshot) -> Self {
        let partitions = topic.sample.partitions.values();
        let records: Option<i64> = partitions
            .clone()
            .map(|partition| Some(partition.log_end?.saturating_sub(partition.log_start?)))
            .try_fold(0_i64, |sum, records| Some(sum.saturating_add(records?)));
        let readers = snapshot
            .groups
            .values()
            .filter(|group| group.topics.contains_key(name));
        Self {
            name: name.to_owned(),
            is_internal: topic.sample.is_internal,
            partitions: counted(topic.sample.partitions.len()),
            under_replicated: partitions
                .filter(|p| p.in_sync.len() < p.replicas.len())
                .count(),
            records: records.map_or_else(|| "unknown".into(), format::count),
            size: topic
                .sample
                .size_bytes
                .map(format::bytes)
                .unwrap_or_default(),
            groups: counted(readers.count()),
        }
    }
}

fn counted(count: usize) -> String {
    format::count(i64::try_from(count).unwrap_or(i64::MAX))
}
