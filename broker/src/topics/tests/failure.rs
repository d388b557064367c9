//! When the disk fails: nothing is acknowledged any more, and nothing that is wrong can be read.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::log::{Disk, Faults, FaultyStorage, SyncPool, flush_once};

/// A broker's topics on a faulty disk, flushed by hand.
pub(super) struct FaultyWorld {
    pub(super) storage: FaultyStorage,
    pub(super) clock: Clock,
    pub(super) topics: Topics,
    disk: Disk,
    pool: SyncPool,
}

impl FaultyWorld {
    pub(super) fn new(seed: u64) -> Self {
        let storage = FaultyStorage::new(seed);
        let disk = Disk::new(storage.clone());
        let pool = SyncPool::new(0).unwrap();
        let clock = Clock::manual(TimestampMs(NOW));
        let topics = Topics::open_on(&disk, config("/".as_ref()), clock.clone(), &pool).unwrap();
        Self {
            storage,
            clock,
            topics,
            disk,
            pool,
        }
    }

    pub(super) fn reopen(&mut self) {
        let config = config("/".as_ref());
        let opened = Topics::open_on(&self.disk, config, self.clock.clone(), &self.pool);
        self.topics = opened.unwrap();
    }

    pub(super) fn flush(&self) -> bool {
        let registry = &self.topics.0;
        flush_once(&registry.queue, &registry.log_context, &self.pool).is_ok()
    }

    /// Runs an operation to its end, flushing whenever it waits.
    pub(super) fn drive<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            self.flush();
        }
    }

    pub(super) fn create(&self, topic: &str) -> Arc<Topic> {
        let created = self.topics.create(new_topic(topic, 1, &[]), Commit::Yes);
        self.drive(created).unwrap().unwrap()
    }

    pub(super) fn partition(&self, topic: &str) -> Arc<Partition> {
        self.topics.partition(topic, PartitionId(0)).unwrap()
    }
}

/// A world whose topic `orders` has the acknowledged record `kept`.
fn world_with_a_record() -> FaultyWorld {
    let world = FaultyWorld::new(1);
    world.create("orders");
    let kept = world
        .partition("orders")
        .append(batch(&["kept"]), Acks::All);
    world.drive(kept.unwrap().durable()).unwrap();
    world
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_whoever_listens_is_told() {
    let mut world = world_with_a_record();
    let partition = world.partition("orders");
    world.storage.set_faults(Faults {
        syncs_left: Some(1),
        ..Faults::default()
    });
    let lost = partition.append(batch(&["lost"]), Acks::All).unwrap();
    assert!(!world.flush());
    assert!(matches!(wait(lost.durable()), Err(AppendError::Storage(_))));
    assert_eq!(wait(world.topics.failed()).operation, "sync");
    let later = partition.append(batch(&["later"]), Acks::All);
    assert!(matches!(later, Err(AppendError::Storage(_))));
    let deleted = wait(world.topics.delete(partition.topic()));
    assert!(matches!(deleted, Err(DeleteTopicError::Storage(_))));
    assert_eq!(values(&partition, 0), pairs(&[(0, "kept")]));
    world.topics.close().unwrap_err();

    world.storage.cut_power();
    world.reopen();
    assert_eq!(world.topics.recovery().last_stop, LastStop::Unclean);
    let partition = world.partition("orders");
    assert_eq!(values(&partition, 0), pairs(&[(0, "kept")]));
}

#[test]
fn a_full_disk_leaves_no_part_of_a_batch_to_be_read() {
    let mut world = world_with_a_record();
    let partition = world.partition("orders");
    world.storage.set_faults(Faults {
        bytes_left: Some(100),
        ..Faults::default()
    });
    let whole = partition.append(batch(&["whole"]), Acks::All).unwrap();
    let half = partition.append(batch(&["half"]), Acks::All).unwrap();
    assert!(!world.flush());
    for appending in [whole, half] {
        let outcome = wait(appending.durable());
        assert!(matches!(outcome, Err(AppendError::Storage(_))));
    }
    assert_eq!(values(&partition, 0), pairs(&[(0, "kept")]));

    world.storage.kill();
    world.reopen();
    assert_eq!(world.topics.recovery().cut.len(), 1);
    let partition = world.partition("orders");
    let survivors = pairs(&[(0, "kept"), (1, "whole")]);
    assert_eq!(values(&partition, 0), survivors);
}

#[test]
fn a_repeated_batch_is_not_answered_before_its_original_is_durable() {
    let world = FaultyWorld::new(1);
    world.create("orders");
    let partition = world.partition("orders");
    let original = partition
        .append(sequenced(&["a"], 0, 0), Acks::All)
        .unwrap();
    let repeated = partition
        .append(sequenced(&["a"], 0, 0), Acks::All)
        .unwrap();
    let mut repeated = pin!(repeated.durable());
    let mut context = Context::from_waker(Waker::noop());
    assert!(repeated.as_mut().poll(&mut context).is_pending());
    assert!(world.flush());
    let Poll::Ready(repeated) = repeated.as_mut().poll(&mut context) else {
        panic!("the original is durable");
    };
    assert_eq!(repeated.unwrap(), wait(original.durable()).unwrap());
    assert_eq!(values(&partition, 0), pairs(&[(0, "a")]));
}
