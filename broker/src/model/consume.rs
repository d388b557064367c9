//! What a consumer may see, and how it names a position.

use super::TimestampMs;

/// Which records a reader may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// All below the high watermark.
    #[default]
    ReadUncommitted,
    /// All below the last stable offset.
    ReadCommitted,
}

/// A position that is looked up (`ListOffsets`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OffsetSpec {
    /// The log start offset (-2, and -4 where nothing is tiered).
    Earliest,
    /// The end a reader of the given isolation may see (-1).
    Latest,
    /// The first record with the largest timestamp (-3, KIP-734).
    MaxTimestamp,
    /// The first record whose timestamp is at least this.
    At(TimestampMs),
}
