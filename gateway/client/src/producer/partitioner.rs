//! Which partition a record without one goes to; as Kafka's Java producer does it.
//!
//! A key always leads to the same partition (murmur2 modulo the count), so that records of one key
//! stay in order whoever produced them. Records without a key stick to one partition for some bytes
//! and then move on, which keeps batches large (KIP-480, KIP-794).

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::metadata::Topic;
use crate::retry::random;

/// Bytes after which records without a key move on to another partition; Kafka's `batch.size`.
const STICKY_BYTES: usize = 16 * 1024;
/// Topics for which it is kept where their records stick. Beyond it all are forgotten, and stick anew.
const TOPICS_MAX: usize = 4096;

/// The 32-bit murmur2 hash with the seed of Kafka's Java client.
fn murmur2(key: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, tail) = key.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let bytes = tail.iter().rev();
        hash ^= bytes.fold(0, |bits, byte| (bits << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)).cast_signed()
}

/// The partition of a key.
pub(super) fn partition_of_key(key: &[u8], partition_count: i32) -> i32 {
    (murmur2(key) & i32::MAX)
        .checked_rem(partition_count)
        .unwrap_or(0)
}

/// Where the records without a key of each topic stick.
#[derive(Debug, Default)]
pub(super) struct Sticky(Mutex<HashMap<Arc<str>, Stuck>>);

#[derive(Clone, Copy, Debug)]
struct Stuck {
    partition: i32,
    bytes_left: usize,
}

impl Sticky {
    /// The partition for `bytes` of records without a key.
    pub(super) fn partition(&self, topic: &Topic, bytes: usize) -> i32 {
        let mut topics = self.0.lock();
        if let Some(stuck) = topics.get_mut(&topic.name)
            && stuck.bytes_left > 0
            && has_leader(topic, stuck.partition)
        {
            stuck.bytes_left = stuck.bytes_left.saturating_sub(bytes);
            return stuck.partition;
        }
        let last = topics.get(&topic.name).map(|stuck| stuck.partition);
        let partition = next(topic, last, random());
        let stuck = Stuck {
            partition,
            bytes_left: STICKY_BYTES.saturating_sub(bytes),
        };
        if topics.len() >= TOPICS_MAX && last.is_none() {
            topics.clear();
        }
        topics.insert(Arc::clone(&topic.name), stuck);
        partition
    }
}

fn has_leader(topic: &Topic, partition: i32) -> bool {
    let partition = topic.partition(partition);
    partition.is_some_and(|partition| partition.leader.is_some())
}

/// A random partition that has a leader and is not the last one, where there is such a partition.
fn next(topic: &Topic, last: Option<i32>, random: u64) -> i32 {
    let led = topic.partitions.iter();
    let mut led: Vec<i32> = led
        .filter(|partition| partition.leader.is_some())
        .map(|partition| partition.index)
        .collect();
    if led.len() > 1 {
        led.retain(|partition| Some(*partition) != last);
    }
    let count = u64::try_from(led.len()).unwrap_or(u64::MAX);
    let place = random.checked_rem(count).unwrap_or(0);
    let place = usize::try_from(place).unwrap_or(0);
    led.get(place).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use sluice_protocol::Uuid;

    use super::*;
    use crate::metadata::Partition;

    #[test]
    fn hashes_are_those_of_the_java_client() {
        for (key, hash) in [
            ("", 275_646_681),
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("abc", 479_470_107),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    fn topic(leaders: &[Option<i32>]) -> Topic {
        let partitions = (0..).zip(leaders).map(|(index, leader)| Partition {
            index,
            leader: *leader,
            leader_epoch: 0,
            replicas: Vec::new(),
            in_sync: Vec::new(),
            offline: Vec::new(),
        });
        Topic {
            name: "t".into(),
            id: Uuid::ZERO,
            is_internal: false,
            partitions: partitions.collect(),
            fetched_at: Instant::now(),
        }
    }

    #[test]
    fn records_without_a_key_stick_for_some_bytes_and_then_move() {
        let topic = topic(&[Some(1), Some(1), Some(1)]);
        let sticky = Sticky::default();
        let mut last = -1;
        for _ in 0..20 {
            let first = sticky.partition(&topic, STICKY_BYTES / 2);
            let second = sticky.partition(&topic, STICKY_BYTES / 2);
            assert_eq!(first, second);
            assert_ne!(first, last);
            last = second;
        }
    }

    #[test]
    fn topics_that_come_and_go_are_forgotten() {
        let sticky = Sticky::default();
        let mut topic = topic(&[Some(1)]);
        for number in 0..3 * TOPICS_MAX {
            topic.name = format!("t{number}").into();
            sticky.partition(&topic, 1);
        }
        assert!(sticky.0.lock().len() <= TOPICS_MAX);
    }

    #[test]
    fn records_without_a_key_avoid_partitions_without_a_leader() {
        let sticky = Sticky::default();
        let lame = topic(&[None, Some(1), None]);
        for _ in 0..10 {
            assert_eq!(sticky.partition(&lame, STICKY_BYTES), 1);
        }
        let healed = topic(&[Some(1), None, None]);
        assert_eq!(sticky.partition(&healed, 1), 0);
    }
}
