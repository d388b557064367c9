//! `InitProducerId` (22): gives a producer its id and epoch (KIP-98).
//!
//! * 3 lets a producer bump its epoch (KIP-360); 4 and 5 allow new errors (KIP-588, KIP-890);
//! * 6 takes part in two-phase commits (KIP-939), and is unstable: brokers do not offer it.

use crate::ErrorCode;

api!(InitProducerId, versions: 0..=6, flexible: 2,
    request: InitProducerIdRequest, response: InitProducerIdResponse);

wire! {
    /// Asks for a producer id, or for a new epoch of one.
    pub struct InitProducerIdRequest {
        /// Name of the transactional producer, or null.
        transactional_id: Option<String>,
        /// Milliseconds after which the coordinator aborts a transaction.
        transaction_timeout_ms: i32,
        /// Id the producer had; -1 for none (KIP-360).
        producer_id: i64 [3..] = -1,
        /// Epoch the producer had; -1 for none.
        producer_epoch: i16 [3..] = -1,
        /// Whether transactions take part in a two-phase commit (KIP-939).
        enable_2pc: bool [6..],
        /// Whether to keep a transaction that is prepared.
        keep_prepared_txn: bool [6..],
    }

    /// The producer id and epoch.
    pub struct InitProducerIdResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Id of the producer; -1 on an error.
        producer_id: i64 = -1,
        /// Epoch of the producer.
        producer_epoch: i16,
        /// Producer id of the kept transaction; -1 for none.
        ongoing_txn_producer_id: i64 [6..] = -1,
        /// Producer epoch of the kept transaction; -1 for none.
        ongoing_txn_producer_epoch: i16 [6..] = -1,
    }
}
