//! What failures of a consumer instance mean over HTTP.

use super::ApiError;
use crate::consume::ConsumeError;

impl From<ConsumeError> for ApiError {
    fn from(error: ConsumeError) -> Self {
        let message = error.to_string();
        match error {
            ConsumeError::NoInstance => Self::ConsumerInstanceNotFound,
            ConsumeError::InstanceExists => Self::ConsumerInstanceExists,
            ConsumeError::TooManyInstances { .. } => Self::Overloaded { message },
            ConsumeError::MutuallyExclusive
            | ConsumeError::NothingToRead
            | ConsumeError::NotAssigned { .. } => Self::IllegalState { message },
            ConsumeError::InvalidPattern { .. } => Self::Constraint { message },
            ConsumeError::FormatMismatch => Self::FormatMismatch,
            ConsumeError::NoOffset { .. } => Self::KafkaFatal { message },
            ConsumeError::Undecodable { .. }
            | ConsumeError::Unreadable { .. }
            | ConsumeError::Damaged { .. } => Self::UndecodableRecord { message },
            ConsumeError::Kafka(error) => error.into(),
        }
    }
}
