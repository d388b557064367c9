//! Seeded mutations of valid samples: the fuzzing that every test run can afford.
//!
//! The same seed makes the same inputs. There is no feedback from coverage; that is libFuzzer's part.

use std::panic::{self, AssertUnwindSafe};

use sluice_protocol::sample::Sampler;

use crate::Target;

/// Bytes of an input, at most.
const INPUT_BYTES_MAX: usize = 8 * 1024;
/// Mutations of one input, at most.
const MUTATIONS_MAX: u64 = 4;
/// What lengths, counts and versions go wrong at.
const BORDERS: &[&[u8]] = &[
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0x7f, 0xff],
    &[0x80, 0x00],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xfe, 0xff, 0xff, 0xff, 0x0f],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];

/// An input on which a target panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which of the inputs it was.
    pub index: u64,
    /// The input.
    pub input: Vec<u8>,
}

/// Runs the target on its samples and on `count` mutations of them, until one fails. What the target
/// says when it panics goes to standard error, as of any panic.
///
/// # Errors
/// [`Failure`], the first one.
pub fn run(target: Target, seed: u64, count: u64) -> Result<(), Box<Failure>> {
    let samples = (target.samples)();
    let mut sampler = Sampler::new(seed);
    let mutations = (0..count).map(|_| mutated(&samples, &mut sampler));
    for (index, input) in (0..).zip(samples.iter().cloned().chain(mutations)) {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        if outcome.is_err() {
            return Err(Box::new(Failure { index, input }));
        }
    }
    Ok(())
}

fn mutated(samples: &[Vec<u8>], sampler: &mut Sampler) -> Vec<u8> {
    let mut input = pick(samples, sampler).cloned().unwrap_or_default();
    for _ in 0..=sampler.below(MUTATIONS_MAX) {
        mutate(&mut input, samples, sampler);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn mutate(input: &mut Vec<u8>, samples: &[Vec<u8>], sampler: &mut Sampler) {
    let start = below(input.len() + 1, sampler);
    let length = below((input.len() - start).min(64) + 1, sampler);
    let range = start..start + length;
    match sampler.below(8) {
        0 => {
            if let Some(byte) = input.get_mut(start) {
                *byte ^= 1 << sampler.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(start) {
                *byte = sampler.bits().to_le_bytes()[0];
            }
        }
        2 => {
            let border = pick(BORDERS, sampler).copied().unwrap_or_default();
            let end = (start + border.len()).min(input.len());
            input.splice(start..end, border.iter().copied());
        }
        3 => {
            let border = pick(BORDERS, sampler).copied().unwrap_or_default();
            input.splice(start..start, border.iter().copied());
        }
        4 => drop(input.drain(range)),
        5 => input.extend_from_within(range),
        6 => input.truncate(start),
        _ => {
            let other = pick(samples, sampler).map_or([].as_slice(), Vec::as_slice);
            let from = below(other.len() + 1, sampler);
            let tail = other.get(from..).unwrap_or_default();
            input.splice(start.., tail.iter().copied());
        }
    }
}

fn pick<'a, T>(items: &'a [T], sampler: &mut Sampler) -> Option<&'a T> {
    items.get(below(items.len().max(1), sampler))
}

fn below(bound: usize, sampler: &mut Sampler) -> usize {
    let bound = u64::try_from(bound).unwrap_or(u64::MAX);
    usize::try_from(sampler.below(bound)).unwrap_or_default()
}
