//! Random values of every declared message, for tests.
//!
//! A value drawn for a version sets only what that version carries, so that it survives a round
//! trip. The same seed draws the same values. Not for production code.

use bytes::Bytes;

use crate::ErrorCode;
use crate::wire::{Chunks, Uuid, Version};

/// Elements of an array and bytes of a string, at most.
const LENGTH_MAX: u64 = 3;

/// A seeded source of values (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Sampler {
    state: u64,
}

impl Sampler {
    /// A source that always draws the same for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// True once in `count` draws.
    pub const fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.bits().to_le_bytes()[0])
    }
}

/// A type with random values for each version of its message.
pub trait Sample {
    /// Draws a value that `version` can carry.
    fn sample(sampler: &mut Sampler, version: Version) -> Self;
}

macro_rules! sample_numbers {
    ($($type:ty,)*) => {$(
        impl Sample for $type {
            fn sample(sampler: &mut Sampler, _: Version) -> Self {
                // Borders are where encodings go wrong, and many a default is -1.
                match sampler.below(8) {
                    0 => Self::MIN,
                    1 => Self::MAX,
                    2 => Self::from_be_bytes([0; size_of::<Self>()]),
                    3 => Self::from_be_bytes([0xff; size_of::<Self>()]),
                    _ => Self::from_be_bytes(sampler.bytes()),
                }
            }
        }
    )*};
}

sample_numbers!(i8, i16, u16, i32, u32, i64,);

impl Sample for f64 {
    fn sample(sampler: &mut Sampler, version: Version) -> Self {
        Self::from(i32::sample(sampler, version)) / 7.0
    }
}

impl Sample for bool {
    fn sample(sampler: &mut Sampler, _: Version) -> Self {
        sampler.one_in(2)
    }
}

impl Sample for Uuid {
    fn sample(sampler: &mut Sampler, _: Version) -> Self {
        if sampler.one_in(4) {
            Self::ZERO
        } else {
            Self(sampler.bytes())
        }
    }
}

impl Sample for ErrorCode {
    fn sample(sampler: &mut Sampler, version: Version) -> Self {
        Self::from_code(i16::sample(sampler, version) % 140)
    }
}

impl Sample for String {
    fn sample(sampler: &mut Sampler, _: Version) -> Self {
        let letters = ['a', 'Z', '.', 'é', '漢', '🦀', '\u{0}'];
        let length = sampler.below(LENGTH_MAX * 3);
        (0..length)
            .filter_map(|_| letters.get(usize::try_from(sampler.below(7)).unwrap_or(0)))
            .collect()
    }
}

impl Sample for Bytes {
    fn sample(sampler: &mut Sampler, _: Version) -> Self {
        let length = sampler.below(LENGTH_MAX * 5);
        (0..length)
            .map(|_| sampler.bits().to_le_bytes()[0])
            .collect()
    }
}

impl Sample for Chunks {
    fn sample(sampler: &mut Sampler, version: Version) -> Self {
        Self(Vec::sample(sampler, version))
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(sampler: &mut Sampler, version: Version) -> Self {
        let length = sampler.below(LENGTH_MAX + 1);
        (0..length).map(|_| T::sample(sampler, version)).collect()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(sampler: &mut Sampler, version: Version) -> Self {
        if sampler.one_in(4) {
            None
        } else {
            Some(T::sample(sampler, version))
        }
    }
}
