//! Checksums of any range of an extent, each for no more than two pages of work, however long the range is.
//!
//! Bytes that anybody may have sent can look like the headers of long frames on every page, all of them
//! overlapping. One pass notes the CRC of all bytes before each page. That of a range follows from those of its two
//! ends: a CRC begun with another value differs by that difference carried over the length of the range, whatever the
//! bytes are.

use std::ops::Range;

use crc32c::{crc32c_append, crc32c_combine};

use super::pages::PAGE;

/// The CRC-32C of all bytes before each page.
#[derive(Debug)]
pub(super) struct Sums(Vec<u32>);

impl Sums {
    /// Reads all of `bytes` once.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut sums = vec![0];
        sums.extend(bytes.chunks(PAGE).scan(0, |sum, page| {
            *sum = crc32c_append(*sum, page);
            Some(*sum)
        }));
        Self(sums)
    }

    /// The CRC of `bytes[range]` begun with `seed`, where they have that range.
    pub(super) fn crc(&self, bytes: &[u8], range: Range<usize>, seed: u32) -> Option<u32> {
        let length = range.end.checked_sub(range.start)?;
        let before = self.until(bytes, range.start)?;
        let until = self.until(bytes, range.end)?;
        Some(until ^ crc32c_combine(before ^ seed, 0, length))
    }

    /// The CRC of all bytes before `end`.
    fn until(&self, bytes: &[u8], end: usize) -> Option<u32> {
        let page = end / PAGE;
        let rest = bytes.get(page.checked_mul(PAGE)?..end)?;
        Some(crc32c_append(*self.0.get(page)?, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutation: `Sums::crc` that leaves `seed` out.
    #[test]
    fn the_sum_of_a_range_is_what_reading_it_gives() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for size in [0, 1, PAGE - 1, PAGE, 3 * PAGE, 5 * PAGE + 17] {
            let bytes = Vec::from_iter(std::iter::repeat_with(|| rng.u8(..)).take(size));
            let sums = Sums::of(&bytes);
            for _ in 0..200 {
                let start = rng.usize(..=size);
                let end = rng.usize(start..=size);
                let begun = rng.u32(..);
                let expected = crc32c_append(begun, &bytes[start..end]);
                assert_eq!(sums.crc(&bytes, start..end, begun), Some(expected));
            }
            assert_eq!(sums.crc(&bytes, 0..size + 1, 0), None);
            assert_eq!(sums.crc(&bytes, usize::MAX - 1..usize::MAX, 0), None);
        }
    }
}
