//! Times and sizes: a whole number and a unit.

use std::time::Duration;

use super::Value;

/// Units of time, the largest first, in milliseconds.
const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Value for Duration {
    const KIND: &'static str = "duration";

    fn parse(text: &str) -> Result<Self, String> {
        with_unit(text, &TIME_UNITS)
            .map(Self::from_millis)
            .ok_or_else(|| {
                "must be a whole number and a unit, such as 500ms, 30s, 5m, 12h or 7d".to_owned()
            })
    }

    fn show(&self) -> String {
        in_unit(
            u64::try_from(self.as_millis()).unwrap_or(u64::MAX),
            &TIME_UNITS,
        )
    }
}

/// Units of size, the largest first, in bytes.
const SIZE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("", 1),
];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// The number as memory is addressed.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Value for ByteCount {
    const KIND: &'static str = "size";

    fn parse(text: &str) -> Result<Self, String> {
        with_unit(text, &SIZE_UNITS).map(Self).ok_or_else(|| {
            "must be a whole number of bytes, or of KiB, MiB or GiB such as 64MiB".to_owned()
        })
    }

    fn show(&self) -> String {
        in_unit(self.0, &SIZE_UNITS)
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn in_unit(value: u64, units: &[(&str, u64)]) -> String {
    let whole = |factor: u64| value != 0 && value.is_multiple_of(factor);
    let largest = units
        .iter()
        .find(|(_, factor)| whole(*factor))
        .or_else(|| units.last());
    largest.map_or_else(String::new, |(unit, factor)| {
        format!("{}{unit}", value / factor)
    })
}
