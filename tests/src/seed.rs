//! Chance that can be repeated: numbers from a seed that is printed, and settings from the environment.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::str::FromStr;

/// The environment's value for `name`, or `default`.
///
/// # Panics
/// If the environment says something that is no such value.
#[must_use]
pub fn setting<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(said) => said
            .parse()
            .unwrap_or_else(|_| panic!("{name}={said} is not understood")),
        Err(_) => default,
    }
}

/// Numbers that look random and follow from a seed (`SplitMix64`).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From `SLUICE_SEED`, or from chance; the seed is printed with a failure.
    #[must_use]
    pub fn announced() -> Self {
        let seed = setting("SLUICE_SEED", RandomState::new().build_hasher().finish());
        eprintln!("SLUICE_SEED={seed} draws the same numbers again");
        Self::new(seed)
    }

    /// The next number below `end`, which is above 0.
    ///
    /// # Panics
    /// If `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a usize fits");
        usize::try_from(self.next() % end).expect("it is below a usize")
    }

    /// A generator of its own, for somebody who draws at moments that cannot be repeated.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_numbers() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            [(); 8].map(|()| random.below(1000))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|&number| number < 1000));
        let split = |seed| Random::new(seed).split().below(1000);
        assert_eq!(split(7), split(7));
    }
}
