//! `lags` and `lag-summary` of a consumer group, from the monitor's picture: the numbers that
//! `/metrics` and the page show too.
//!
//! A sum is told only when each of its parts is known, so a summary with an unknown partition is a 503,
//! which clients try again. The list has the partitions that are known, and beside them, in a field
//! that Confluent's answer does not have, those that are not, with the reason.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::consumer_group::{self, Found};
use super::link::{Content, Links, List, Place, Relation, Resource, ok};
use super::partition;
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::monitor;
use crate::monitor::sample::{MemberSample, Millis};
use crate::monitor::snapshot::{GroupPartitionView, GroupView, Lag, TimeLag, UnknownReason};

/// A group's lag in a partition.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ConsumerLag {
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Name of the group.
    consumer_group_id: String,
    /// Name of the topic.
    topic_name: String,
    /// Number of the partition.
    partition_id: i32,
    /// Id of the consumer that owns it, or empty.
    consumer_id: String,
    /// Static id of that consumer, or null.
    instance_id: Option<String>,
    /// Name that consumer's client gave itself, or empty.
    client_id: String,
    /// The committed offset.
    current_offset: i64,
    /// Offset after the last record that can be read.
    log_end_offset: i64,
    /// Records the group has yet to read.
    lag: u64,
    /// Age of the oldest of them in seconds, 0 without any; null where it is not known. An addition
    /// to Confluent's API.
    time_lag_seconds: Option<f64>,
    /// Whether the age is a lower bound: the record is older than the monitor's memory.
    is_time_lag_at_least: bool,
}

impl Content for ConsumerLag {
    const KIND: &'static str = "KafkaConsumerLag";
    const LIST_KIND: &'static str = "KafkaConsumerLagList";
}

/// The lags of a group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ConsumerLagList {
    /// Those that are known.
    #[serde(flatten)]
    known: List<ConsumerLag>,
    /// Those that are not, an addition to Confluent's API; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<UnknownLag>,
}

/// A partition the group reads, whose lag cannot be told.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct UnknownLag {
    /// Name of the topic.
    topic_name: String,
    /// Number of the partition.
    partition_id: i32,
    /// `commits_unavailable`, `end_unavailable`, `partition_missing` or `commit_beyond_end`.
    #[schema(value_type = String)]
    reason: Reason,
    /// The last lag that was known, for two cycles, or null.
    last_lag: Option<u64>,
    /// Seconds since then, or null.
    last_lag_age_seconds: Option<f64>,
}

/// A reason, in JSON by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reason(UnknownReason);

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// A group's lag at a glance.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LagSummary {
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Name of the group.
    consumer_group_id: String,
    /// Id of the consumer that owns the most lagging partition, or empty.
    max_lag_consumer_id: String,
    /// Static id of that consumer, or null.
    max_lag_instance_id: Option<String>,
    /// Name that consumer's client gave itself, or empty.
    max_lag_client_id: String,
    /// Topic of the most lagging partition.
    max_lag_topic_name: String,
    /// Number of the most lagging partition.
    max_lag_partition_id: i32,
    /// Its lag.
    max_lag: u64,
    /// The sum of all lags.
    total_lag: u64,
    /// That consumer.
    max_lag_consumer: Relation,
    /// That partition.
    max_lag_partition: Relation,
}

impl Content for LagSummary {
    const KIND: &'static str = "KafkaConsumerGroupLagSummary";
    const LIST_KIND: &'static str = "KafkaConsumerGroupLagSummaryList";
}

/// Lists a group's lag, partition by partition.
#[utoipa::path(
    operation_id = "v3_lag_list",
    tag = "v3 consumer groups",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("consumer_group_id" = String, Path, description = "Name of the group."),
    ),
    responses(
        (status = 200, description = "The lag of each partition; those that are not known apart.", body = ConsumerLagList),
        (status = 404, description = "There is no such group, or it committed nothing.", body = ErrorBody),
        (status = 503, description = "None of its lags is known (50302).", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/lags")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let found = Found::look_up(&state, &path.1).await?;
    let lags = Lags::of(found.group()?)?;
    let known = lags.known.iter();
    let known = known.map(|lag| lag.resource(&links, &path.1)).collect();
    Ok(ok(&ConsumerLagList {
        known: links.list(&consumer_group::place(&path.1), "lags", known),
        unknown: lags.unknown,
    }))
}

/// Tells a group's lag in one partition.
#[utoipa::path(
    operation_id = "v3_lag_get",
    tag = "v3 consumer groups",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("consumer_group_id" = String, Path, description = "Name of the group."),
        ("topic_name" = String, Path, description = "Name of the topic."),
        ("partition_id" = i32, Path, description = "Number of the partition."),
    ),
    responses(
        (status = 200, description = "The lag.", body = Resource<ConsumerLag>),
        (status = 404, description = "There is no such group, or it committed nothing there.", body = ErrorBody),
        (status = 503, description = "Its lag there is not known (50302).", body = ErrorBody),
    )
)]
#[get(
    "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/lags/{topic_name}/partitions/{partition_id}"
)]
pub(crate) async fn get(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String, String, i32)>,
) -> Result<HttpResponse, ApiError> {
    let (_, group, topic, number) = path.into_inner();
    let found = Found::look_up(&state, &group).await?;
    let lags = Lags::of(found.group()?)?;
    Ok(ok(&lags.get(&topic, number)?.resource(&links, &group)))
}

/// Tells a group's lag at a glance.
#[utoipa::path(
    operation_id = "v3_lag_summary",
    tag = "v3 consumer groups",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("consumer_group_id" = String, Path, description = "Name of the group."),
    ),
    responses(
        (status = 200, description = "The summary.", body = Resource<LagSummary>),
        (status = 404, description = "There is no such group, or it committed nothing.", body = ErrorBody),
        (status = 503, description = "The lag of a partition is not known (50302).", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/lag-summary")]
pub(crate) async fn summary(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let found = Found::look_up(&state, &path.1).await?;
    let lags = Lags::of(found.group()?)?;
    let content = lags.whole()?.summary(&links, &path.1)?;
    let place = consumer_group::place(&path.1).part("lag-summary", "lag-summary");
    Ok(ok(&links.resource(&place, content)))
}

/// Where a group's lag in a partition is.
pub(super) fn place(group: &str, topic: &str, number: i32) -> Place {
    let lag = consumer_group::place(group).item("lags", "lag", topic);
    lag.item("partitions", "partition", number)
}

const NO_LAGS: &str = "Consumer lags not found.";

/// The lags of a group that committed something, by topic and partition; at least one is known.
#[derive(Debug)]
struct Lags<'a> {
    known: Vec<KnownLag<'a>>,
    unknown: Vec<UnknownLag>,
}

#[derive(Debug)]
struct KnownLag<'a> {
    topic: &'a str,
    partition: i32,
    committed: i64,
    end: i64,
    lag: u64,
    time_lag: TimeLag,
    owner: Option<&'a MemberSample>,
}

impl<'a> Lags<'a> {
    fn of(group: &'a GroupView) -> Result<Self, ApiError> {
        let known = group.partitions().filter_map(|(topic, number, view)| {
            KnownLag::of(topic, number, view, group.owner(view))
        });
        let now = monitor::now();
        let unknown = group
            .partitions()
            .filter_map(|(topic, number, view)| UnknownLag::of(topic, number, view, now));
        let lags = Self {
            known: known.collect(),
            unknown: unknown.collect(),
        };
        if !lags.known.is_empty() {
            return Ok(lags);
        }
        lags.whole()?;
        Err(if group.are_commits_known {
            let message = "Consumer group offsets could not be found.".to_owned();
            ApiError::NotFound { message }
        } else {
            let because = UnknownReason::CommitsUnavailable.because();
            let message = format!("The offsets of the group are not known: {because}.");
            ApiError::Unknown { message }
        })
    }

    /// The same, where nothing is unknown.
    fn whole(&self) -> Result<&Self, ApiError> {
        self.unknown
            .first()
            .map_or(Ok(self), |lag| Err(lag.error()))
    }

    fn get(&self, topic: &str, number: i32) -> Result<&KnownLag<'a>, ApiError> {
        let mut unknown = self.unknown.iter();
        if let Some(lag) = unknown.find(|lag| lag.topic_name == topic && lag.partition_id == number)
        {
            return Err(lag.error());
        }
        let mut known = self.known.iter();
        let lag = known.find(|lag| lag.topic == topic && lag.partition == number);
        lag.ok_or_else(|| ApiError::NotFound {
            message: NO_LAGS.to_owned(),
        })
    }

    fn summary(&self, links: &Links, group: &str) -> Result<LagSummary, ApiError> {
        let mut most = self.known.first();
        for lag in &self.known {
            // The first of those that lag most, as Confluent tells it.
            if most.is_some_and(|best| lag.lag > best.lag) {
                most = Some(lag);
            }
        }
        let most = most.ok_or_else(|| ApiError::NotFound {
            message: NO_LAGS.to_owned(),
        })?;
        let (consumer_id, instance_id, client_id) = most.owner_names();
        let consumer = consumer_group::place(group).item("consumers", "consumer", &consumer_id);
        Ok(LagSummary {
            cluster_id: links.cluster_id().to_owned(),
            consumer_group_id: group.to_owned(),
            max_lag_consumer_id: consumer_id,
            max_lag_instance_id: instance_id,
            max_lag_client_id: client_id,
            max_lag_topic_name: most.topic.to_owned(),
            max_lag_partition_id: most.partition,
            max_lag: most.lag,
            total_lag: self
                .known
                .iter()
                .fold(0, |sum, lag| sum.saturating_add(lag.lag)),
            max_lag_consumer: links.to(&consumer),
            max_lag_partition: links.to(&partition::place(most.topic, most.partition)),
        })
    }
}

impl<'a> KnownLag<'a> {
    fn of(
        topic: &'a str,
        partition: i32,
        view: &GroupPartitionView,
        owner: Option<&'a MemberSample>,
    ) -> Option<Self> {
        let (committed, end, lag) = (view.committed?, view.log_end?, view.lag.known()?);
        Some(Self {
            topic,
            partition,
            committed,
            end,
            lag,
            time_lag: view.time_lag,
            owner,
        })
    }

    fn owner_names(&self) -> (String, Option<String>, String) {
        self.owner.map_or_else(Default::default, |member| {
            let instance_id = member.instance_id.as_deref().map(str::to_owned);
            (
                member.member_id.to_string(),
                instance_id,
                member.client_id.to_string(),
            )
        })
    }

    fn resource(&self, links: &Links, group: &str) -> Resource<ConsumerLag> {
        let (consumer_id, instance_id, client_id) = self.owner_names();
        let content = ConsumerLag {
            cluster_id: links.cluster_id().to_owned(),
            consumer_group_id: group.to_owned(),
            topic_name: self.topic.to_owned(),
            partition_id: self.partition,
            consumer_id,
            instance_id,
            client_id,
            current_offset: self.committed,
            log_end_offset: self.end,
            lag: self.lag,
            time_lag_seconds: self.time_lag.bound_seconds(),
            is_time_lag_at_least: matches!(self.time_lag, TimeLag::AtLeast { .. }),
        };
        links.resource(&place(group, self.topic, self.partition), content)
    }
}

impl UnknownLag {
    fn of(topic: &str, number: i32, view: &GroupPartitionView, now: Millis) -> Option<Self> {
        let Lag::Unknown { reason, last } = view.lag else {
            return None;
        };
        Some(Self {
            topic_name: topic.to_owned(),
            partition_id: number,
            reason: Reason(reason),
            last_lag: last.map(|(lag, _)| lag),
            last_lag_age_seconds: last.map(|(_, at)| monitor::seconds(now.saturating_sub(at))),
        })
    }

    fn error(&self) -> ApiError {
        let Self {
            topic_name,
            partition_id,
            reason,
            ..
        } = self;
        let because = reason.0.because();
        let message = format!(
            "The lag of partition {partition_id} of topic {topic_name} is not known: {because}."
        );
        ApiError::Unknown { message }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::monitor::calculator::Calculator;
    use crate::monitor::sample::{GroupSample, PartitionSample, Sample, TopicSample};

    /// The group `g` of topic `t`, whose one partition ends at 10.
    fn group(committed: Option<i64>) -> GroupView {
        let partition = PartitionSample {
            log_start: Some(0),
            log_end: Some(10),
            ..PartitionSample::default()
        };
        let topic = TopicSample {
            partitions: BTreeMap::from([(0, partition)]),
            ..TopicSample::default()
        };
        let commits = committed.map(|offset| (("t".into(), 0), offset));
        let group = GroupSample {
            committed: Some(commits.into_iter().collect()),
            ..GroupSample::default()
        };
        let sample = Sample {
            topics: BTreeMap::from([("t".into(), topic)]),
            groups: BTreeMap::from([("g".into(), group)]),
            ..Sample::default()
        };
        let mut snapshot = Calculator::new("local").compute(sample);
        snapshot.groups.remove("g").unwrap()
    }

    fn refusal(group: &GroupView) -> (u32, String) {
        let error = Lags::of(group).unwrap_err();
        (error.error_code(), error.to_string())
    }

    #[test]
    fn only_a_group_without_commits_has_no_lags() {
        let none = "Consumer group offsets could not be found.";
        assert_eq!(refusal(&group(None)), (404, none.to_owned()));
        let beyond = "The lag of partition 0 of topic t is not known: \
                      the commit lies beyond the end of the log.";
        assert_eq!(refusal(&group(Some(11))), (50_302, beyond.to_owned()));
        let silent = GroupView::default();
        let unknown = "The offsets of the group are not known: the coordinator does not answer.";
        assert_eq!(refusal(&silent), (50_302, unknown.to_owned()));
    }

    #[test]
    fn an_unknown_partition_is_named_beside_the_known_ones_and_hides_the_sum() {
        let (mut both, beyond) = (group(Some(4)), group(Some(901)));
        both.topics.insert("u".into(), beyond.topics["t"].clone());
        let lags = Lags::of(&both).unwrap();
        let known: Vec<_> = lags.known.iter().map(|lag| (lag.topic, lag.lag)).collect();
        assert_eq!(known, [("t", 6)]);
        let unknown = UnknownLag {
            topic_name: "u".to_owned(),
            partition_id: 0,
            reason: Reason(UnknownReason::CommitBeyondEnd),
            last_lag: None,
            last_lag_age_seconds: None,
        };
        assert_eq!(lags.unknown, [unknown]);
        assert_eq!(lags.whole().unwrap_err().error_code(), 50_302);
        assert_eq!(lags.get("t", 0).unwrap().lag, 6);
        assert_eq!(lags.get("u", 0).unwrap_err().error_code(), 50_302);
        assert_eq!(lags.get("t", 1).unwrap_err().error_code(), 404);
    }
}
