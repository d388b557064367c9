//! Listing, describing and deleting groups, and deleting their offsets.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use sluice_protocol::messages::consumer_group_describe::{
    ConsumerGroupDescribeRequest, DescribedConsumerGroup, DescribedConsumerGroupMember,
};
use sluice_protocol::messages::delete_groups::DeleteGroupsRequest;
use sluice_protocol::messages::describe_groups::{DescribeGroupsRequest, DescribedGroup};
use sluice_protocol::messages::list_groups::{ListGroupsRequest, ListedGroup};
use sluice_protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use sluice_protocol::records::Schema;
use sluice_protocol::records::consumer::ConsumerProtocolAssignment;
use sluice_protocol::{ApiKey, ErrorCode};

use super::{Admin, ItemResults, matched};
use crate::coordinator::tells_of_another_coordinator;
use crate::error::ClientError;
use crate::model::{TopicPartition, by_topic};
use crate::scatter::scatter;

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";

/// The protocols a member may speak, the classic and the new one, as `member_type` has them.
const MEMBER_TYPES: [i8; 2] = [0, 1];

/// The groups of a cluster, as far as its brokers answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupListings {
    /// The groups, sorted by name.
    pub groups: Vec<GroupListing>,
    /// Brokers that did not answer: the groups they coordinate are missing.
    pub failures: Vec<(i32, ClientError)>,
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Name of the group.
    pub group: String,
    /// Broker that coordinates it.
    pub coordinator: i32,
    /// Kind of its protocol: `consumer` for consumers, empty for a group that only commits.
    pub protocol_type: String,
    /// Its state, as `Stable` or `Empty`; `None` before Kafka 2.6.
    pub state: Option<String>,
    /// Its type, as `classic` or `consumer`; `None` before Kafka 3.8.
    pub group_type: Option<String>,
}

/// A group with its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Name of the group.
    pub group: String,
    /// Broker that coordinates it.
    pub coordinator: i32,
    /// Its state, as `Stable` or `Empty`.
    pub state: String,
    /// Kind of its protocol: `consumer` for consumers, empty for a group that only commits.
    pub protocol_type: String,
    /// The assignor it chose; empty while it has none.
    pub assignor: String,
    /// Whether members of the classic protocol and of the new one are in it, on their way from one to
    /// the other.
    pub is_mixed: bool,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Id the coordinator gave it.
    pub member_id: String,
    /// Name that survives restarts, of a static member.
    pub instance_id: Option<String>,
    /// Name its client gave itself.
    pub client_id: String,
    /// Host it connects from.
    pub host: String,
    /// Partitions it has; empty where its protocol is not that of consumers.
    pub assignment: Vec<TopicPartition>,
}

impl Admin {
    /// All groups of the cluster. Remembers who coordinates them.
    ///
    /// # Errors
    /// [`ClientError`] where the brokers cannot be had; one that does not answer is in the list.
    pub async fn list_groups(&self) -> Result<GroupListings, ClientError> {
        let brokers = self.cluster.brokers().await?;
        let asked = brokers.into_iter().map(|broker| async move {
            let attempt = || async {
                let request = ListGroupsRequest::default();
                let response = self.cluster.call(broker, self.purpose, &request).await?;
                ClientError::check(response.error_code, None)?;
                Ok(response.groups)
            };
            (broker, self.cluster.retry(attempt).await)
        });
        let mut listings = GroupListings::default();
        for (broker, answer) in join_all(asked).await {
            match answer {
                Ok(groups) => listings
                    .groups
                    .extend(groups.into_iter().map(|group| listing(group, broker))),
                Err(error) => listings.failures.push((broker, error)),
            }
        }
        for group in &listings.groups {
            self.cluster
                .coordinators()
                .remember(&group.group, group.coordinator);
        }
        listings
            .groups
            .sort_unstable_by(|left, right| left.group.cmp(&right.group));
        Ok(listings)
    }

    /// Groups of the classic protocol with their members. One that does not exist gets
    /// `GroupIdNotFound`; so does one of another type.
    pub async fn describe_groups(
        &self,
        groups: Vec<String>,
    ) -> ItemResults<String, GroupDescription> {
        let locate = |groups, _| self.locate_groups(groups);
        let ask = |broker, groups| self.describe_groups_of(broker, groups);
        scatter(self.deadline(), groups, locate, ask).await
    }

    async fn describe_groups_of(
        &self,
        broker: i32,
        groups: Vec<String>,
    ) -> Vec<Result<GroupDescription, ClientError>> {
        let request = DescribeGroupsRequest {
            groups: groups.clone(),
            include_authorized_operations: false,
        };
        let called = self.cluster.call(broker, self.purpose, &request).await;
        let answers = called.map(|response| {
            let rows = response.groups.into_iter();
            let mut rows: HashMap<_, _> = rows.map(|row| (row.group_id.clone(), row)).collect();
            let found = groups.iter().map(|group| {
                let row = rows.remove(group);
                let row = row.ok_or_else(|| incomplete(ApiKey::DescribeGroups, group))?;
                description(row, broker)
            });
            found.collect()
        });
        self.settled(groups, answers)
    }

    /// Groups of the new consumer protocol (KIP-848) with their members. One that does not exist gets
    /// `GroupIdNotFound`; so does one of another type.
    pub async fn describe_consumer_groups(
        &self,
        groups: Vec<String>,
    ) -> ItemResults<String, GroupDescription> {
        let locate = |groups, _| self.locate_groups(groups);
        let ask = |broker, groups| self.describe_consumer_groups_of(broker, groups);
        scatter(self.deadline(), groups, locate, ask).await
    }

    async fn describe_consumer_groups_of(
        &self,
        broker: i32,
        groups: Vec<String>,
    ) -> Vec<Result<GroupDescription, ClientError>> {
        let request = ConsumerGroupDescribeRequest {
            group_ids: groups.clone(),
            include_authorized_operations: false,
        };
        let called = self.cluster.call(broker, self.purpose, &request).await;
        let answers = called.map(|response| {
            let rows = response.groups.into_iter();
            let mut rows: HashMap<_, _> = rows.map(|row| (row.group_id.clone(), row)).collect();
            let found = groups.iter().map(|group| {
                let row = rows.remove(group);
                let row = row.ok_or_else(|| incomplete(ApiKey::ConsumerGroupDescribe, group))?;
                consumer_group_description(row, broker)
            });
            found.collect()
        });
        self.settled(groups, answers)
    }

    /// Deletes groups that have no members, with their offsets.
    pub async fn delete_groups(&self, groups: Vec<String>) -> ItemResults<String, ()> {
        let locate = |groups, _| self.locate_groups(groups);
        let ask = |broker, groups| self.delete_groups_of(broker, groups);
        scatter(self.deadline(), groups, locate, ask).await
    }

    async fn delete_groups_of(
        &self,
        broker: i32,
        groups: Vec<String>,
    ) -> Vec<Result<(), ClientError>> {
        let request = DeleteGroupsRequest {
            group_names: groups.clone(),
        };
        let called = self.cluster.call(broker, self.purpose, &request).await;
        let answers = called.map(|response| {
            let rows = response.results.into_iter();
            let mut rows: HashMap<_, _> = rows.map(|row| (row.group_id.clone(), row)).collect();
            let found = groups.iter().map(|group| {
                let row = rows.remove(group);
                let row = row.ok_or_else(|| incomplete(ApiKey::DeleteGroups, group))?;
                ClientError::check(row.error_code, None)
            });
            found.collect()
        });
        self.settled(groups, answers)
    }

    /// Deletes committed offsets of a group for topics it is not subscribed to.
    ///
    /// # Errors
    /// [`ClientError`] of the group; partitions have results of their own.
    pub async fn delete_offsets(
        &self,
        group: &str,
        partitions: Vec<TopicPartition>,
    ) -> Result<ItemResults<TopicPartition, ()>, ClientError> {
        let rows = partitions.iter();
        let rows = rows.map(|partition| (Arc::clone(&partition.topic), partition.partition));
        let topics = by_topic(rows).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter();
            OffsetDeleteRequestTopic {
                name: topic.to_string(),
                partitions: partitions
                    .map(|partition_index| OffsetDeleteRequestPartition { partition_index })
                    .collect(),
            }
        });
        let request = OffsetDeleteRequest {
            group_id: group.to_owned(),
            topics: topics.collect(),
        };
        let attempt = || async {
            let called = async {
                let broker = self.cluster.coordinator(group).await?;
                let response = self.cluster.call(broker, self.purpose, &request).await?;
                ClientError::check(response.error_code, None)?;
                Ok(response)
            };
            let called = called.await;
            self.note(group, called.as_ref().err());
            called
        };
        let response = self.cluster.retry(attempt).await?;
        let mut codes = HashMap::new();
        for topic in response.topics {
            for row in topic.partitions {
                codes.insert((topic.name.clone(), row.partition_index), row.error_code);
            }
        }
        let results = partitions.into_iter().map(|partition| {
            let code = codes.remove(&(partition.topic.to_string(), partition.partition));
            let missing = || incomplete(ApiKey::OffsetDelete, &partition.to_string());
            let result = code
                .ok_or_else(missing)
                .and_then(|code| ClientError::check(code, None));
            (partition, result)
        });
        Ok(results.collect())
    }

    async fn locate_groups(&self, groups: Vec<String>) -> Vec<Result<i32, ClientError>> {
        let names: Vec<&str> = groups.iter().map(String::as_str).collect();
        let mut found = self.cluster.coordinators_of(&names).await;
        let located = names.iter().map(|group| {
            let missing = ClientError::kafka(ErrorCode::CoordinatorNotAvailable);
            found.remove(*group).unwrap_or(Err(missing))
        });
        located.collect()
    }

    /// The answers of groups, after a look at what they say of the coordinator.
    fn settled<T>(
        &self,
        groups: Vec<String>,
        answers: Result<Vec<Result<T, ClientError>>, ClientError>,
    ) -> Vec<Result<T, ClientError>> {
        let results = matched(groups, answers).into_iter().map(|(group, result)| {
            self.note(&group, result.as_ref().err());
            result
        });
        results.collect()
    }

    fn note(&self, group: &str, error: Option<&ClientError>) {
        if error.is_some_and(tells_of_another_coordinator) {
            self.cluster.coordinators().forget(group);
        }
    }
}

fn listing(group: ListedGroup, coordinator: i32) -> GroupListing {
    let known = |text: String| Some(text).filter(|text| !text.is_empty());
    GroupListing {
        group: group.group_id,
        coordinator,
        protocol_type: group.protocol_type,
        state: known(group.group_state),
        group_type: known(group.group_type),
    }
}

fn description(row: DescribedGroup, coordinator: i32) -> Result<GroupDescription, ClientError> {
    ClientError::check(row.error_code, row.error_message)?;
    if row.group_state == "Dead" {
        return Err(ClientError::kafka(ErrorCode::GroupIdNotFound));
    }
    let is_consumer = row.protocol_type == CONSUMER;
    let members = row.members.into_iter().map(|member| MemberDescription {
        member_id: member.member_id,
        instance_id: member.group_instance_id,
        client_id: member.client_id,
        host: host(&member.client_host),
        assignment: if is_consumer && !member.member_assignment.is_empty() {
            assignment(member.member_assignment)
        } else {
            Vec::new()
        },
    });
    Ok(GroupDescription {
        group: row.group_id,
        coordinator,
        state: row.group_state,
        protocol_type: row.protocol_type,
        assignor: row.protocol_data,
        is_mixed: false,
        members: members.collect(),
    })
}

fn consumer_group_description(
    row: DescribedConsumerGroup,
    coordinator: i32,
) -> Result<GroupDescription, ClientError> {
    ClientError::check(row.error_code, row.error_message)?;
    Ok(GroupDescription {
        group: row.group_id,
        coordinator,
        state: row.group_state,
        protocol_type: CONSUMER.to_owned(),
        assignor: row.assignor_name,
        is_mixed: MEMBER_TYPES
            .iter()
            .all(|kind| row.members.iter().any(|member| member.member_type == *kind)),
        members: row.members.into_iter().map(consumer_group_member).collect(),
    })
}

fn consumer_group_member(member: DescribedConsumerGroupMember) -> MemberDescription {
    let topics = member.assignment.topic_partitions.into_iter();
    let assignment = topics.flat_map(|topic| {
        let name: Arc<str> = topic.topic_name.into();
        let partitions = topic.partitions.into_iter();
        partitions.map(move |partition| TopicPartition::new(Arc::clone(&name), partition))
    });
    MemberDescription {
        member_id: member.member_id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        host: host(&member.client_host),
        assignment: assignment.collect(),
    }
}

/// Kafka writes addresses as Java does, behind a slash.
fn host(address: &str) -> String {
    address.trim_start_matches('/').to_owned()
}

/// What an assignment holds; nothing where a foreign assignor wrote it in a form of its own.
fn assignment(bytes: bytes::Bytes) -> Vec<TopicPartition> {
    let Ok(assignment) = ConsumerProtocolAssignment::from_bytes(bytes) else {
        return Vec::new();
    };
    let topics = assignment.assigned_partitions.into_iter();
    let partitions = topics.flat_map(|topic| {
        let name: Arc<str> = topic.topic.into();
        let partitions = topic.partitions.into_iter();
        partitions.map(move |partition| TopicPartition::new(Arc::clone(&name), partition))
    });
    partitions.collect()
}

fn incomplete(api: ApiKey, item: &str) -> ClientError {
    ClientError::Incomplete {
        api,
        item: item.to_owned(),
    }
}
