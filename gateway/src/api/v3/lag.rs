//! `lags` and `lag-summary` of a consumer group, from the monitor's picture: the numbers that
//! `/metrics` and the page show too.
//!
//! Only partitions whose lag is known are listed; Confluent's answer has no word for the others.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::consumer_group::{self, Found};
use super::link::{Content, Links, List, Place, Relation, Resource, ok};
use super::partition;
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::monitor::sample::MemberSample;
use crate::monitor::snapshot::{GroupPartitionView, GroupView};

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
}

impl Content for ConsumerLag {
    const KIND: &'static str = "KafkaConsumerLag";
    const LIST_KIND: &'static str = "KafkaConsumerLagList";
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
        (status = 200, description = "The lag of each partition that is known.", body = List<ConsumerLag>),
        (status = 404, description = "There is no such group, or it committed nothing.", body = ErrorBody),
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
    let lags = lags
        .0
        .iter()
        .map(|lag| lag.resource(&links, &path.1))
        .collect();
    Ok(ok(&links.list(
        &consumer_group::place(&path.1),
        "lags",
        lags,
    )))
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
        (status = 404, description = "There is no such group, or its lag there is not known.", body = ErrorBody),
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
    let lag = lags
        .0
        .iter()
        .find(|lag| lag.topic == topic && lag.partition == number);
    let lag = lag.ok_or_else(|| ApiError::NotFound {
        message: NO_LAGS.to_owned(),
    })?;
    Ok(ok(&lag.resource(&links, &group)))
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
    let content = lags.summary(&links, &path.1)?;
    let place = consumer_group::place(&path.1).part("lag-summary", "lag-summary");
    Ok(ok(&links.resource(&place, content)))
}

/// Where a group's lag in a partition is.
pub(super) fn place(group: &str, topic: &str, number: i32) -> Place {
    let lag = consumer_group::place(group).item("lags", "lag", topic);
    lag.item("partitions", "partition", number)
}

const NO_LAGS: &str = "Consumer lags not found.";

/// The lags of a group that are known, by topic and partition; at least one.
struct Lags<'a>(Vec<KnownLag<'a>>);

struct KnownLag<'a> {
    topic: &'a str,
    partition: i32,
    committed: i64,
    end: i64,
    lag: u64,
    owner: Option<&'a MemberSample>,
}

impl<'a> Lags<'a> {
    fn of(group: &'a GroupView) -> Result<Self, ApiError> {
        let known = group.partitions().filter_map(|(topic, number, view)| {
            KnownLag::of(topic, number, view, group.owner(view))
        });
        let lags: Vec<_> = known.collect();
        if lags.is_empty() {
            let message = "Consumer group offsets could not be found.".to_owned();
            return Err(ApiError::NotFound { message });
        }
        Ok(Self(lags))
    }

    fn summary(&self, links: &Links, group: &str) -> Result<LagSummary, ApiError> {
        let mut most = self.0.first();
        for lag in &self.0 {
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
                .0
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
        };
        links.resource(&place(group, self.topic, self.partition), content)
    }
}
