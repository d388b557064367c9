//! What a consumer instance is told when it is made.

use std::time::Duration;

use sluice_client::offsets::OffsetSpec;

use crate::embedded::EmbeddedFormat;

/// What a consumer instance is told when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How keys and values are shown.
    pub format: EmbeddedFormat,
    /// Where to start in a partition without a committed offset.
    pub reset: Reset,
    /// Whether to commit what was delivered every five seconds, at a rebalance and at the end.
    pub auto_commit: bool,
    /// Bytes of keys and values a read waits for, while it has time.
    pub bytes_min: usize,
    /// The longest a read waits, and what it waits when it does not say; `None` for the server's.
    pub timeout: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: EmbeddedFormat::Binary,
            reset: Reset::Latest,
            auto_commit: true,
            bytes_min: 1,
            timeout: None,
        }
    }
}

/// Where to start in a partition without a committed offset, or whose offset is not kept any more;
/// Kafka's `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// At the oldest record kept.
    Earliest,
    /// Behind the last record.
    Latest,
    /// Nowhere: it is an error.
    None,
}

impl Reset {
    /// The offset to look up, where there is one.
    pub(super) const fn spec(self) -> Option<OffsetSpec> {
        match self {
            Self::Earliest => Some(OffsetSpec::Earliest),
            Self::Latest => Some(OffsetSpec::Latest),
            Self::None => None,
        }
    }
}
