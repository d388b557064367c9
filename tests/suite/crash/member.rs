//! A member of a group: reads the partitions it is given from where the group has come, and commits.

use std::sync::Arc;

use sluice_client::offsets::OffsetAndMetadata;
use sluice_client::{Assignment, GroupConfig, GroupMember};
use sluice_e2e::history::{Event, Outcome};

use super::load::{Shift, Topic};
use super::reader::{Reader, group};

/// One of those who consume a topic together.
pub(super) struct Member {
    number: usize,
    topic: Topic,
    reader: Reader,
    member: GroupMember,
}

impl Member {
    pub(super) fn join(number: usize, topic: &Topic) -> Self {
        let reader = Reader::new(number, topic);
        let config = GroupConfig::new(group(topic), vec![topic.name.to_owned()]);
        Self {
            number,
            topic: topic.clone(),
            member: reader.client().groups().join(config),
            reader,
        }
    }

    pub(super) async fn run(self, shift: Arc<Shift>) {
        while !shift.is_over() {
            let assignment = self.member.assigned().await.expect("a member of the group");
            self.consume(&assignment, &shift).await;
        }
        self.member.leave().await.expect("leave the group");
    }

    /// Reads and commits as long as the assignment holds.
    async fn consume(&self, assignment: &Assignment, shift: &Shift) {
        let Some(committed) = self.reader.committed().await else {
            return;
        };
        let mut positions: Vec<(i32, i64)> = assignment
            .partitions
            .iter()
            .map(|at| {
                let place = usize::try_from(at.partition).expect("of the topic");
                (at.partition, committed[place].unwrap_or(0))
            })
            .collect();
        self.reader.assign(&positions);
        let holds = || {
            let now = self.member.assignment();
            now.is_some_and(|now| now.generation == assignment.generation)
        };
        while holds() && !shift.is_over() {
            if self.reader.poll(&mut positions).await > 0 {
                self.commit(&positions).await;
            } else {
                self.reader.wait(&positions).await;
            }
        }
    }

    async fn commit(&self, positions: &[(i32, i64)]) {
        let offsets = positions.iter().map(|(partition, offset)| {
            let at = self.reader.at(*partition);
            (at, OffsetAndMetadata::new(*offset))
        });
        let history = &self.topic.history;
        let began = history.now();
        let answer = self.member.commit(offsets.collect()).await;
        // What a repeated request is refused, its first attempt may have done.
        let outcomes: Vec<_> = match answer {
            Ok(results) => results
                .into_iter()
                .map(|(_, result)| result.map_or(Outcome::Info, Outcome::Ok))
                .collect(),
            Err(_) => vec![Outcome::Info; positions.len()],
        };
        let events = positions.iter().zip(outcomes);
        let events = events.map(|(&(partition, offset), outcome)| Event::Commit {
            partition,
            offset,
            outcome,
        });
        history.note(self.number, began, events);
    }
}
