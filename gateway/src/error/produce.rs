//! What failures to produce mean over HTTP, of a request or of one of its records.

use sluice_client::ProduceError;

use super::ApiError;

impl From<ProduceError> for ApiError {
    fn from(error: ProduceError) -> Self {
        let text = error.to_string();
        match error {
            ProduceError::UnknownTopic { .. } => Self::TopicNotFound,
            ProduceError::UnknownPartition { .. } => Self::PartitionNotFound,
            ProduceError::Refused { code, message } => Self::kafka(code, message),
            ProduceError::Unencodable { .. } => Self::BadRequest { detail: text },
            ProduceError::BufferFull { .. } => Self::Overloaded {
                message: "Too much is under way to Kafka. Try again.".to_owned(),
            },
            ProduceError::TimedOut { may_be_written } => Self::KafkaRetriable {
                message: if may_be_written {
                    "Kafka did not acknowledge the record in time. It may be written all the same."
                } else {
                    "Kafka did not take the record in time. It is not written."
                }
                .to_owned(),
            },
            ProduceError::Client(error) => Self::from(error),
        }
    }
}
