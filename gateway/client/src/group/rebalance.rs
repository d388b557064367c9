//! The task of one rebalance: give up what one had, join, synchronize.
//!
//! `JoinGroup` and `SyncGroup` go over a link leased for the member alone: the coordinator reads nothing
//! more from a connection while one of them is parked on it. The task ends when the member is stable,
//! has left or cannot be taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_protocol::messages::Message;
use sluice_protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use sluice_protocol::messages::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use sluice_protocol::{ApiKey, ErrorCode};

use super::assignor::Assignor;
use super::member::{Member, PartitionCounts, Remedy};
use super::{Assignment, protocol};
use crate::error::ClientError;
use crate::metadata::Scope;
use crate::offsets::CommitRequest;
use crate::pool::Lease;
use crate::retry::Backoff;

/// How long the commit of what is given up may hold the rebalance up.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts the task of a member that is not stable.
pub(super) fn start(member: &Arc<Member>) {
    let task = run(Arc::clone(member));
    member.cluster().runtime().spawn(task);
}

async fn run(member: Arc<Member>) {
    let mut backoff = Backoff::default();
    while member.is_rebalancing() {
        revoke(&member).await;
        let error = match attempt(&member).await {
            Ok(is_settled) if is_settled => return member.scheduler().schedule(&member),
            Ok(_) => continue,
            Err(error) => error,
        };
        let remedy = Remedy::of(&error);
        tracing::debug!(group = member.group(), %error, ?remedy, "a rebalance did not succeed");
        match remedy {
            Remedy::Rejoin => {}
            Remedy::RejoinAsNew => member.named(""),
            Remedy::FindCoordinator => {
                member.cluster().coordinators().forget(member.group());
                tokio::time::sleep(backoff.pause()).await;
            }
            Remedy::Pause => tokio::time::sleep(backoff.pause()).await,
            Remedy::Fail => return member.fail(error),
        }
    }
}

/// Commits how far the member has come with what it had.
async fn revoke(member: &Arc<Member>) {
    let Some(previous) = member.previous() else {
        return;
    };
    if let Some(positions) = &member.config().positions
        && let Ok(committer) = member.committer()
    {
        let offsets = positions.positions(&previous);
        if !offsets.is_empty() {
            let request = CommitRequest {
                group: member.group().to_owned(),
                committer,
                offsets,
            };
            let commit = member.cluster().commit(request);
            let outcome = tokio::time::timeout(COMMIT_TIMEOUT, commit).await;
            let is_done = matches!(&outcome, Ok(Ok(rows)) if rows.iter().all(|row| row.1.is_ok()));
            if !is_done {
                tracing::debug!(group = member.group(), "offsets were not committed in time");
            }
        }
    }
    member.revoked();
}

/// Joins and synchronizes once. Answers whether the member is stable now.
async fn attempt(member: &Arc<Member>) -> Result<bool, ClientError> {
    let cluster = member.cluster();
    let broker = cluster.coordinator(member.group()).await?;
    let lease = cluster.lease(broker).await?;
    let topics = member.topics();
    let joined = join(member, &lease, &topics).await?;
    let generation = joined.generation_id;
    let assignor = joined.protocol_name.clone();
    let (assignments, led) = if joined.leader == joined.member_id {
        let (assignments, led) = lead(member, joined).await?;
        (assignments, Some(led))
    } else {
        (Vec::new(), None)
    };
    let request = SyncGroupRequest {
        group_id: member.group().to_owned(),
        generation_id: generation,
        member_id: member.member_id().to_string(),
        protocol_type: Some(protocol::CONSUMER.to_owned()),
        protocol_name: assignor,
        assignments,
        ..SyncGroupRequest::default()
    };
    let response: SyncGroupResponse = lease.link().call(&request, patience(member)).await?;
    ClientError::check(response.error_code, None)?;
    lease.give_back();
    let partitions = protocol::partitions(response.assignment);
    let assignment = Assignment {
        generation,
        partitions: partitions.map_err(|source| ClientError::Malformed {
            api: ApiKey::SyncGroup,
            source,
        })?,
    };
    Ok(!member.settle(assignment, led, &topics))
}

/// Joins: twice for a new member, which gets its id first (KIP-394).
async fn join(
    member: &Arc<Member>,
    lease: &Lease,
    topics: &[Arc<str>],
) -> Result<JoinGroupResponse, ClientError> {
    let metadata = protocol::subscription(topics)?;
    let config = member.config();
    let protocols = config
        .assignors
        .iter()
        .map(|assignor| JoinGroupRequestProtocol {
            name: assignor.name().to_owned(),
            metadata: metadata.clone(),
        });
    let mut request = JoinGroupRequest {
        group_id: member.group().to_owned(),
        session_timeout_ms: millis(config.session_timeout),
        rebalance_timeout_ms: millis(config.rebalance_timeout),
        protocol_type: protocol::CONSUMER.to_owned(),
        protocols: protocols.collect(),
        ..JoinGroupRequest::default()
    };
    let link = lease.link();
    let version = link.version::<JoinGroupRequest>(JoinGroupRequest::VERSIONS)?;
    loop {
        request.member_id = member.member_id().to_string();
        let pending = link.submit(&request, version, patience(member)).await?;
        member.scheduler().nudge(member);
        let response = pending.await?;
        if response.error_code == ErrorCode::MemberIdRequired {
            member.named(&response.member_id);
            if member.is_rebalancing() {
                continue;
            }
        }
        ClientError::check(response.error_code, None)?;
        member.named(&response.member_id);
        return Ok(response);
    }
}

/// Computes the assignment of everybody.
async fn lead(
    member: &Arc<Member>,
    joined: JoinGroupResponse,
) -> Result<(Vec<SyncGroupRequestAssignment>, PartitionCounts), ClientError> {
    let name = joined.protocol_name.unwrap_or_default();
    let inconsistent = ClientError::kafka(ErrorCode::InconsistentGroupProtocol);
    let assignor = Assignor::of_name(&name).ok_or(inconsistent)?;
    let subscribers = protocol::subscribers(joined.members);
    let subscribers = subscribers.map_err(|source| ClientError::Malformed {
        api: ApiKey::JoinGroup,
        source,
    })?;
    let mut topics: Vec<Arc<str>> = subscribers
        .iter()
        .flat_map(|it| it.topics.iter().cloned())
        .collect();
    topics.sort_unstable();
    topics.dedup();
    let led = partition_counts(member, topics).await?;
    if joined.skip_assignment {
        return Ok((Vec::new(), led));
    }
    let counts: BTreeMap<_, _> = led.iter().cloned().collect();
    let rows = assignor.assign(&subscribers, &counts).into_iter();
    let rows = subscribers
        .into_iter()
        .zip(rows)
        .map(|(subscriber, partitions)| {
            Ok(SyncGroupRequestAssignment {
                member_id: subscriber.member_id,
                assignment: protocol::assignment(partitions)?,
            })
        });
    let assignments: Result<Vec<_>, ClientError> = rows.collect();
    Ok((assignments?, led))
}

async fn partition_counts(
    member: &Arc<Member>,
    topics: Vec<Arc<str>>,
) -> Result<PartitionCounts, ClientError> {
    let answers = member
        .cluster()
        .refresh(Scope::Topics(topics.clone()))
        .await?;
    let counts = topics.into_iter().map(|name| {
        let count = match answers.get(&name) {
            Some(Ok(topic)) => topic.partition_count(),
            Some(Err(_)) | None => 0,
        };
        (name, count)
    });
    Ok(counts.collect())
}

/// How long a coordinator may park a request of a rebalance, and answer it.
fn patience(member: &Member) -> Duration {
    member.config().rebalance_timeout + member.cluster().config().request_timeout
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
