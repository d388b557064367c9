//! `/v3/clusters/{cluster_id}/consumer-groups` and their consumers, from the monitor's picture.

use std::sync::Arc;

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::link::{Content, Links, List, Place, Relation, Resource, ok};
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::monitor::sample::MemberSample;
use crate::monitor::snapshot::{GroupView, Snapshot};

/// A consumer group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ConsumerGroup {
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Name of the group.
    consumer_group_id: String,
    /// Whether it has no protocol of its own: it only commits offsets.
    is_simple: bool,
    /// The assignor in use, or empty.
    partition_assignor: String,
    /// `STABLE`, `EMPTY`, `PREPARING_REBALANCE` and the like.
    state: String,
    /// `CLASSIC`, `CONSUMER` or `SHARE`.
    #[serde(rename = "type")]
    group_type: String,
    /// Whether members of both protocols are in it.
    is_mixed_consumer_group: bool,
    /// The broker that coordinates it.
    coordinator: Option<Relation>,
    /// Its consumers.
    consumers: Relation,
    /// Its lag at a glance.
    lag_summary: Relation,
}

impl Content for ConsumerGroup {
    const KIND: &'static str = "KafkaConsumerGroup";
    const LIST_KIND: &'static str = "KafkaConsumerGroupList";
}

/// A consumer in a group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Consumer {
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Name of the group.
    consumer_group_id: String,
    /// Id the coordinator gave it.
    consumer_id: String,
    /// Static id, or null.
    instance_id: Option<String>,
    /// Name the client gave itself.
    client_id: String,
    /// What it owns.
    assignments: Relation,
}

impl Content for Consumer {
    const KIND: &'static str = "KafkaConsumer";
    const LIST_KIND: &'static str = "KafkaConsumerList";
}

/// A partition that a consumer owns.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Assignment {
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Name of the group.
    consumer_group_id: String,
    /// Id of the consumer.
    consumer_id: String,
    /// Name of the topic.
    topic_name: String,
    /// Number of the partition.
    partition_id: i32,
    /// The partition.
    partition: Relation,
    /// The group's lag there.
    lag: Relation,
}

impl Content for Assignment {
    const KIND: &'static str = "KafkaConsumerAssignment";
    const LIST_KIND: &'static str = "KafkaConsumerAssignmentList";
}

/// Lists the groups, by name.
#[utoipa::path(
    operation_id = "v3_consumer_group_list",
    tag = "v3 consumer groups",
    params(("cluster_id" = String, Path, description = "Id of the cluster.")),
    responses(
        (status = 200, description = "All groups.", body = List<ConsumerGroup>),
        (status = 404, description = "There is no such cluster.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/consumer-groups")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    links: Links,
) -> Result<HttpResponse, ApiError> {
    let picture = state.monitor.current().await;
    let groups = picture.snapshot.groups.iter();
    let groups = groups
        .map(|(name, group)| resource(&links, name, group))
        .collect();
    Ok(ok(&links.list(
        &Place::default(),
        "consumer-groups",
        groups,
    )))
}

/// Describes a group.
#[utoipa::path(
    operation_id = "v3_consumer_group_get",
    tag = "v3 consumer groups",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("consumer_group_id" = String, Path, description = "Name of the group."),
    ),
    responses(
        (status = 200, description = "The group.", body = Resource<ConsumerGroup>),
        (status = 404, description = "There is no such group.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}")]
pub(crate) async fn get(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let found = Found::look_up(&state, &path.1).await?;
    Ok(ok(&resource(&links, &path.1, found.group()?)))
}

/// Lists the consumers of a group.
#[utoipa::path(
    operation_id = "v3_consumer_group_consumers",
    tag = "v3 consumer groups",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("consumer_group_id" = String, Path, description = "Name of the group."),
    ),
    responses(
        (status = 200, description = "Its consumers.", body = List<Consumer>),
        (status = 404, description = "There is no such group.", body = ErrorBody),
        (status = 503, description = "Kafka does not tell the members of the group (50302).", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers")]
pub(crate) async fn consumers(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let found = Found::with_consumers(&state, &path.1).await?;
    let members = found.members()?.iter();
    let members = members
        .map(|member| consumer_resource(&links, &path.1, member))
        .collect();
    Ok(ok(&links.list(&place(&path.1), "consumers", members)))
}

/// Describes a consumer of a group.
#[utoipa::path(
    operation_id = "v3_consumer_group_consumer",
    tag = "v3 consumer groups",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("consumer_group_id" = String, Path, description = "Name of the group."),
        ("consumer_id" = String, Path, description = "Id of the consumer."),
    ),
    responses(
        (status = 200, description = "The consumer.", body = Resource<Consumer>),
        (status = 404, description = "There is no such group or consumer.", body = ErrorBody),
        (status = 503, description = "Kafka does not tell the members of the group (50302).", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers/{consumer_id}")]
pub(crate) async fn consumer(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (_, group, id) = path.into_inner();
    let found = Found::with_consumers(&state, &group).await?;
    Ok(ok(&consumer_resource(&links, &group, found.member(&id)?)))
}

/// Lists what a consumer of a group owns.
#[utoipa::path(
    operation_id = "v3_consumer_group_assignments",
    tag = "v3 consumer groups",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("consumer_group_id" = String, Path, description = "Name of the group."),
        ("consumer_id" = String, Path, description = "Id of the consumer."),
    ),
    responses(
        (status = 200, description = "Its partitions.", body = List<Assignment>),
        (status = 404, description = "There is no such group or consumer.", body = ErrorBody),
        (status = 503, description = "Kafka does not tell the members of the group (50302).", body = ErrorBody),
    )
)]
#[get(
    "/v3/clusters/{cluster_id}/consumer-groups/{consumer_group_id}/consumers/{consumer_id}/assignments"
)]
pub(crate) async fn assignments(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (_, group, id) = path.into_inner();
    let found = Found::with_consumers(&state, &group).await?;
    let owner = place(&group).item("consumers", "consumer", &id);
    let owned = found.member(&id)?.assigned.iter().map(|(topic, number)| {
        let partition = super::partition::place(topic, *number);
        let content = Assignment {
            cluster_id: links.cluster_id().to_owned(),
            consumer_group_id: group.clone(),
            consumer_id: id.clone(),
            topic_name: topic.to_string(),
            partition_id: *number,
            partition: links.to(&partition),
            lag: links.to(&super::lag::place(&group, topic, *number)),
        };
        let at = owner.clone().item("assignments", "assignment", topic);
        links.resource(&at.item("partitions", "partition", number), content)
    });
    Ok(ok(&links.list(&owner, "assignments", owned.collect())))
}

/// A group in a picture.
pub(super) struct Found {
    snapshot: Arc<Snapshot>,
    name: String,
}

impl Found {
    /// Looks a group up, in a new picture where the latest does not know it.
    pub(super) async fn look_up(state: &AppState, name: &str) -> Result<Self, ApiError> {
        let picture = state.monitor.knowing(name).await;
        let found = Self {
            snapshot: Arc::clone(&picture.snapshot),
            name: name.to_owned(),
        };
        found.group()?;
        Ok(found)
    }

    /// The same for those who ask for its consumers, whom Confluent tells it in other words.
    async fn with_consumers(state: &AppState, name: &str) -> Result<Self, ApiError> {
        let found = Self::look_up(state, name).await;
        found.map_err(|_unknown| ApiError::NotFound {
            message: format!("Consumer Group {name} does not exist."),
        })
    }

    /// The group.
    pub(super) fn group(&self) -> Result<&GroupView, ApiError> {
        self.snapshot
            .groups
            .get(self.name.as_str())
            .ok_or_else(|| ApiError::NotFound {
                message: format!("Consumer Group {} could not be found.", self.name),
            })
    }

    fn members(&self) -> Result<&[MemberSample], ApiError> {
        let members = self.group()?.members.as_deref();
        members.ok_or_else(|| ApiError::Unknown {
            message: format!("Kafka did not tell the members of {}.", self.name),
        })
    }

    fn member(&self, id: &str) -> Result<&MemberSample, ApiError> {
        let members = self.members()?.iter();
        let member = members.into_iter().find(|member| *member.member_id == *id);
        member.ok_or_else(|| ApiError::NotFound {
            message: format!("Consumer {id} does not exist."),
        })
    }
}

/// Where a group is.
pub(super) fn place(group: &str) -> Place {
    Place::default().item("consumer-groups", "consumer-group", group)
}

fn resource(links: &Links, name: &str, group: &GroupView) -> Resource<ConsumerGroup> {
    let place = place(name);
    let coordinator = group
        .coordinator
        .map(|id| Place::default().item("brokers", "broker", id));
    let content = ConsumerGroup {
        cluster_id: links.cluster_id().to_owned(),
        consumer_group_id: name.to_owned(),
        is_simple: group.protocol_type.is_empty(),
        partition_assignor: group.assignor.to_string(),
        state: shouted(&group.state),
        group_type: shouted(&group.kind),
        is_mixed_consumer_group: group.is_mixed,
        coordinator: coordinator.map(|broker| links.to(&broker)),
        consumers: links.below(&place, "consumers"),
        lag_summary: links.below(&place, "lag-summary"),
    };
    links.resource(&place, content)
}

fn consumer_resource(links: &Links, group: &str, member: &MemberSample) -> Resource<Consumer> {
    let place = place(group).item("consumers", "consumer", &member.member_id);
    let content = Consumer {
        cluster_id: links.cluster_id().to_owned(),
        consumer_group_id: group.to_owned(),
        consumer_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        assignments: links.below(&place, "assignments"),
    };
    links.resource(&place, content)
}

/// Kafka's `PreparingRebalance` as Confluent's `PREPARING_REBALANCE`.
fn shouted(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    if text.is_empty() {
        "UNKNOWN".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_named_as_confluent_names_them() {
        let named: Vec<_> = ["Stable", "PreparingRebalance", "classic", ""]
            .map(shouted)
            .into();
        assert_eq!(
            named,
            ["STABLE", "PREPARING_REBALANCE", "CLASSIC", "UNKNOWN"]
        );
    }
}
