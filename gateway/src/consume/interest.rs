//! What a consumer instance wants to read, and what it may read now.
//!
//! Topics and a pattern make it a member of its group; partitions assigned by hand do not. The member
//! joins at once, behind the calls of the instance. Once an instance has chosen one of the three, the
//! others are refused until it unsubscribes, as Kafka's own consumer does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use regex::{Regex, RegexBuilder};
use sluice_client::{Client, GroupConfig, GroupMember, TopicPartition};
use tokio::time::timeout_at;

use super::consumer::{Consumer, FAREWELL_MAX};
use super::error::ConsumeError;
use super::progress::BY_HAND;

/// Age at which the topics of a pattern are looked up again.
pub(super) const PATTERN_AGE_MAX: Duration = Duration::from_secs(5);
/// Bytes a compiled pattern may take: it is hostile input.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// How long a call that needs to know its partitions waits for the group.
const JOIN_PATIENCE: Duration = Duration::from_secs(1);

/// What a consumer instance wants to read.
#[derive(Debug, Default)]
pub(super) enum Interest {
    /// Nothing yet.
    #[default]
    Nothing,
    /// Topics by name, shared with the group.
    Topics {
        /// The names, as given.
        topics: Vec<String>,
        /// Its place in the group.
        member: GroupMember,
    },
    /// Topics by pattern, shared with the group.
    Pattern {
        /// A regular expression that matches whole names.
        pattern: String,
        /// What it matched last.
        topics: Vec<String>,
        /// When that was.
        matched: Instant,
        /// Its place in the group.
        member: GroupMember,
    },
    /// Partitions, whatever the group does.
    Partitions(Arc<[TopicPartition]>),
}

impl Interest {
    pub(super) const fn member(&self) -> Option<&GroupMember> {
        match self {
            Self::Topics { member, .. } | Self::Pattern { member, .. } => Some(member),
            Self::Nothing | Self::Partitions(_) => None,
        }
    }

    pub(super) fn into_member(self) -> Option<GroupMember> {
        match self {
            Self::Topics { member, .. } | Self::Pattern { member, .. } => Some(member),
            Self::Nothing | Self::Partitions(_) => None,
        }
    }

    fn topics(&self) -> &[String] {
        match self {
            Self::Topics { topics, .. } | Self::Pattern { topics, .. } => topics,
            Self::Nothing | Self::Partitions(_) => &[],
        }
    }
}

/// The partitions an instance may read now.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    /// The generation that gave them.
    pub(super) generation: i32,
    /// The partitions.
    pub(super) partitions: Vec<TopicPartition>,
}

impl Consumer {
    /// Subscribes to topics instead of those before; no topics unsubscribe.
    ///
    /// # Errors
    /// [`ConsumeError::MutuallyExclusive`] where partitions or a pattern were chosen before.
    pub async fn subscribe(&self, topics: Vec<String>) -> Result<(), ConsumeError> {
        if topics.is_empty() {
            return self.unsubscribe().await;
        }
        let mut row = self.row().await?;
        match &mut row.interest {
            Interest::Nothing => {
                let member = self.join(topics.clone());
                row.interest = Interest::Topics { topics, member };
            }
            Interest::Topics {
                topics: before,
                member,
            } => {
                self.change(member, &topics);
                *before = topics;
            }
            Interest::Pattern { .. } | Interest::Partitions(_) => {
                return Err(ConsumeError::MutuallyExclusive);
            }
        }
        Ok(())
    }

    /// Subscribes to the topics whose whole names match a regular expression, now and later, instead
    /// of those before. Internal topics never match.
    ///
    /// # Errors
    /// [`ConsumeError::InvalidPattern`]; [`ConsumeError::MutuallyExclusive`] where partitions or
    /// topics were chosen before.
    pub async fn subscribe_pattern(&self, pattern: String) -> Result<(), ConsumeError> {
        let regex = compile(&pattern)?;
        let mut row = self.row().await?;
        if matches!(
            row.interest,
            Interest::Topics { .. } | Interest::Partitions(_)
        ) {
            return Err(ConsumeError::MutuallyExclusive);
        }
        let topics = matching(self.client(), &regex).await?;
        let member = match std::mem::take(&mut row.interest).into_member() {
            Some(mut member) => {
                self.change(&mut member, &topics);
                member
            }
            None => self.join(topics.clone()),
        };
        row.interest = Interest::Pattern {
            pattern,
            topics,
            matched: Instant::now(),
            member,
        };
        Ok(())
    }

    /// The topics subscribed to; those a pattern matched last.
    ///
    /// # Errors
    /// [`ConsumeError::NoInstance`].
    pub async fn subscription(&self) -> Result<Vec<String>, ConsumeError> {
        Ok(self.row().await?.interest.topics().to_vec())
    }

    /// Gives up subscription or assignment, after a commit where the instance commits by itself.
    ///
    /// # Errors
    /// [`ConsumeError::NoInstance`].
    pub async fn unsubscribe(&self) -> Result<(), ConsumeError> {
        let mut row = self.row().await?;
        let interest = std::mem::take(&mut row.interest);
        self.release(interest).await;
        Ok(())
    }

    /// Reads the given partitions, and none else; no partitions unsubscribe.
    ///
    /// # Errors
    /// [`ConsumeError::MutuallyExclusive`] where topics or a pattern were chosen before.
    pub async fn assign(&self, mut partitions: Vec<TopicPartition>) -> Result<(), ConsumeError> {
        partitions.sort_unstable();
        partitions.dedup();
        let mut row = self.row().await?;
        if row.interest.member().is_some() {
            return Err(ConsumeError::MutuallyExclusive);
        }
        if self.options().auto_commit {
            self.commit_delivered(&row.interest, FAREWELL_MAX).await;
        }
        self.progress().assign(&partitions);
        row.interest = match partitions.as_slice() {
            [] => Interest::Nothing,
            _ => Interest::Partitions(partitions.into()),
        };
        Ok(())
    }

    /// The partitions of the instance now, however it came to them.
    ///
    /// # Errors
    /// [`ConsumeError::NoInstance`].
    pub async fn assignment(&self) -> Result<Vec<TopicPartition>, ConsumeError> {
        let row = self.row().await?;
        Ok(match &row.interest {
            Interest::Partitions(partitions) => partitions.to_vec(),
            Interest::Nothing | Interest::Topics { .. } | Interest::Pattern { .. } => {
                let member = row.interest.member();
                let assignment = member.and_then(GroupMember::assignment);
                assignment.map_or_else(Vec::new, |assignment| assignment.partitions.clone())
            }
        })
    }

    /// The partitions the instance may read, once its group has decided; `None` when the time is over
    /// before. A member that its group refused joins anew for the next call.
    pub(super) async fn owned(
        &self,
        interest: &mut Interest,
        deadline: Instant,
    ) -> Result<Option<Owned>, ConsumeError> {
        let member = match interest {
            Interest::Nothing => return Err(ConsumeError::NothingToRead),
            Interest::Partitions(partitions) => {
                let partitions = partitions.to_vec();
                return Ok(Some(Owned {
                    generation: BY_HAND,
                    partitions,
                }));
            }
            Interest::Topics { member, .. } | Interest::Pattern { member, .. } => member,
        };
        let assignment = match timeout_at(deadline.into(), member.assigned()).await {
            Err(_elapsed) => return Ok(None),
            Ok(Ok(assignment)) => assignment,
            Ok(Err(error)) => {
                let topics = interest.topics().to_vec();
                if let Interest::Topics { member, .. } | Interest::Pattern { member, .. } = interest
                {
                    *member = self.join(topics);
                }
                return Err(error.into());
            }
        };
        self.progress().adopt(assignment.generation);
        Ok(Some(Owned {
            generation: assignment.generation,
            partitions: assignment.partitions.clone(),
        }))
    }

    /// As [`Consumer::owned`] for a call that must know; none are owned while the group rebalances.
    pub(super) async fn owned_soon(&self, interest: &mut Interest) -> Result<Owned, ConsumeError> {
        if matches!(interest, Interest::Nothing) {
            return Ok(Owned {
                generation: BY_HAND,
                partitions: Vec::new(),
            });
        }
        let owned = self.owned(interest, Instant::now() + JOIN_PATIENCE).await?;
        Ok(owned.unwrap_or(Owned {
            generation: BY_HAND,
            partitions: Vec::new(),
        }))
    }

    /// Looks up the topics of a pattern again where that is due.
    pub(super) async fn match_again(&self, interest: &mut Interest) -> Result<(), ConsumeError> {
        let Interest::Pattern {
            pattern,
            topics,
            matched,
            member,
        } = interest
        else {
            return Ok(());
        };
        if matched.elapsed() < PATTERN_AGE_MAX {
            return Ok(());
        }
        let now = matching(self.client(), &compile(pattern)?).await?;
        *matched = Instant::now();
        if now != *topics {
            self.change(member, &now);
            *topics = now;
        }
        Ok(())
    }

    /// Has the member consume other topics. One that its group refused is replaced.
    fn change(&self, member: &mut GroupMember, topics: &[String]) {
        if member.failure().is_some() {
            *member = self.join(topics.to_vec());
        } else {
            member.subscribe(topics.to_vec());
        }
    }

    fn join(&self, topics: Vec<String>) -> GroupMember {
        let mut config = GroupConfig::new(self.group(), topics);
        config.positions = Some(self.progress_shared());
        self.client().groups().join(config)
    }
}

/// A pattern that matches whole names. It is checked alone first, so that no parenthesis of it can
/// close those around it.
fn compile(pattern: &str) -> Result<Regex, ConsumeError> {
    let build = |pattern: &str| {
        let mut builder = RegexBuilder::new(pattern);
        let built = builder.size_limit(PATTERN_BYTES_MAX).build();
        built.map_err(|error| ConsumeError::InvalidPattern {
            cause: error.to_string(),
        })
    };
    build(pattern)?;
    build(&format!("^(?:{pattern})$"))
}

async fn matching(client: &Client, pattern: &Regex) -> Result<Vec<String>, ConsumeError> {
    let topics = client.admin().list_topics().await?;
    let matched = topics
        .iter()
        .filter(|topic| !topic.is_internal && pattern.is_match(&topic.name));
    Ok(matched.map(|topic| topic.name.to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        let pattern = compile("orders|bills-.*").unwrap();
        assert!(pattern.is_match("orders"));
        assert!(pattern.is_match("bills-2026"));
        assert!(!pattern.is_match("orders-old"));
        assert!(!pattern.is_match("my-bills-1"));
    }

    #[test]
    fn a_pattern_that_is_none_or_takes_too_much_memory_is_refused() {
        for pattern in ["(", "a)|(b", "[", "(a{1000}){1000}", "\\"] {
            let refused = compile(pattern);
            assert!(
                matches!(refused, Err(ConsumeError::InvalidPattern { .. })),
                "{pattern}"
            );
        }
    }
}
