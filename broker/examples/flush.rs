//! What it takes to make 16 partitions durable by one flush, 16 KiB each, and what it takes to write as many bytes into one
//! file that was written before and to sync it: `cargo run --release -p sluice-broker --example flush -- ./data 5`.
//!
//! Both in one directory, in small slices by turns. Prints a line a turn: the median of either in microseconds.

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluice_broker::log::{
    Checkpoint, CommitLog, CommitLogConfig, Disk, Durability, FileSystem, FlushQueue, FoundPoints,
    Journal, LogConfig, LogContext, LogKey, LogOptions, PartitionLog, RecoveryPoint,
    RecoveryPoints, Replay, Retention, SegmentWriter, Space, SpaceConfig, SyncPool,
    checkpoint_until_closed, flush_once,
};
use sluice_protocol::Uuid;
use sluice_protocol::compression::Compression;
use sluice_protocol::record_batch::{BatchBuilder, NewRecord, Stamp, StampedBatch, ValidatedBatch};

type Failure = Box<dyn Error + Send + Sync>;

const PARTITIONS: i32 = 16;
const BATCH_BYTES: usize = 16 * 1024;
/// Of a batch with one record, besides the value.
const OVERHEAD_BYTES: usize = 72;
/// Flushes of one side before it is the other's turn.
const SLICE: usize = 40;
const SLICES: usize = 10;
/// Of the file that was written before: as large as an extent of the commit log.
const FILE_BYTES: u64 = 16 * 1024 * 1024;
/// So often the segments are synced at the latest.
const INTERVAL: Duration = Duration::from_secs(5);

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(directory), Some(turns)) = (arguments.next(), arguments.next()) else {
        return Err("a directory and the number of turns are needed".into());
    };
    let turns: usize = turns.parse()?;
    let directory = Path::new(&directory);
    std::fs::create_dir_all(directory)?;
    let mut ours = Partitions::open(directory)?;
    let mut peer = Prewritten::create(&directory.join("prewritten"), ours.batch.size())?;
    let (queue, checkpoint) = (
        Arc::clone(&ours.queue),
        Arc::clone(&ours.journal.checkpoint),
    );
    let syncing = std::thread::spawn(move || checkpoint_until_closed(&queue, &checkpoint, || ()));
    // The first turn makes directories and extents.
    turn(&mut ours, &mut peer)?;
    let mut out = std::io::stdout();
    for _ in 0..turns {
        let [ours, theirs] = turn(&mut ours, &mut peer)?;
        writeln!(out, "{ours:.1} {theirs:.1}")?;
    }
    ours.journal.checkpoint.close();
    syncing.join().map_err(|_panic| "the checkpoint died")?;
    Ok(())
}

/// Medians of ours and theirs, in microseconds.
fn turn(ours: &mut Partitions, peer: &mut Prewritten) -> Result<[f64; 2], Failure> {
    let (mut flushes, mut syncs) = (Vec::new(), Vec::new());
    for _ in 0..SLICES {
        for _ in 0..SLICE {
            flushes.push(ours.flush()?);
        }
        for _ in 0..SLICE {
            syncs.push(peer.sync()?);
        }
    }
    Ok([median(flushes), median(syncs)])
}

fn median(mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    let middle = took.get(took.len() / 2).copied().unwrap_or_default();
    middle.as_secs_f64() * 1e6
}

/// Partitions and what makes them durable, as the broker has it.
struct Partitions {
    logs: Vec<Arc<PartitionLog>>,
    batch: ValidatedBatch,
    queue: Arc<FlushQueue>,
    journal: Journal,
    next_offset: i64,
}

impl Partitions {
    fn open(directory: &Path) -> Result<Self, Failure> {
        let disk = Disk::new(FileSystem);
        let space = Space::open(&disk, directory, SpaceConfig::default())?;
        let context = LogContext::new(disk.clone(), 100, Arc::clone(&space));
        let queue = FlushQueue::new(usize::MAX);
        let commit_log = directory.join("commit-log");
        let config = CommitLogConfig::default();
        let (replay, extents) = Replay::open(&disk, &space, &commit_log, config, true, None)?;
        let checkpoint = Arc::new(Checkpoint::new(
            Arc::clone(&context),
            Arc::clone(&queue),
            Arc::clone(&extents),
            FoundPoints {
                path: directory.join("points"),
                points: RecoveryPoints::default(),
            },
            SyncPool::new(7)?,
            INTERVAL,
        )?);
        let open = |partition| {
            let (log, _) = PartitionLog::open(&context, options(directory, partition), None)?;
            Ok(log)
        };
        Ok(Self {
            logs: (0..PARTITIONS).map(open).collect::<Result<_, Failure>>()?,
            batch: batch()?,
            queue,
            journal: Journal {
                commit_log: CommitLog::begin(extents, replay)?,
                segments: SegmentWriter::beside()?,
                checkpoint,
            },
            next_offset: 0,
        })
    }

    fn flush(&mut self) -> Result<Duration, Failure> {
        let stamp = Stamp {
            base_offset: self.next_offset,
            leader_epoch: 0,
            append_time: None,
        };
        self.next_offset += 1;
        let batches: Vec<_> = self
            .logs
            .iter()
            .map(|log| (log, StampedBatch::new(&self.batch, stamp)))
            .collect();
        let start = Instant::now();
        for (log, batch) in batches {
            // Nobody waits: the flush returns when all of it is durable.
            drop(self.queue.append(log, batch)?);
        }
        let flushed = flush_once(&self.queue, &mut self.journal)?;
        let took = start.elapsed();
        match flushed.entries == self.logs.len() {
            true => Ok(took),
            false => Err("it took more than one flush".into()),
        }
    }
}

fn options(directory: &Path, partition: i32) -> LogOptions {
    LogOptions {
        key: LogKey {
            topic: Uuid([1; 16]),
            partition,
        },
        directory: directory.join(format!("orders-{partition}")),
        label: format!("orders {partition}"),
        config: LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: i64::MAX,
            index_interval_bytes: 4096,
            index_bytes_max: u32::MAX,
            file_delete_delay: Duration::from_secs(60),
            durability: Durability::Group,
            retention: Retention::default(),
            compaction: None,
        },
        log_start: 0,
        recovery_point: RecoveryPoint::default(),
        is_labelled: false,
        leader_epoch_max: Some(i32::MAX),
        was_compacted: false,
        on_change: Box::new(|| {}),
    }
}

fn batch() -> Result<ValidatedBatch, Failure> {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.append(&NewRecord {
        value: Some(Bytes::from(vec![7; BATCH_BYTES - OVERHEAD_BYTES])),
        ..NewRecord::default()
    })?;
    let batch = builder.build()?.ok_or("an empty batch")?;
    match batch.size() {
        BATCH_BYTES => Ok(batch),
        size => Err(format!("a batch of {size} bytes").into()),
    }
}

/// A file that is as large as it gets.
struct Prewritten {
    file: File,
    bytes: Vec<u8>,
    at: u64,
}

impl Prewritten {
    /// For as many batches of `batch_bytes` as a flush has.
    fn create(path: &Path, batch_bytes: usize) -> Result<Self, Failure> {
        let bytes = vec![7; batch_bytes * usize::try_from(PARTITIONS)?];
        let file = File::create(path)?;
        file.write_all_at(&vec![0; usize::try_from(FILE_BYTES)?], 0)?;
        file.sync_all()?;
        Ok(Self { file, bytes, at: 0 })
    }

    fn sync(&mut self) -> Result<Duration, Failure> {
        let size = u64::try_from(self.bytes.len())?;
        if self.at + size > FILE_BYTES {
            self.at = 0;
        }
        let start = Instant::now();
        self.file.write_all_at(&self.bytes, self.at)?;
        self.file.sync_data()?;
        self.at += size;
        Ok(start.elapsed())
    }
}
