//! What failures of the Kafka client mean over HTTP.

use sluice_client::ClientError;

use super::ApiError;

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        let cause = error.to_string();
        match error {
            ClientError::Kafka { code, message } => Self::kafka(code, message),
            ClientError::Unreachable { .. } => {
                // Addresses are for the log alone.
                tracing::warn!(%cause, "no broker reached");
                Self::BrokerUnavailable {
                    message: "No Kafka broker can be reached.".to_owned(),
                }
            }
            ClientError::Disconnected { .. } => {
                tracing::warn!(%cause, "connection lost");
                let message =
                    "The Kafka broker closed the connection before it answered.".to_owned();
                Self::KafkaRetriable { message }
            }
            ClientError::TimedOut { .. } => {
                tracing::warn!(%cause, "no answer");
                Self::KafkaRetriable {
                    message: "Kafka did not answer in time.".to_owned(),
                }
            }
            ClientError::UnknownBroker { id } => Self::KafkaRetriable {
                message: format!("The cluster has no broker {id} now."),
            },
            ClientError::Unsupported { api } => Self::KafkaRefused {
                message: format!(
                    "The broker does not serve {} in a version this needs.",
                    api.name()
                ),
            },
            ClientError::Unsendable(_) => Self::BadRequest { detail: cause },
            ClientError::Malformed { .. } | ClientError::Incomplete { .. } => {
                Self::Internal { cause }
            }
            ClientError::Overloaded { .. } => Self::Overloaded {
                message: "Too much is under way to Kafka. Try again.".to_owned(),
            },
            ClientError::Closed => Self::Overloaded {
                message: "The server is shutting down.".to_owned(),
            },
        }
    }
}
