//! Numbers with a meaning.

use std::time::{SystemTime, UNIX_EPOCH};

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident($type:ty);)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $type);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// Number of a partition within its topic, from 0.
    PartitionId(i32);
    /// Position of a record in its partition.
    Offset(i64);
    /// Grows whenever the log may have lost its tail (KIP-101).
    LeaderEpoch(i32);
    /// Id of an idempotent producer.
    ProducerId(i64);
    /// Incarnation of an idempotent producer.
    ProducerEpoch(i16);
    /// Number of a record within a producer's writes to one partition; wraps to 0.
    Sequence(i32);
    /// Milliseconds since the epoch.
    TimestampMs(i64);
}

impl Offset {
    /// The offset `count` records later.
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl LeaderEpoch {
    /// The epoch that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl TimestampMs {
    /// The wall clock's reading; [`crate::clock::Clock`] is the only caller.
    pub(crate) fn from_system() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the wall clock"
        )]
        let now = SystemTime::now();
        let elapsed = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }
}
