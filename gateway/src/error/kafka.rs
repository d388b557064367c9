//! What Kafka's codes mean over HTTP: the classes of Confluent's proxy.
//!
//! Codes without a class of their own are failures of Kafka's: retriable where Kafka's own client would
//! send the request again, else fatal.

use sluice_protocol::ErrorCode;

use super::ApiError;

impl ApiError {
    /// The failure that a broker's refusal is. `message` is what the broker wrote beside the code,
    /// which is worth more than what the code means in general.
    #[must_use]
    pub fn kafka(code: ErrorCode, message: Option<String>) -> Self {
        let said = message.filter(|message| !message.is_empty());
        let message = said.unwrap_or_else(|| sentence(code.description()));
        match Class::of(code) {
            Class::Unauthenticated => Self::Unauthenticated { message },
            Class::Forbidden => Self::Forbidden { message },
            Class::Unknown => Self::UnknownTopicOrPartition,
            Class::Refused => Self::KafkaRefused { message },
            Class::TooLarge => Self::RecordTooLarge { message },
            Class::Throttled => Self::Throttled { message },
            Class::Unavailable => Self::BrokerUnavailable { message },
            Class::Retriable => Self::KafkaRetriable { message },
            Class::Fatal => Self::KafkaFatal { message },
        }
    }
}

/// How the proxy tells Kafka's codes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Unauthenticated,
    Forbidden,
    Unknown,
    Refused,
    TooLarge,
    Throttled,
    Unavailable,
    Retriable,
    Fatal,
}

/// The classes that list their codes.
const CLASSES: [(Class, &[ErrorCode]); 7] = [
    (
        Class::Unauthenticated,
        &[
            ErrorCode::SaslAuthenticationFailed,
            ErrorCode::IllegalSaslState,
            ErrorCode::UnsupportedSaslMechanism,
        ],
    ),
    (
        Class::Forbidden,
        &[
            ErrorCode::TopicAuthorizationFailed,
            ErrorCode::GroupAuthorizationFailed,
            ErrorCode::ClusterAuthorizationFailed,
            ErrorCode::TransactionalIdAuthorizationFailed,
            ErrorCode::DelegationTokenAuthorizationFailed,
        ],
    ),
    (
        Class::Unknown,
        &[
            ErrorCode::UnknownTopicOrPartition,
            ErrorCode::UnknownTopicId,
        ],
    ),
    (
        Class::Refused,
        &[
            ErrorCode::DuplicateResource,
            ErrorCode::InvalidConfig,
            ErrorCode::InvalidGroupId,
            ErrorCode::InvalidPartitions,
            ErrorCode::InvalidRegularExpression,
            ErrorCode::InvalidReplicaAssignment,
            ErrorCode::InvalidReplicationFactor,
            ErrorCode::InvalidRequest,
            ErrorCode::InvalidTopicException,
            ErrorCode::PolicyViolation,
            ErrorCode::SecurityDisabled,
            ErrorCode::TopicAlreadyExists,
            ErrorCode::TopicDeletionDisabled,
            ErrorCode::UnknownServerError,
            ErrorCode::UnsupportedVersion,
        ],
    ),
    (
        Class::TooLarge,
        &[ErrorCode::MessageTooLarge, ErrorCode::RecordListTooLarge],
    ),
    (Class::Throttled, &[ErrorCode::ThrottlingQuotaExceeded]),
    (Class::Unavailable, &[ErrorCode::BrokerNotAvailable]),
];

impl Class {
    fn of(code: ErrorCode) -> Self {
        let listed = CLASSES.iter().find(|(_, codes)| codes.contains(&code));
        match listed {
            Some((class, _)) => *class,
            None if code.is_retriable() => Self::Retriable,
            None => Self::Fatal,
        }
    }
}

/// A description as a public message.
fn sentence(description: &str) -> String {
    let mut chars = description.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_kafka_has_its_class() {
        let mut classes = std::collections::BTreeMap::new();
        for code in ErrorCode::ALL {
            let error = ApiError::kafka(*code, None);
            classes
                .entry(error.error_code())
                .or_insert_with(Vec::new)
                .push(code.code());
        }
        let listed: Vec<_> = classes
            .iter()
            .filter(|(code, _)| !matches!(**code, 50_002 | 50_003))
            .collect();
        let expected = [
            (413, vec![10, 18]),
            (
                40_002,
                vec![-1, 17, 24, 35, 36, 37, 38, 39, 40, 42, 44, 54, 73, 92, 128],
            ),
            (40_101, vec![33, 34, 58]),
            (40_301, vec![29, 30, 31, 53, 65]),
            (40_403, vec![3, 100]),
            (42_901, vec![89]),
            (50_302, vec![8]),
        ];
        let expected: Vec<_> = expected.iter().map(|(code, codes)| (code, codes)).collect();
        assert_eq!(listed, expected);
        assert!(classes[&50_003].contains(&6), "a moved leader passes");
        assert!(
            classes[&50_002].contains(&1),
            "an offset out of range does not"
        );
    }

    #[test]
    fn what_the_broker_wrote_is_told_and_else_what_the_code_means() {
        let said = ApiError::kafka(
            ErrorCode::TopicAlreadyExists,
            Some("Topic 't' already exists.".to_owned()),
        );
        assert_eq!(said.to_string(), "Topic 't' already exists.");
        let meant = ApiError::kafka(ErrorCode::TopicAlreadyExists, Some(String::new()));
        assert_eq!(meant.to_string(), "A topic of this name exists.");
        let unknown = ApiError::kafka(ErrorCode::UnknownTopicOrPartition, None);
        assert_eq!(
            unknown.to_string(),
            "This server does not host this topic-partition."
        );
    }
}
