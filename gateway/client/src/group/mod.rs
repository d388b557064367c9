//! Consumers in groups, by the classic protocol, side by side with Java members.
//!
//! A member is a row, not a task: while its group is stable it costs memory and a heartbeat now and
//! then, sent by one scheduler for all members. Only a rebalance is a task of its own, on a link
//! leased for it, because a broker parks the requests of a rebalance until every member has come.
//!
//! * [`assignor`]: who gets what, pure; `protocol`: how members say so on the wire;
//! * `member`: the row and what errors mean for it, pure; `rebalance`: joining and synchronizing;
//! * `heartbeat`: the scheduler.

mod assignor;
mod heartbeat;
mod member;
mod protocol;
mod rebalance;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sluice_protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};

pub use assignor::Assignor;

use crate::admin::ItemResults;
use crate::cluster::Cluster;
use crate::coordinator::tells_of_another_coordinator;
use crate::error::ClientError;
use crate::model::TopicPartition;
use crate::offsets::{CommitRequest, OffsetAndMetadata};
use crate::pool::Purpose;
use heartbeat::Scheduler;
use member::Member;

/// Partitions of a member in one generation of its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Generation of the group.
    pub generation: i32,
    /// The partitions, sorted.
    pub partitions: Vec<TopicPartition>,
}

/// Knows how far a member has come, when its partitions are about to be taken away.
pub trait Positions: fmt::Debug + Send + Sync {
    /// Offsets to commit before the partitions of `assignment` go to other members. Must not block.
    fn positions(&self, assignment: &Assignment) -> Vec<(TopicPartition, OffsetAndMetadata)>;
}

/// How a member takes part in a group.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// Name of the group.
    pub group: String,
    /// Topics to consume.
    pub topics: Vec<String>,
    /// Time without a heartbeat after which the member counts as dead.
    pub session_timeout: Duration,
    /// Time a rebalance waits for a member.
    pub rebalance_timeout: Duration,
    /// Time between heartbeats; well below the session timeout.
    pub heartbeat_interval: Duration,
    /// Assignors the member supports, the preferred one first.
    pub assignors: Vec<Assignor>,
    /// What to commit when partitions are taken away; `None` for nothing.
    pub positions: Option<Arc<dyn Positions>>,
}

impl GroupConfig {
    /// Kafka's defaults, but for a rebalance timeout of a minute: members here join by themselves.
    #[must_use]
    pub fn new(group: impl Into<String>, topics: Vec<String>) -> Self {
        Self {
            group: group.into(),
            topics,
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(60),
            heartbeat_interval: Duration::from_secs(3),
            assignors: vec![Assignor::Range, Assignor::RoundRobin],
            positions: None,
        }
    }
}

/// Membership in groups.
#[derive(Clone, Debug)]
pub struct Groups {
    cluster: Arc<Cluster>,
    scheduler: Arc<Scheduler>,
}

impl Groups {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self {
            scheduler: Scheduler::new(Arc::clone(&cluster)),
            cluster,
        }
    }

    /// Makes a member, which begins to join at once, in the background.
    #[must_use]
    pub fn join(&self, config: GroupConfig) -> GroupMember {
        let member = Member::new(Arc::clone(&self.cluster), &self.scheduler, config);
        rebalance::start(&member);
        GroupMember { member }
    }
}

/// A member of a group. Leaves, in the background, when dropped.
#[derive(Debug)]
pub struct GroupMember {
    member: Arc<Member>,
}

impl GroupMember {
    /// The partitions of the member now; `None` while its group rebalances.
    #[must_use]
    pub fn assignment(&self) -> Option<Arc<Assignment>> {
        self.member.assignment()
    }

    /// The partitions of the member, once its group is stable.
    ///
    /// # Errors
    /// The [`ClientError`] for which the group does not take the member. It does not come back from
    /// it; make another one.
    pub async fn assigned(&self) -> Result<Arc<Assignment>, ClientError> {
        self.member.assigned().await
    }

    /// Returns when the member no longer has the assignment of `generation`, or cannot have any.
    pub async fn lost(&self, generation: i32) {
        self.member.lost(generation).await;
    }

    /// The error the member does not come back from.
    #[must_use]
    pub fn failure(&self) -> Option<ClientError> {
        self.member.failure()
    }

    /// Id the coordinator gave the member; empty before that.
    #[must_use]
    pub fn member_id(&self) -> Arc<str> {
        self.member.member_id()
    }

    /// Changes the topics, and joins anew if they differ.
    pub fn subscribe(&self, topics: Vec<String>) {
        if self.member.subscribe(topics) {
            rebalance::start(&self.member);
        }
    }

    /// Commits offsets in the member's generation.
    ///
    /// # Errors
    /// [`ClientError`] of the request; `RebalanceInProgress` while the member has no generation.
    /// What the coordinator has against the member is the error of each partition.
    pub async fn commit(
        &self,
        offsets: Vec<(TopicPartition, OffsetAndMetadata)>,
    ) -> Result<ItemResults<TopicPartition, ()>, ClientError> {
        let request = CommitRequest {
            group: self.member.group().to_owned(),
            committer: self.member.committer()?,
            offsets,
        };
        self.member.cluster().commit(request).await
    }

    /// Leaves the group, so that others get its partitions at once.
    ///
    /// # Errors
    /// [`ClientError`] where the coordinator could not be told; the session ends by itself then.
    pub async fn leave(self) -> Result<(), ClientError> {
        leave(&self.member).await
    }
}

impl Drop for GroupMember {
    fn drop(&mut self) {
        if self.member.has_left() {
            return;
        }
        let member = Arc::clone(&self.member);
        self.member.cluster().runtime().spawn(async move {
            if let Err(error) = leave(&member).await {
                tracing::debug!(group = member.group(), %error, "a member left without a word");
            }
        });
    }
}

async fn leave(member: &Arc<Member>) -> Result<(), ClientError> {
    let Some(member_id) = member.depart() else {
        return Ok(());
    };
    let cluster = member.cluster();
    let group = member.group();
    let request = LeaveGroupRequest {
        group_id: group.to_owned(),
        member_id: member_id.to_string(),
        members: vec![MemberIdentity {
            member_id: member_id.to_string(),
            ..MemberIdentity::default()
        }],
    };
    let attempt = || async {
        let called = async {
            let broker = cluster.coordinator(group).await?;
            let response = cluster
                .call(broker, Purpose::Coordination, &request)
                .await?;
            ClientError::check(response.error_code, None)
        };
        let called = called.await;
        if called.as_ref().is_err_and(tells_of_another_coordinator) {
            cluster.coordinators().forget(group);
        }
        called
    };
    cluster.retry(attempt).await
}
