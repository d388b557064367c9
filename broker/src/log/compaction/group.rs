//! Which neighbouring segments become one. Decisions only.
//!
//! Kafka's rules: together at most `segment.bytes`, an offset index at most `segment.index.bytes`, and
//! offsets at most 2^31-1 beyond the first. What counts of the segments before is what is left of them.

/// What a segment may grow to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupLimits {
    /// `segment.bytes`.
    pub(super) segment_bytes: u64,
    /// `index.interval.bytes`.
    pub(super) index_interval: u64,
    /// `segment.index.bytes`.
    pub(super) index_bytes: u64,
}

/// A segment being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Its first offset.
    pub(super) base_offset: i64,
    /// Bytes so far.
    pub(super) size: u64,
}

/// Bytes of an entry of the offset index.
const ENTRY_BYTES: u64 = 8;
/// Bytes of the smallest batch.
const BATCH_BYTES: u64 = 61;

impl Group {
    /// Whether a segment of `size` bytes that ends before `next_offset` may join.
    pub(super) fn takes(&self, size: u64, next_offset: i64, limits: GroupLimits) -> bool {
        let size = self.size.saturating_add(size);
        let reach = next_offset
            .saturating_sub(1)
            .saturating_sub(self.base_offset);
        let interval = limits.index_interval.max(BATCH_BYTES);
        let entries = size.checked_div(interval).unwrap_or_default();
        size <= limits.segment_bytes
            && reach <= i64::from(i32::MAX)
            && entries.saturating_mul(ENTRY_BYTES) <= limits.index_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GroupLimits = GroupLimits {
        segment_bytes: 1000,
        index_interval: 100,
        index_bytes: 1000,
    };
    const GROUP: Group = Group {
        base_offset: 50,
        size: 400,
    };

    #[test]
    fn a_segment_joins_while_size_offsets_and_index_allow() {
        assert!(GROUP.takes(600, 100, LIMITS));
        assert!(!GROUP.takes(601, 100, LIMITS));
        let last = i64::from(i32::MAX) + 51;
        assert!(GROUP.takes(0, last, LIMITS));
        assert!(!GROUP.takes(0, last + 1, LIMITS));
        let small_index = GroupLimits {
            index_bytes: 79,
            ..LIMITS
        };
        assert!(GROUP.takes(599, 100, small_index));
        assert!(!GROUP.takes(600, 100, small_index));
    }
}
