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
            ProduceError::TimedOut {
                may_be_written,
                said,
            } => Self::KafkaRetriable {
                message: late(may_be_written, said),
            },
            ProduceError::Client(error) => Self::from(error),
        }
    }
}

/// What is told where the time was over, with what Kafka said last.
fn late(may_be_written: bool, said: Option<String>) -> String {
    let told = match may_be_written {
        true => "Kafka did not acknowledge the record in time. It may be written all the same.",
        false => "Kafka did not take the record in time. It is not written.",
    };
    match said {
        Some(said) => format!("{told} Kafka says: {said}."),
        None => told.to_owned(),
    }
}
