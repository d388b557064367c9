//! `DescribeLogDirs` (35): how much space partitions take (KIP-113).
//!
//! * 3 has an error of its own; 4 tells the size of the volume (KIP-827);
//! * 5 tells which directories are cordoned (KIP-1066).

use crate::ErrorCode;

api!(DescribeLogDirs, versions: 1..=5, flexible: 2,
    request: DescribeLogDirsRequest, response: DescribeLogDirsResponse);

wire! {
    /// Asks how much space partitions take.
    pub struct DescribeLogDirsRequest {
        /// Topics asked for; null for all.
        topics: Option<Vec<DescribableLogDirTopic>>,
    }

    /// Partitions of one topic.
    pub struct DescribableLogDirTopic {
        /// Name of the topic.
        topic: String,
        /// Numbers of the partitions.
        partitions: Vec<i32>,
    }

    /// The directories of the broker.
    pub struct DescribeLogDirsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode [3..],
        /// One answer per directory.
        results: Vec<DescribeLogDirsResult>,
    }

    /// One directory.
    pub struct DescribeLogDirsResult {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Absolute path of the directory.
        log_dir: String,
        /// Topics in it.
        topics: Vec<DescribeLogDirsTopic>,
        /// Bytes of its volume; -1 for unknown (KIP-827).
        total_bytes: i64 [4..] = -1,
        /// Bytes free on its volume; -1 for unknown.
        usable_bytes: i64 [4..] = -1,
        /// Whether it takes no new partitions (KIP-1066).
        is_cordoned: bool [5..],
    }

    /// A topic in the directory.
    pub struct DescribeLogDirsTopic {
        /// Name of the topic.
        name: String,
        /// Partitions of the topic.
        partitions: Vec<DescribeLogDirsPartition>,
    }

    /// A partition in the directory.
    pub struct DescribeLogDirsPartition {
        /// Number of the partition.
        partition_index: i32,
        /// Bytes of its segments.
        partition_size: i64,
        /// Records a future replica is behind, or the log end is ahead of the high watermark.
        offset_lag: i64,
        /// Whether it is a replica being moved here.
        is_future_key: bool,
    }
}
