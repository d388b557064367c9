//! When the disk fails or a client goes away: nothing is acknowledged that is not on the disk, nothing that
//! is wrong can be read, and memory says what the disk says.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Runtime;

use super::*;
use parking_lot::Mutex;

use super::super::open::Threads;
use crate::log::{
    Disk, Faults, FaultyStorage, Journal, SegmentWriter, StorageError, SyncPool, flush_once,
    repeat_ids,
};

/// How often a task is woken at most on its way to the next flush.
const TURNS: usize = 8;

/// A broker's topics on a faulty disk, flushed by hand.
pub(super) struct FaultyWorld {
    pub(super) storage: FaultyStorage,
    pub(super) clock: Clock,
    pub(super) topics: Topics,
    disk: Disk,
    commit_log: CommitLogConfig,
    pub(super) journal: Mutex<Journal>,
    /// Where changes of topics go on; it ends with the process.
    runtime: Runtime,
}

impl FaultyWorld {
    pub(super) fn new(seed: u64) -> Self {
        let storage = FaultyStorage::new(seed);
        let disk = Disk::new(storage.clone());
        Self::on(storage, disk, SMALL)
    }

    /// A world whose checkpoints sync nothing but what was noted.
    pub(super) fn exact(seed: u64) -> Self {
        let storage = FaultyStorage::new(seed);
        let disk = Disk::new(storage.clone());
        Self::on(storage, disk, EXACT)
    }

    /// A world on a disk that orders no names, and may flip bits; what it makes can be repeated.
    pub(super) fn harsh(seed: u64) -> Self {
        repeat_ids(seed);
        let world = Self::new(seed);
        world.storage.forget_order();
        if seed % 2 == 1 {
            world.storage.flip_bits();
        }
        world
    }

    /// A world on `disk`, which lies on `storage`.
    pub(super) fn on(storage: FaultyStorage, disk: Disk, commit_log: CommitLogConfig) -> Self {
        let clock = Clock::manual(TimestampMs(NOW));
        storage.set_clock(clock.clone());
        let (topics, journal) = try_to_open(&disk, &clock, commit_log).unwrap();
        Self {
            storage,
            clock,
            topics,
            disk,
            commit_log,
            journal: Mutex::new(journal),
            runtime: runtime(),
        }
    }

    pub(super) const fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(super) fn reopen(&mut self) {
        self.runtime = runtime();
        let (topics, journal) = try_to_open(&self.disk, &self.clock, self.commit_log).unwrap();
        self.topics = topics;
        self.journal = Mutex::new(journal);
    }

    /// Opens what is on the disk, as far as that goes, and lets go of it.
    pub(super) fn begin_to_open(&mut self) -> Result<(), OpenError> {
        self.runtime = runtime();
        try_to_open(&self.disk, &self.clock, self.commit_log).map(drop)
    }

    /// What the next start would find if all that was not synced were gone now.
    pub(super) fn after_the_worst_cut(&self) -> Self {
        let storage = self.storage.fork();
        storage.cut_power_and_forget();
        let disk = Disk::new(storage.clone());
        Self::on(storage, disk, self.commit_log)
    }

    pub(super) fn flush(&self) -> bool {
        self.try_to_flush().is_ok()
    }

    pub(super) fn try_to_flush(&self) -> Result<(), StorageError> {
        let flushed = self.flush_alone();
        // As the thread does that runs checkpoints; what fails is of no consequence.
        self.topics.0.saver.save_grown(|_| ());
        self.go_on();
        flushed
    }

    /// Flushes and lets nobody go on who waits for that.
    pub(super) fn flush_alone(&self) -> Result<(), StorageError> {
        let registry = &self.topics.0;
        flush_once(&registry.queue, &mut self.journal.lock()).map(drop)
    }

    /// Lets what is under way run until it waits for the disk.
    fn go_on(&self) {
        self.runtime.block_on(async {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Runs an operation to its end, flushing whenever it waits.
    pub(super) fn drive<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = self.poll(future.as_mut()) {
                return output;
            }
            self.flush();
        }
    }

    /// Begins an operation and gives it up, as happens to a request whose client goes away.
    pub(super) fn give_up<T>(&self, future: impl Future<Output = T>) {
        drop(self.poll(pin!(future)));
    }

    fn poll<T>(&self, mut future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        let once = poll_fn(|context| Poll::Ready(future.as_mut().poll(context)));
        let polled = self.runtime.block_on(once);
        if polled.is_pending() {
            self.go_on();
        }
        polled
    }

    pub(super) fn create(&self, topic: &str) -> Arc<Topic> {
        let created = self.topics.create(new_topic(topic, 1, &[]), Commit::Yes);
        self.drive(created).unwrap().unwrap()
    }

    pub(super) fn partition(&self, topic: &str) -> Arc<Partition> {
        self.topics.partition(topic, PartitionId(0)).unwrap()
    }
}

/// A commit log so small that it is full every few flushes.
pub(super) const SMALL: CommitLogConfig = CommitLogConfig {
    extent_bytes: 5 * 4096,
    checkpoint_bytes: 10 * 4096,
    full_bytes_max: 10 * 4096,
    // Some checkpoints sync files, some the whole disk.
    synced_singly_max: 3,
    grown_bytes: 2000,
    checkpoint_interval: Duration::from_secs(5),
};

/// One whose checkpoints sync nothing but what was noted.
const EXACT: CommitLogConfig = CommitLogConfig {
    synced_singly_max: usize::MAX,
    ..SMALL
};

fn try_to_open(
    disk: &Disk,
    clock: &Clock,
    commit_log: CommitLogConfig,
) -> Result<(Topics, Journal), OpenError> {
    let mut config = config("/".as_ref());
    config.commit_log = commit_log;
    let threads = Threads {
        pool: SyncPool::new(0).unwrap(),
        segments: SegmentWriter::inline(),
    };
    Topics::open_on(disk, config, clock.clone(), threads)
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

/// Mutations: `FlushQueue::fail` without `close`; `flush_once` that answers as if nothing had failed, or publishes what did.
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
    // The other one may be there: the sync that failed may have come that far.
    let found = values(&world.partition("orders"), 0);
    assert_eq!(found[..1], pairs(&[(0, "kept")]));
}

/// Mutations: `flush_once` that publishes what failed; `ExtentWalk::is_whole` without the checksum.
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
    let partition = world.partition("orders");
    assert_eq!(values(&partition, 0), pairs(&[(0, "kept")]));
}

/// Fails where a checkpoint does not take what it made durable off the bytes that are pending.
#[test]
fn what_a_start_would_replay_is_told_before_and_after_it() {
    let mut world = world_with_a_record();
    let pending = world.topics.0.checkpoint.pending_bytes();
    assert!(pending > 0);
    world.storage.kill();
    world.reopen();
    let replayed = world.topics.recovery().replayed_bytes;
    assert!(replayed >= pending, "{replayed} of {pending}");
    world.topics.close().unwrap();
    assert_eq!(world.topics.0.checkpoint.pending_bytes(), 0);
    world.storage.kill();
    world.reopen();
    assert_eq!(world.topics.recovery().replayed_bytes, 0);
}

/// Mutation: `Partition::duplicate` without a barrier.
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

/// Everything that is known of topics but their records.
fn known(topics: &Topics) -> Vec<(crate::model::Uuid, String, Settings, Vec<i64>)> {
    let of_topic = |topic: &Arc<Topic>| {
        let partitions = topic.partitions();
        let starts = partitions.iter().map(|one| one.offsets().log_start.0);
        (
            topic.id(),
            topic.name().to_string(),
            topic.config().own().clone(),
            starts.collect(),
        )
    };
    topics.list().iter().map(of_topic).collect()
}

/// Begins a change and gives it up.
type Change<'a> = &'a dyn Fn(&FaultyWorld);

/// Mutation: `to_its_end` without a task of its own.
#[test]
fn a_change_whose_client_goes_away_is_in_memory_what_it_is_on_disk() {
    let alteration = || {
        Alteration::Change(vec![ConfigChange {
            key: "retention.ms".to_owned(),
            operation: ConfigOperation::Set,
            value: Some("5".to_owned()),
        }])
    };
    let orders = TopicName::parse("orders").unwrap();
    let changes: [(&str, Change<'_>); 5] = [
        ("create", &|world| {
            let new = new_topic("payments", 2, &[]);
            world.give_up(world.topics.create(new, Commit::Yes));
        }),
        ("delete", &|world| {
            world.give_up(world.topics.delete(&orders))
        }),
        ("add partitions", &|world| {
            world.give_up(world.topics.add_partitions(&orders, 3, Commit::Yes));
        }),
        ("alter", &|world| {
            let altered = world
                .topics
                .alter_configs(&orders, alteration(), Commit::Yes);
            world.give_up(altered);
        }),
        ("delete records", &|world| {
            world.give_up(world.partition("orders").delete_records(None));
        }),
    ];
    for (what, change) in changes {
        let mut world = world_with_a_record();
        let before = known(&world.topics);
        change(&world);
        assert_eq!(known(&world.topics), before, "{what} is not durable yet");
        assert!(world.flush());
        let after = known(&world.topics);
        assert_ne!(after, before, "{what} is carried out");
        world.flush();
        world.storage.kill();
        world.reopen();
        assert_eq!(known(&world.topics), after, "{what}");
        assert!(world.topics.recovery().quarantined.is_empty(), "{what}");
    }
}

/// Mutation: `Registry::commit` that ends the turn before the event is durable.
#[test]
fn the_next_change_waits_for_one_whose_client_went_away() {
    let world = world_with_a_record();
    let held = world.partition("orders");
    world.give_up(world.topics.delete(held.topic()));
    let again = world.create("orders");
    assert_ne!(again.id(), held.topic_id());
    let late = held.append(batch(&["late"]), Acks::All);
    assert!(matches!(late, Err(AppendError::Deleted)));
    assert_eq!(values(&world.partition("orders"), 0), []);
}

/// Mutations: `advance_log_start` that moves back; `MetadataState::apply` that believes the last one.
#[test]
fn of_two_deletions_of_records_at_once_the_farther_one_holds_for_ever() {
    let mut world = world_with_a_record();
    let partition = world.partition("orders");
    for _ in 0..3 {
        let appending = partition.append(batch(&["more"]), Acks::All).unwrap();
        world.drive(appending.durable()).unwrap();
    }
    world.give_up(partition.delete_records(Some(Offset(3))));
    let nearer = world.drive(partition.delete_records(Some(Offset(2))));
    assert_eq!(nearer.unwrap(), Offset(3));
    assert_eq!(partition.offsets().log_start, Offset(3));
    world.topics.close().unwrap();
    world.storage.kill();
    world.reopen();
    let partition = world.partition("orders");
    assert_eq!(partition.offsets().log_start, Offset(3));
    assert_eq!(values(&partition, 3), pairs(&[(3, "more")]));
}

/// Mutations: `finish` that tells all when the directories are moved, or ends where one cannot be.
#[test]
fn what_is_durable_is_acknowledged_though_a_directory_cannot_be_moved() {
    let world = world_with_a_record();
    world.create("doomed");
    let doomed = world.partition("doomed");
    let appending = doomed.append(batch(&["old"]), Acks::All).unwrap();
    world.drive(appending.durable()).unwrap();
    world.give_up(world.topics.delete(doomed.topic()));
    assert!(world.flush());
    let partition = world.partition("orders");
    let appending = partition.append(batch(&["new"]), Acks::All).unwrap();
    // The first sync is that of the record, the second that of the move.
    world.storage.set_faults(Faults {
        syncs_left: Some(2),
        ..Faults::default()
    });
    assert!(!world.flush());
    assert_eq!(wait(appending.durable()).unwrap().base_offset, Offset(1));
    assert_eq!(values(&partition, 1), pairs(&[(1, "new")]));
    let late = partition.append(batch(&["late"]), Acks::All);
    assert!(matches!(late, Err(AppendError::Storage(_))));
}

/// Fails where a log without segments begins at its log start, not with what the commit log has.
#[test]
fn a_producer_whose_records_were_deleted_is_known_after_a_power_cut() {
    let mut world = FaultyWorld::new(1);
    world.storage.forget_order();
    world.create("orders");
    let partition = world.partition("orders");
    let original = partition.append(sequenced(&["a"], 0, 0), Acks::All);
    world.drive(original.unwrap().durable()).unwrap();
    world.drive(partition.delete_records(None)).unwrap();
    world.storage.lose_files("/data/topics", "orders-0");
    world.storage.cut_power();
    world.reopen();
    let partition = world.partition("orders");
    assert_eq!(partition.offsets().log_start, Offset(1));
    assert_eq!(values(&partition, 1), []);
    let repeated = partition.append(sequenced(&["a"], 0, 0), Acks::All);
    let repeated = world.drive(repeated.unwrap().durable()).unwrap();
    assert_eq!(repeated.base_offset, Offset(0));
}

/// A world whose topic `orders` lost its first record, of an idempotent producer and of as many bytes as are
/// saved soon, to retention.
fn world_with_a_dropped_record(large: &str) -> FaultyWorld {
    let world = FaultyWorld::exact(1);
    let settings = [("retention.ms", "1000")];
    let created = world
        .topics
        .create(new_topic("orders", 1, &settings), Commit::Yes);
    world.drive(created).unwrap().unwrap();
    let partition = world.partition("orders");
    let original = partition.append(sequenced(&[large], 0, 0), Acks::All);
    world.flush_alone().unwrap();
    wait(original.unwrap().durable()).unwrap();
    world.clock.advance(Duration::from_secs(2));
    world.topics.retention_check().unwrap();
    assert_eq!(partition.offsets().log_start, Offset(1));
    begin_segments_always(&world);
    world
}

/// Has every batch of `orders` begin a segment from now on, so that a checkpoint syncs the directory of the log.
fn begin_segments_always(world: &FaultyWorld) {
    let mut config = world.topics.topic("orders").unwrap().config().log.clone();
    config.segment_bytes = 1;
    world.partition("orders").log.set_config(config);
}

fn append_alone(world: &FaultyWorld, value: &str) {
    let appending = world.partition("orders").append(batch(&[value]), Acks::All);
    world.flush_alone().unwrap();
    wait(appending.unwrap().durable()).unwrap();
}

/// Sends the record again that was dropped, and returns the offset it is told.
fn repeated(world: &FaultyWorld, large: &str) -> Offset {
    let partition = world.partition("orders");
    let repeated = partition.append(sequenced(&[large], 0, 0), Acks::All);
    world
        .drive(repeated.unwrap().durable())
        .unwrap()
        .base_offset
}

/// Mutation: `write_snapshot` that replaces what is synced by what is not.
#[test]
fn a_producer_whose_records_retention_dropped_is_known_though_it_was_saved_again() {
    let large = "x".repeat(3000);
    let world = world_with_a_dropped_record(&large);
    // As the thread of the checkpoints does, to which much was written.
    world.topics.0.saver.save_grown(|_| ());
    for value in ["a", "b"] {
        append_alone(&world, value);
    }
    world.topics.0.checkpoint.run().unwrap();
    let after = world.after_the_worst_cut();
    assert_eq!(repeated(&after, &large), Offset(0));
}

/// Mutation: `BATCHES_HELD` that is `BATCHES_RETAINED`.
#[test]
fn a_producer_with_as_many_batches_in_flight_as_may_be_is_in_a_snapshot() {
    let mut world = FaultyWorld::exact(1);
    world.create("orders");
    let partition = world.partition("orders");
    let append = |sequence| partition.append(sequenced(&["value"], 0, sequence), Acks::All);
    world.drive(append(0).unwrap().durable()).unwrap();
    let in_flight: Vec<_> = (1..=5).map(|sequence| append(sequence).unwrap()).collect();
    assert_eq!(partition.last_batches(), [(7, 0)].into());
    partition
        .save_producers(&partition.log.tend(), true)
        .unwrap();
    drop((in_flight, partition));
    world.storage.kill();
    world.reopen();
    let partition = world.partition("orders");
    let append = |sequence| partition.append(sequenced(&["value"], 0, sequence), Acks::All);
    assert!(append(2).is_err(), "what comes first was never stored");
    let again = world.drive(append(0).unwrap().durable()).unwrap();
    assert_eq!(again.base_offset, Offset(0));
}

/// A first start that ends at any step leaves nothing that a later power cut takes with what is acknowledged then.
///
/// Mutation: `create` that syncs the way to the directory behind its properties.
#[test]
fn what_is_acknowledged_behind_a_first_start_that_was_killed_is_there_after_a_power_cut() {
    for changes in 1..60 {
        let storage = FaultyStorage::new(1);
        let disk = Disk::new(storage.clone());
        storage.set_faults(Faults {
            changes_left: Some(changes),
            ..Faults::default()
        });
        let clock = Clock::manual(TimestampMs(NOW));
        drop(try_to_open(&disk, &clock, EXACT));
        storage.kill();
        let world = FaultyWorld::on(storage, disk, EXACT);
        world.create("orders");
        append_alone(&world, "kept");
        world.topics.0.checkpoint.run().unwrap();
        let after = world.after_the_worst_cut();
        let kept = values(&after.partition("orders"), 0);
        assert_eq!(kept, pairs(&[(0, "kept")]), "{changes}");
    }
}

/// Mutation: `in_doubt` that leaves the snapshots out.
#[test]
fn a_producer_whose_records_retention_dropped_is_known_by_a_snapshot_that_a_dead_process_left() {
    let large = "x".repeat(3000);
    let mut world = world_with_a_dropped_record(&large);
    let append_and_save = |world: &FaultyWorld| {
        append_alone(world, &large);
        world.topics.0.saver.save_grown(|_| ());
    };
    for _ in 0..3 {
        append_and_save(&world);
    }
    world.storage.kill();
    world.reopen();
    begin_segments_always(&world);
    // The one that was synced goes, since what was found at the start counts as synced.
    for _ in 0..3 {
        append_and_save(&world);
    }
    world.topics.0.checkpoint.run().unwrap();
    let after = world.after_the_worst_cut();
    assert_eq!(repeated(&after, &large), Offset(0));
}

/// Mutation: `Replay::open` that does not sync the names it found.
#[test]
fn what_is_acknowledged_in_an_extent_that_a_dead_process_just_made_is_there_after_a_power_cut() {
    let large = "x".repeat(9000);
    for changes in 1..10 {
        let mut world = FaultyWorld::exact(1);
        world.create("orders");
        // The one extent that there is has no room for it.
        world.storage.set_faults(Faults {
            changes_left: Some(changes),
            ..Faults::default()
        });
        let appended = world
            .partition("orders")
            .append(batch(&[&large]), Acks::All);
        drop(appended);
        drop(world.flush_alone());
        world.storage.kill();
        world.reopen();
        let found = values(&world.partition("orders"), 0).len();
        for count in found + 1..found + 4 {
            append_alone(&world, &large);
            let after = world.after_the_worst_cut();
            let kept = values(&after.partition("orders"), 0).len();
            assert_eq!(kept, count, "killed after {changes} changes");
        }
    }
}

/// Mutation: `PartitionLog::open` that cuts for the commit log's sake without recovery points.
#[test]
fn a_commit_log_of_before_a_clean_stop_takes_nothing_away_where_the_recovery_points_are_lost() {
    for count in 20..40 {
        let mut world = world_with_a_record();
        let value = "x".repeat(2000);
        for _ in 1..count {
            let appended = world
                .partition("orders")
                .append(batch(&[&value]), Acks::All);
            world.drive(appended.unwrap().durable()).unwrap();
        }
        world.topics.close().unwrap();
        world.storage.kill();
        // It gives back what it has too much of the commit log, and writes nothing.
        world.reopen();
        world.storage.lose_files("/data", "recovery-points");
        world.storage.kill();
        world.reopen();
        let found = values(&world.partition("orders"), 0);
        assert_eq!(found.len(), count, "all of {count}");
    }
}

/// Mutation: `Disk::draft` that leaves what it made where it could not be emptied.
#[test]
fn a_check_of_retention_that_fails_anywhere_loses_nothing_that_is_acknowledged_behind_it() {
    for changes in 1..40 {
        let mut world = world_with_a_record();
        let partition = world.partition("orders");
        world.drive(partition.delete_records(None)).unwrap();
        world.storage.set_faults(Faults {
            changes_to_error: Some(changes),
            ..Faults::default()
        });
        let checked = world.topics.retention_check();
        let has_failed = checked.is_err();
        world.storage.set_faults(Faults::default());
        let behind = partition.append(batch(&["behind"]), Acks::All);
        let is_acknowledged = behind.is_ok_and(|behind| world.drive(behind.durable()).is_ok());
        if !is_acknowledged {
            // A sync failed, after which nothing is taken any more.
            continue;
        }
        world.topics.close().unwrap();
        world.storage.cut_power();
        world.reopen();
        let found = values(&world.partition("orders"), 1);
        assert_eq!(found, pairs(&[(1, "behind")]), "{changes}");
        if !has_failed {
            assert!(changes > 5, "some of them fail");
            return;
        }
    }
    panic!("all of them fail");
}

/// Mutation: `Registry::retain` that saves the producers without making that durable.
#[test]
fn a_power_cut_at_any_step_of_a_check_of_retention_leaves_the_log_its_end_and_its_producers() {
    for steps in 0..200 {
        let mut world = FaultyWorld::harsh(u64::from(steps));
        let settings = [("retention.ms", "1000")];
        let created = world
            .topics
            .create(new_topic("orders", 1, &settings), Commit::Yes);
        world.drive(created).unwrap().unwrap();
        let partition = world.partition("orders");
        let original = partition.append(sequenced(&["a"], 0, 0), Acks::All);
        world.drive(original.unwrap().durable()).unwrap();
        world.clock.advance(Duration::from_secs(2));
        world.storage.set_faults(Faults {
            changes_left: Some(steps % 40),
            ..Faults::default()
        });
        drop(world.topics.retention_check());
        world.storage.cut_power();
        world.reopen();
        assert_eq!(world.topics.recovery().damaged_logs.len(), 0, "{steps}");
        assert_eq!(repeated(&world, "a"), Offset(0), "{steps}");
        let behind = world.partition("orders").append(batch(&["b"]), Acks::All);
        let behind = world.drive(behind.unwrap().durable()).unwrap();
        assert_eq!(behind.base_offset, Offset(1), "{steps}");
    }
}

/// Mutation: `save_grown` that drops what failed.
#[test]
fn what_could_not_be_saved_for_the_next_start_is_told() {
    let world = world_with_a_record();
    let large = "x".repeat(usize::try_from(SMALL.grown_bytes).unwrap());
    let appended = world
        .partition("orders")
        .append(batch(&[&large]), Acks::All);
    world.flush_alone().unwrap();
    wait(appended.unwrap().durable()).unwrap();
    world.storage.set_faults(Faults {
        changes_to_error: Some(1),
        ..Faults::default()
    });
    let told = Mutex::new(Vec::new());
    let tell = |observation| told.lock().push(observation);
    world.topics.0.saver.save_grown(tell);
    let told = told.into_inner();
    let [Observation::SavingFailed { reason }] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(reason.path.starts_with("/data/topics/orders-0"), "{reason}");
}

/// Fails where a start does not make durable what the metadata log tells before it moves directories.
#[test]
fn a_start_moves_no_directory_for_a_deletion_that_may_yet_be_lost() {
    for changes in 1..60 {
        let mut world = world_with_a_record();
        let orders = TopicName::parse("orders").unwrap();
        world.give_up(world.topics.delete(&orders));
        world.storage.set_faults(Faults {
            syncs_left: Some(1),
            ..Faults::default()
        });
        assert!(!world.flush());
        world.storage.kill();
        world.storage.set_faults(Faults {
            changes_left: Some(changes),
            ..Faults::default()
        });
        drop(world.begin_to_open());
        world.storage.cut_power_and_forget();
        world.reopen();
        if world.topics.topic("orders").is_some() {
            let partition = world.partition("orders");
            assert_eq!(values(&partition, 0), pairs(&[(0, "kept")]), "{changes}");
        }
    }
}

/// Fails where the name of `quarantine/` is not durable before something is moved there.
#[test]
fn a_power_cut_at_any_step_of_a_start_loses_no_directory_of_nobody() {
    for steps in 0..240 {
        let mut world = FaultyWorld::harsh(u64::from(steps));
        let disk = world.disk().clone();
        let stranger = Path::new("/data/topics/stranger-0");
        disk.create_dir(stranger).unwrap();
        disk.replace_file(&stranger.join("notes"), b"precious")
            .unwrap();
        disk.sync_all("/".as_ref()).unwrap();
        world.storage.kill();
        world.storage.set_faults(Faults {
            changes_left: Some(steps % 60),
            ..Faults::default()
        });
        drop(world.begin_to_open());
        world.storage.cut_power();
        world.reopen();
        let quarantine = Path::new("/data/quarantine");
        let [kept] = disk.list(quarantine).unwrap().try_into().unwrap();
        let notes = quarantine.join(kept).join("notes");
        let notes = disk.read_file(&notes).unwrap();
        assert_eq!(notes.as_deref(), Some(&b"precious"[..]), "{steps}");
    }
}
