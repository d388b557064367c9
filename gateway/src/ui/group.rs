//! `/groups/{group}`: where a group stands in each partition, and how it came there.

use askama::Template;

use super::chart::{Chart, Line};
use super::page::Frame;
use super::{format, lag};
use crate::monitor::history::{History, Point};
use crate::monitor::sample::{MemberSample, Millis};
use crate::monitor::snapshot::{GroupPartitionView, GroupTopicView, GroupView, Snapshot};

/// Partitions shown of one topic at most.
const PARTITIONS_MAX: usize = 500;

/// The page.
#[derive(Debug, Template)]
#[template(path = "group.html")]
pub struct GroupPage {
    frame: Frame,
    name: String,
    state: String,
    kind: String,
    assignor: String,
    coordinator: String,
    lag: String,
    time_lag: String,
    member_count: String,
    members: Vec<MemberRow>,
    offsets_chart: Option<String>,
    lag_chart: Option<String>,
    topics: Vec<TopicTable>,
}

#[derive(Debug)]
struct MemberRow {
    id: String,
    client: String,
    host: String,
    partitions: usize,
}

#[derive(Debug)]
struct TopicTable {
    name: String,
    lag: String,
    time_lag: String,
    partitions: Vec<PartitionRow>,
    left_out: usize,
}

#[derive(Debug)]
struct PartitionRow {
    number: i32,
    committed: String,
    end: String,
    lag: String,
    lag_note: String,
    time_lag: String,
    owner: String,
}

impl GroupPage {
    /// The page of a group, or `None` where the snapshot does not know it.
    #[must_use]
    pub fn new(
        frame: Frame,
        snapshot: &Snapshot,
        history: &History,
        name: &str,
        since: Millis,
    ) -> Option<Self> {
        let group = snapshot.groups.get(name)?;
        let points = history.group_points(name, since);
        Some(Self {
            name: name.to_owned(),
            state: group.state.to_string(),
            kind: group.kind.to_string(),
            assignor: group.assignor.to_string(),
            coordinator: group
                .coordinator
                .map(|id| id.to_string())
                .unwrap_or_default(),
            lag: lag::sum(group.lag(), group.partitions().map(|(_, _, view)| view)),
            time_lag: lag::largest_time(group.partitions().map(|(_, _, view)| view)),
            member_count: group
                .members
                .as_ref()
                .map_or_else(|| "unknown".into(), |members| members.len().to_string()),
            members: group.members.iter().flatten().map(MemberRow::new).collect(),
            offsets_chart: offsets_chart(name, &frame.reach, &points).svg(),
            lag_chart: lag_chart(name, &frame.reach, &points).svg(),
            topics: group
                .topics
                .iter()
                .map(|(topic, view)| TopicTable::new(topic, view, group, snapshot.sampled_at))
                .collect(),
            frame,
        })
    }
}

fn offsets_chart(group: &str, reach: &str, points: &[Point]) -> Chart {
    let line = |name, class, value: fn(&Point) -> i64| Line {
        name,
        class,
        values: points.iter().map(value).collect(),
    };
    Chart {
        label: format!("committed and end offsets of {group} over the last {reach}"),
        times: points.iter().map(|point| point.at).collect(),
        lines: vec![
            line("end", "end", |point| point.end),
            line("committed", "committed", |point| point.committed),
        ],
        from_zero: false,
    }
}

fn lag_chart(group: &str, reach: &str, points: &[Point]) -> Chart {
    Chart {
        label: format!("lag of {group} over the last {reach}"),
        times: points.iter().map(|point| point.at).collect(),
        lines: vec![Line {
            name: "lag",
            class: "lag",
            values: points.iter().map(|point| point.lag).collect(),
        }],
        from_zero: true,
    }
}

impl MemberRow {
    fn new(member: &MemberSample) -> Self {
        Self {
            id: member.member_id.to_string(),
            client: member.client_id.to_string(),
            host: member.host.to_string(),
            partitions: member.assigned.len(),
        }
    }
}

impl TopicTable {
    fn new(name: &str, view: &GroupTopicView, group: &GroupView, now: Millis) -> Self {
        Self {
            name: name.to_owned(),
            lag: lag::sum(view.lag(), view.partitions.values()),
            time_lag: lag::largest_time(view.partitions.values()),
            left_out: view.partitions.len().saturating_sub(PARTITIONS_MAX),
            partitions: view
                .partitions
                .iter()
                .take(PARTITIONS_MAX)
                .map(|(number, partition)| PartitionRow::new(*number, partition, group, now))
                .collect(),
        }
    }
}

impl PartitionRow {
    fn new(number: i32, view: &GroupPartitionView, group: &GroupView, now: Millis) -> Self {
        let (lag, lag_note) = lag::of_partition(view.lag, now);
        let owner = group.owner(view);
        Self {
            number,
            committed: view.committed.map_or_else(|| "–".into(), format::count),
            end: view.log_end.map_or_else(|| "unknown".into(), format::count),
            lag,
            lag_note,
            time_lag: lag::largest_time([view]),
            owner: owner
                .map(|member| format!("{} {}", member.client_id, member.host))
                .unwrap_or_default(),
        }
    }
}
