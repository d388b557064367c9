//! What can go wrong between a caller and a cluster.
//!
//! [`ClientError`] is the error of every operation that is not one of the per-record results of the
//! producer. It is cheap to clone, because callers whose requests were coalesced share it.

use std::time::Duration;

use sluice_protocol::{ApiKey, DecodeError, EncodeError, ErrorCode};

use crate::link::Address;

/// Why an operation has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A broker understood the request and refused it, or this item of it.
    #[error("{}", refusal(*code, message.as_deref()))]
    Kafka {
        /// Kafka's code.
        code: ErrorCode,
        /// What the broker wrote beside the code, where it wrote anything.
        message: Option<String>,
    },
    /// No connection could be made; the request was not sent.
    #[error("cannot connect to {address}: {reason}")]
    Unreachable {
        /// Where to.
        address: Address,
        /// What the network said.
        reason: String,
    },
    /// The connection ended after the request was sent: it may have been carried out.
    #[error("{address} closed the connection before it answered: {reason}")]
    Disconnected {
        /// The broker's address.
        address: Address,
        /// What the network said.
        reason: String,
    },
    /// No answer within the time allowed: the request may have been carried out.
    #[error("no answer to {what} within {} ms", after.as_millis())]
    TimedOut {
        /// What was asked.
        what: &'static str,
        /// The time allowed.
        after: Duration,
    },
    /// The broker serves no version of the API that this client and this request can use.
    #[error("the broker does not serve {} in a version this request needs", api.name())]
    Unsupported {
        /// The API.
        api: ApiKey,
    },
    /// The answer could not be understood; the connection was closed.
    #[error("the broker's answer to {} makes no sense: {source}", api.name())]
    Malformed {
        /// The API.
        api: ApiKey,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
    /// The request does not fit the fields of the protocol; it was not sent.
    #[error("the request cannot be sent: {0}")]
    Unsendable(#[from] EncodeError),
    /// The answer lacks an item that was asked for.
    #[error("the broker's answer to {} lacks {item}", api.name())]
    Incomplete {
        /// The API.
        api: ApiKey,
        /// What is missing.
        item: String,
    },
    /// The cluster has no such broker.
    #[error("the cluster has no broker {id}")]
    UnknownBroker {
        /// Id of the broker.
        id: i32,
    },
    /// A limit of the client is reached; try again later.
    #[error("the client already has {limit} {what}; try again later")]
    Overloaded {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The client was shut down.
    #[error("the client is shut down")]
    Closed,
}

fn refusal(code: ErrorCode, message: Option<&str>) -> String {
    message.map_or_else(
        || code.to_string(),
        |message| format!("{message} ({code:?}, {})", code.code()),
    )
}

impl ClientError {
    /// The refusal a code stands for, without words of the broker's own.
    #[must_use]
    pub const fn kafka(code: ErrorCode) -> Self {
        Self::Kafka {
            code,
            message: None,
        }
    }

    /// `Ok` for no error, else the refusal.
    ///
    /// # Errors
    /// [`ClientError::Kafka`] unless `code` is [`ErrorCode::None`].
    pub fn check(code: ErrorCode, message: Option<String>) -> Result<(), Self> {
        if code == ErrorCode::None {
            return Ok(());
        }
        let message = message.filter(|message| !message.is_empty());
        Err(Self::Kafka { code, message })
    }

    /// Kafka's code, where a broker gave one.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        if let Self::Kafka { code, .. } = self {
            Some(*code)
        } else {
            None
        }
    }

    /// What the broker wrote beside its code.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        if let Self::Kafka { message, .. } = self {
            message.as_deref()
        } else {
            None
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        match self {
            Self::Kafka { code, .. } => code.is_retriable(),
            Self::Unreachable { .. }
            | Self::Disconnected { .. }
            | Self::TimedOut { .. }
            | Self::UnknownBroker { .. }
            | Self::Overloaded { .. } => true,
            Self::Unsupported { .. }
            | Self::Malformed { .. }
            | Self::Unsendable(_)
            | Self::Incomplete { .. }
            | Self::Closed => false,
        }
    }

    /// Whether the request may have been carried out although it failed.
    #[must_use]
    pub const fn may_have_happened(&self) -> bool {
        matches!(
            self,
            Self::Disconnected { .. }
                | Self::TimedOut { .. }
                | Self::Malformed { .. }
                | Self::Incomplete { .. }
        )
    }
}
