//! Readers of all partitions of a topic: one that follows the writers, and those who look at what is there.

use std::sync::Arc;

use sluice_client::offsets::GroupQuery;
use sluice_client::{
    Client, ClientError, ErrorCode, FetchOptions, FetchTarget, Fetched, Isolation, TopicPartition,
};
use sluice_e2e::history::{Event, Mark};

use super::load::{Shift, Topic, WAIT, client};

/// Asked of a partition at a time.
const FETCH_BYTES: i32 = 4 << 20;

/// The group whose members work on a topic.
pub(super) const GROUP: &str = "billing";

/// Somebody who reads and notes it.
pub(super) struct Reader {
    number: usize,
    client: Client,
    topic: Topic,
}

impl Reader {
    pub(super) fn new(number: usize, topic: &Topic) -> Self {
        Self {
            number,
            client: client(&topic.bootstrap),
            topic: topic.clone(),
        }
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Reads everything, and what comes, until the shift is over.
    pub(super) async fn follow(self, shift: Arc<Shift>) {
        let mut positions: Vec<_> = (0..self.topic.partitions).map(|it| (it, 0)).collect();
        self.assign(&positions);
        while !shift.is_over() {
            if self.poll(&mut positions).await == 0 {
                self.wait(&positions).await;
            }
        }
    }

    /// Reads from where it says for each partition to where the partition ends, and gives these ends.
    pub(super) async fn read(&mut self, from: &[i64]) -> Vec<i64> {
        let mut positions: Vec<_> = (0..).zip(from.iter().copied()).collect();
        self.assign(&positions);
        // The end moves while somebody writes; this reads at least to where it was at the beginning.
        let mut ends = from.to_vec();
        let mut goes_on = self.poll_to(&mut positions, Some(&mut ends)).await > 0;
        while goes_on {
            let before = positions.clone();
            self.poll(&mut positions).await;
            let mut moved = before.iter().zip(&positions).zip(&ends);
            goes_on = moved.any(|((before, now), end)| before.1 < *end && before.1 < now.1);
        }
        positions.into_iter().map(|(_, offset)| offset).collect()
    }

    /// Notes that these partitions are read from here.
    pub(super) fn assign(&self, positions: &[(i32, i64)]) {
        let assigned = positions
            .iter()
            .map(|&(partition, offset)| Event::Assign { partition, offset });
        let history = &self.topic.history;
        history.note(self.number, history.now(), assigned);
    }

    /// Reads once and moves the positions behind what was read. Gives how many records that were.
    ///
    /// Where the broker does not answer, it reads nothing.
    pub(super) async fn poll(&self, positions: &mut [(i32, i64)]) -> usize {
        self.poll_to(positions, None).await
    }

    /// The same, and tells where each partition that answers ends.
    async fn poll_to(
        &self,
        positions: &mut [(i32, i64)],
        mut ends: Option<&mut Vec<i64>>,
    ) -> usize {
        let mut count = 0;
        let targets = positions.iter().map(|(partition, offset)| FetchTarget {
            at: self.at(*partition),
            offset: *offset,
            bytes_max: FETCH_BYTES,
        });
        let began = self.topic.history.now();
        let fetcher = self.client.fetcher();
        let fetched = fetcher.fetch(targets.collect(), FetchOptions::default());
        let answers = positions.iter_mut().zip(fetched.await);
        for (place, ((partition, position), (_, fetched))) in answers.enumerate() {
            let Some((records, end)) = told(fetched, *position) else {
                continue;
            };
            if let Some(ends) = &mut ends {
                ends[place] = end;
            }
            count += records.len();
            let from = *position;
            *position = records.last().map_or(from, |(offset, _)| offset + 1);
            let poll = Event::Poll {
                partition: *partition,
                from,
                records,
                end,
            };
            self.topic.history.note(self.number, began, [poll]);
        }
        count
    }

    /// Waits until there may be something to read.
    pub(super) async fn wait(&self, positions: &[(i32, i64)]) {
        let positions: Vec<_> = positions
            .iter()
            .map(|(partition, offset)| (self.at(*partition), *offset))
            .collect();
        let watcher = self.client.watcher();
        watcher
            .wait(&positions, Isolation::ReadUncommitted, WAIT)
            .await;
    }

    /// What the group has committed, by partition; nothing if nobody says.
    pub(super) async fn committed(&self) -> Option<Vec<Option<i64>>> {
        let history = &self.topic.history;
        let began = history.now();
        let partitions = (0..self.topic.partitions).map(|partition| self.at(partition));
        let query = GroupQuery {
            partitions: Some(partitions.collect()),
            ..GroupQuery::all(group(&self.topic))
        };
        let offsets = self.client.offsets();
        let answer = offsets.committed(vec![query]).await.remove(0).1.ok()?;
        let mut committed = vec![None; answer.len()];
        for said in answer {
            let place = usize::try_from(said.at.partition).expect("asked for");
            committed[place] = said.committed.ok()?.map(|it| it.offset);
        }
        let events = (0..)
            .zip(&committed)
            .map(|(partition, &offset)| Event::Committed { partition, offset });
        history.note(self.number, began, events);
        Some(committed)
    }

    pub(super) fn at(&self, partition: i32) -> TopicPartition {
        TopicPartition::new(self.topic.name, partition)
    }
}

/// The group of a topic.
pub(super) fn group(topic: &Topic) -> String {
    format!("{GROUP}-{}", topic.name)
}

/// The records and the high watermark of an answer; nothing where there was none.
fn told(fetched: Result<Fetched, ClientError>, position: i64) -> Option<(Vec<(i64, Mark)>, i64)> {
    let fetched = match fetched {
        Ok(fetched) => fetched,
        // The log ends before what was read from it.
        Err(error) if error.code() == Some(ErrorCode::OffsetOutOfRange) => {
            return Some((Vec::new(), position - 1));
        }
        Err(_) => return None,
    };
    let records = fetched.records.iter().map(|record| {
        let record = record.expect("records are whole");
        let value = record.value.expect("records have values");
        (record.offset, mark(&value))
    });
    Some((records.collect(), fetched.high_watermark))
}

/// The mark at the front of a value.
fn mark(value: &[u8]) -> Mark {
    let text = std::str::from_utf8(value).expect("values are text");
    let mut numbers = text.split(' ').map(|n| n.parse().expect("a number"));
    let mut next = || numbers.next().expect("two numbers");
    Mark {
        producer: next(),
        number: next(),
    }
}
