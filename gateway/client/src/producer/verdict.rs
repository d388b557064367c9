//! What a broker's answer to a batch means for the batch.

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::produce::PartitionProduceResponse;

use super::ProduceError;
use crate::cluster::tells_of_a_new_leader;
use crate::error::ClientError;

/// What happened to a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is in the log.
    Written {
        /// Offset of the first record, where the broker tells.
        base_offset: Option<i64>,
        /// The broker's time, where it replaces that of the records.
        log_append_time: Option<i64>,
    },
    /// It is too large, or a segment cannot hold it; smaller ones may pass.
    TooLarge(ProduceError),
    /// Records of it break a rule: these, by index, or some where none is named.
    Invalid {
        /// What is wrong with the batch.
        error: ProduceError,
        /// What is wrong with single records.
        records: Vec<(usize, ProduceError)>,
    },
    /// A batch before it is missing in the log.
    OutOfOrder,
    /// The broker does not know the state of this producer any more.
    UnknownProducer,
    /// The epoch of the producer is over.
    Fenced,
    /// It may be in the log or not; sent again unchanged, it is written once.
    Uncertain {
        /// Why.
        error: ClientError,
        /// Whether the partition may have another leader.
        is_moved: bool,
    },
    /// It is refused whatever is changed.
    Refused(ProduceError),
}

impl Verdict {
    /// The verdict of a partition's answer.
    pub(super) fn of(answer: PartitionProduceResponse) -> Self {
        let code = answer.error_code;
        // A duplicate was written by an earlier attempt whose answer was lost.
        if matches!(code, ErrorCode::None | ErrorCode::DuplicateSequenceNumber) {
            let is_known = code == ErrorCode::None;
            return Self::Written {
                base_offset: Some(answer.base_offset).filter(|at| is_known && *at >= 0),
                log_append_time: Some(answer.log_append_time_ms).filter(|time| *time >= 0),
            };
        }
        if code.is_retriable() {
            let message = answer.error_message.filter(|said| !said.is_empty());
            return Self::Uncertain {
                error: ClientError::Kafka { code, message },
                is_moved: tells_of_a_new_leader(code),
            };
        }
        let too_large = [ErrorCode::MessageTooLarge, ErrorCode::RecordListTooLarge];
        let invalid = [
            ErrorCode::InvalidRecord,
            ErrorCode::InvalidTimestamp,
            ErrorCode::UnsupportedForMessageFormat,
        ];
        if code == ErrorCode::OutOfOrderSequenceNumber {
            Self::OutOfOrder
        } else if code == ErrorCode::UnknownProducerId {
            Self::UnknownProducer
        } else if code == ErrorCode::InvalidProducerEpoch {
            Self::Fenced
        } else if invalid.contains(&code) {
            Self::invalid(answer)
        } else if too_large.contains(&code) {
            Self::TooLarge(ProduceError::refused(code, answer.error_message))
        } else {
            Self::Refused(ProduceError::refused(code, answer.error_message))
        }
    }

    fn invalid(answer: PartitionProduceResponse) -> Self {
        let code = answer.error_code;
        let records = answer.record_errors.into_iter().filter_map(|row| {
            let index = usize::try_from(row.batch_index).ok()?;
            let message = row.batch_index_error_message;
            let message = message.or_else(|| answer.error_message.clone());
            Some((index, ProduceError::refused(code, message)))
        });
        Self::Invalid {
            records: records.collect(),
            error: ProduceError::refused(code, answer.error_message),
        }
    }

    /// The verdict where the request got no answer.
    pub(super) fn of_failure(error: &ClientError) -> Self {
        let is_final = matches!(
            error,
            ClientError::Unsupported { .. } | ClientError::Unsendable(_) | ClientError::Closed
        );
        if is_final {
            return Self::Refused(ProduceError::Client(error.clone()));
        }
        Self::Uncertain {
            error: error.clone(),
            is_moved: true,
        }
    }
}
