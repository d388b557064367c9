//! Hard bounds: what grows stops here, whatever the configuration says.

use std::time::Duration;

/// Bytes into which one batch is decompressed where its records must be looked at.
pub const DECOMPRESSED_BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes into which a small compressed batch is decompressed on a thread that serves connections: some
/// milliseconds at the worst. What producers make of 16 KiB is rarely larger, as text gives a tenth.
pub const LIGHT_CONTENT_BYTES_MAX: usize = 256 * 1024;

/// Topics, partitions, groups and the like that one request may name, where the broker may not have
/// more of them.
pub const REQUEST_ELEMENTS_MAX: usize = 100_000;

/// Bytes of a topic's setting (Kafka's `Short.MAX_VALUE`).
pub const CONFIG_VALUE_BYTES_MAX: usize = 32_767;

/// Bytes of all settings of a topic together: twice the longest one.
pub const TOPIC_CONFIG_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a topic's settings that are written on a full disk as well: retention is lowered to make room.
pub const CONFIG_BYTES_ON_FULL_DISK: usize = 4 * 1024;

/// Bytes of the settings of all topics together. They are in memory, and in one batch of the metadata log, which
/// is read whole at a start.
pub const CONFIG_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Batches that are decompressed at once for clients. What a batch takes then is not known before, and
/// so it is the number that is bounded.
pub const BATCHES_UNPACKED_MAX: usize = 2;

/// Bytes of batches that wait for the disk; beyond, appends are refused.
pub const FLUSH_QUEUE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Bytes of a batch in a log: all that are written were in that queue.
pub const BATCH_BYTES_MAX: usize = FLUSH_QUEUE_BYTES_MAX;

/// Bytes of the newest batches that are kept in memory for readers at the end of their partitions.
pub const TAIL_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of memory for reading segments that are kept for the next reads while nobody uses them.
pub const READ_BUFFER_BYTES_KEPT: usize = 16 * 1024 * 1024;

/// Reads of segments that wait for the disk at once; further ones wait for their turn.
pub const COLD_READS_MAX: usize = 16;

/// Bytes that one read which waits for the disk returns, unless a single batch is larger.
pub const COLD_READ_BYTES_MAX: usize = 1024 * 1024;

/// Look-ups by time at once. What a batch takes when it is decompressed is not known before, and so it is
/// their number that is bounded.
pub const LOOK_UPS_MAX: usize = 2;

/// Partitions that no configuration may go beyond: each takes memory and a directory, which a start opens.
pub const PARTITIONS_MAX: usize = 1_000_000;

/// Idempotent producers that one partition remembers; beyond, the ones idle for longest go. And as many of
/// which a batch was refused.
pub const PRODUCERS_PER_PARTITION_MAX: usize = 16 * 1024;

/// Idempotent producers that each partition may remember, however many the others remember.
pub const PRODUCERS_PER_PARTITION_SHARE: usize = 16;

/// How long an idempotent producer is remembered after its last batch (Kafka's
/// `producer.id.expiration.ms`).
pub const PRODUCER_EXPIRATION: Duration = Duration::from_hours(24);

/// How long it is remembered of a producer that a batch of it was refused, after the last one.
///
/// Longer than TCP tries to get bytes through (some 15 minutes), so that nothing is on its way that could
/// overtake the batch.
pub const REFUSED_PRODUCER_EXPIRATION: Duration = Duration::from_mins(20);

/// Bytes of the metadata log from which on it is replaced by a snapshot, if that is much smaller.
pub const METADATA_LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes by which the metadata log grows before who appends waits until somebody looked whether a snapshot is due.
pub const METADATA_GROWTH_BYTES_MAX: u64 = 64 * 1024 * 1024;

const _: () = assert!(LIGHT_CONTENT_BYTES_MAX <= DECOMPRESSED_BATCH_BYTES_MAX);
const _: () = assert!(DECOMPRESSED_BATCH_BYTES_MAX <= FLUSH_QUEUE_BYTES_MAX);
