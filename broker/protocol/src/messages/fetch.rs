//! `Fetch` (1): reads record batches, and waits for them.
//!
//! * 7 has fetch sessions (KIP-227); 9 checks the leader epoch (KIP-320); 10 allows zstd (KIP-110);
//! * 11 reads from near replicas (KIP-392); 12 finds diverging logs (KIP-595);
//! * 13 replaces names with topic ids (KIP-516); 15 tells who replicates (KIP-903);
//! * 16 names the new leader (KIP-951); 17 and 18 concern brokers only (KIP-853, KIP-1166).
//!
//! Records pass through undecoded, as slices of the frame.

use crate::wire::Chunks;
use crate::{ErrorCode, Uuid};
use super::leadership::{LeaderIdAndEpoch, NodeEndpoint};

api!(Fetch, versions: 4..=18, flexible: 12,
    request: FetchRequest, response: FetchResponse);

wire! {
    /// Reads records, waiting for them if asked to.
    pub struct FetchRequest {
        /// Id of the cluster the client believes in, if it does.
        cluster_id: Option<String> [12..; tag 0],
        /// Id of the asking broker; -1 for a client.
        replica_id: i32 [..=14] = -1,
        /// The asking broker, if it is one (KIP-903).
        replica_state: ReplicaState [15..; tag 1],
        /// Milliseconds to wait for `min_bytes`.
        max_wait_ms: i32,
        /// Bytes of records worth an answer.
        min_bytes: i32,
        /// Bytes of records in the answer, at most, but for the first batch.
        max_bytes: i32 = i32::MAX,
        /// 0 reads all records, 1 committed ones only.
        isolation_level: i8,
        /// Fetch session to use (KIP-227); 0 for none.
        session_id: i32 [7..],
        /// Step of the session: 0 opens one, -1 uses or closes none.
        session_epoch: i32 [7..] = -1,
        /// What to read; in a session, what changed.
        topics: Vec<FetchTopic>,
        /// What to leave out of the session.
        forgotten_topics_data: Vec<ForgottenTopic> [7..],
        /// Rack of the consumer, to read from a near replica (KIP-392).
        rack_id: String [11..],
    }

    /// A broker that replicates.
    pub struct ReplicaState {
        /// Id of the asking broker; -1 for a client.
        replica_id: i32 = -1,
        /// Epoch of the asking broker.
        replica_epoch: i64 = -1,
    }

    /// What to read of one topic.
    pub struct FetchTopic {
        /// Name of the topic.
        topic: String [..=12],
        /// Id of the topic.
        topic_id: Uuid [13..],
        /// Partitions of the topic.
        partitions: Vec<FetchPartition>,
    }

    /// What to read of one partition.
    pub struct FetchPartition {
        /// Number of the partition.
        partition: i32,
        /// Leader epoch the client believes in, checked if not -1 (KIP-320).
        current_leader_epoch: i32 [9..] = -1,
        /// First offset to read.
        fetch_offset: i64,
        /// Leader epoch of the last record fetched; -1 for none (KIP-595).
        last_fetched_epoch: i32 [12..] = -1,
        /// First offset the asking broker keeps; -1 from a client.
        log_start_offset: i64 [5..] = -1,
        /// Bytes of records of this partition, at most, but for the first batch.
        partition_max_bytes: i32,
        /// Directory of the asking broker.
        replica_directory_id: Uuid [17..; tag 0],
        /// High watermark the asking broker knows.
        high_watermark: i64 [18..; tag 1] = i64::MAX,
    }

    /// Partitions that leave the session.
    pub struct ForgottenTopic {
        /// Name of the topic.
        topic: String [..=12],
        /// Id of the topic.
        topic_id: Uuid [13..],
        /// Partitions of the topic.
        partitions: Vec<i32>,
    }

    /// Records.
    pub struct FetchResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode [7..],
        /// Session the broker opened or used; 0 for none.
        session_id: i32 [7..],
        /// The records, by topic; in a session, of changed partitions only.
        responses: Vec<FetchableTopicResponse>,
        /// Addresses of the leaders that `current_leader` names.
        node_endpoints: Vec<NodeEndpoint> [16..; tag 0],
    }

    /// Records of one topic.
    pub struct FetchableTopicResponse {
        /// Name of the topic.
        topic: String [..=12],
        /// Id of the topic.
        topic_id: Uuid [13..],
        /// Partitions of the topic.
        partitions: Vec<PartitionData>,
    }

    /// Records of one partition.
    pub struct PartitionData {
        /// Number of the partition.
        partition_index: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Offset behind the last record consumers may see.
        high_watermark: i64,
        /// Offset before which every transaction is decided; -1 for unknown.
        last_stable_offset: i64 = -1,
        /// First offset kept; -1 for unknown.
        log_start_offset: i64 [5..] = -1,
        /// Where the log of the client leaves that of the leader (KIP-595).
        diverging_epoch: EpochEndOffset [12..; tag 0],
        /// The leader now, if the client asked another one (KIP-951).
        current_leader: LeaderIdAndEpoch [12..; tag 1],
        /// Snapshot to load instead; for controllers.
        snapshot_id: SnapshotId [12..; tag 2],
        /// Aborted transactions in the range, or null if all records were asked for.
        aborted_transactions: Option<Vec<AbortedTransaction>>,
        /// Broker to read from instead (KIP-392); -1 for none.
        preferred_read_replica: i32 [11..] = -1,
        /// Whole batches, sent on undecoded. Empty rather than null for none, since
        /// librdkafka takes null for a broken batch.
        records: Option<Chunks> = Some(Chunks::default()),
    }

    /// An epoch and its end in the log of the leader.
    pub struct EpochEndOffset {
        /// The epoch; -1 for none.
        epoch: i32 = -1,
        /// Offset behind the last record of the epoch; -1 for unknown.
        end_offset: i64 = -1,
    }

    /// A snapshot of the metadata log.
    pub struct SnapshotId {
        /// Offset behind the last record in the snapshot; -1 for none.
        end_offset: i64 = -1,
        /// Epoch of the last record in the snapshot; -1 for none.
        epoch: i32 = -1,
    }

    /// A transaction whose records a committed reader must skip.
    pub struct AbortedTransaction {
        /// Id of the producer.
        producer_id: i64,
        /// First offset of the transaction.
        first_offset: i64,
    }
}
