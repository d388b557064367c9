//! Lag as people read it: a number, a bound, or why there is none.

use super::format;
use crate::monitor::sample::Millis;
use crate::monitor::snapshot::{GroupPartitionView, Lag, TimeLag};

/// What stands where there is nothing to tell.
const NOTHING: &str = "–";
/// What stands where there is something, but it cannot be told.
const UNKNOWN: &str = "unknown";

/// The sum over some partitions, where it is known; partitions without a commit have none.
pub(super) fn sum<'a>(
    sum: Option<u64>,
    partitions: impl IntoIterator<Item = &'a GroupPartitionView>,
) -> String {
    let is_unknown = |view: &GroupPartitionView| matches!(view.lag, Lag::Unknown { .. });
    match sum {
        Some(sum) => format::count(sum),
        None if partitions.into_iter().any(is_unknown) => UNKNOWN.into(),
        None => NOTHING.into(),
    }
}

/// The largest time lag of some partitions, or a bound where some are known by a bound alone.
pub(super) fn largest_time<'a>(
    partitions: impl IntoIterator<Item = &'a GroupPartitionView>,
) -> String {
    let mut largest = None;
    let mut is_bound = false;
    for view in partitions {
        let seconds = match (view.lag, view.time_lag) {
            (Lag::Uncommitted, _) => continue,
            (_, TimeLag::Unknown) => return UNKNOWN.into(),
            (_, TimeLag::CaughtUp) => 0.0,
            (_, TimeLag::Measured { seconds, .. }) => seconds,
            (_, TimeLag::AtLeast { seconds }) => {
                is_bound = true;
                seconds
            }
        };
        largest = Some(f64::max(largest.unwrap_or(0.0), seconds));
    }
    match largest {
        None => NOTHING.into(),
        Some(seconds) if is_bound => format!("≥ {}", format::duration(seconds)),
        Some(seconds) => format::duration(seconds),
    }
}

/// The lag of one partition, and what a reader must know of it.
pub(super) fn of_partition(lag: Lag, now: Millis) -> (String, String) {
    match lag {
        Lag::Known(lag) => (format::count(lag), String::new()),
        Lag::Uncommitted => (NOTHING.into(), "nothing committed yet".into()),
        Lag::Unknown { reason, last: None } => (UNKNOWN.into(), reason.because().into()),
        Lag::Unknown {
            reason,
            last: Some((lag, at)),
        } => {
            let age = now.saturating_sub(at) / 1_000;
            let age = format::duration(f64::from(i32::try_from(age).unwrap_or(i32::MAX)));
            (
                format::count(lag),
                format!("{age} old: {}", reason.because()),
            )
        }
    }
}
