//! Random lives, one a seed: some that are always the same, and some that nobody has seen yet.
//!
//! `SLUICE_SEED` runs one, `SLUICE_SEEDS` those of a range (`0..100000`), `SLUICE_JOBS` so many at once.
//! With `SLUICE_STEPS` each operation on the disk is told.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Steps of a life, told when it fails.
pub(super) type Trace = Vec<String>;

/// Ends of the trace that are told.
const TOLD: usize = 40;

/// Lives a life to its end, or to the first broken promise.
pub(super) fn live<L>(mut life: L, run: fn(&mut L), trace: fn(L) -> Trace) -> Result<Trace, Trace> {
    let lived = std::panic::AssertUnwindSafe(|| run(&mut life));
    match std::panic::catch_unwind(lived) {
        Ok(()) => Ok(trace(life)),
        Err(_) => Err(trace(life)),
    }
}

/// Runs the lives of the first `count` seeds and of `fresh` others, unless told otherwise.
pub(super) fn run_all(count: u64, fresh: u64, run: fn(u64) -> Result<Trace, Trace>) {
    match told() {
        Some(seeds) => run_range(seeds, run),
        None => {
            run_range(0..count, run);
            let first = fastrand::u64(..u64::MAX / 2);
            run_range(first..first + fresh, run);
        }
    }
}

/// The seeds that the environment names.
fn told() -> Option<Range<u64>> {
    let setting = |name| std::env::var(name).ok();
    if let Some(seed) = setting("SLUICE_SEED") {
        let seed: u64 = seed.parse().expect("SLUICE_SEED is a number");
        return Some(seed..seed + 1);
    }
    let range = setting("SLUICE_SEEDS")?;
    let (first, end) = range.split_once("..").expect("SLUICE_SEEDS is a range");
    let number = |text: &str| text.parse().expect("SLUICE_SEEDS is a range");
    Some(number(first)..number(end))
}

fn run_range(seeds: Range<u64>, run: fn(u64) -> Result<Trace, Trace>) {
    let jobs = std::env::var("SLUICE_JOBS").map_or(1, |jobs| jobs.parse().expect("a number"));
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            if let Err(trace) = run(seed) {
                let last = trace.len().saturating_sub(TOLD);
                eprintln!("SLUICE_SEED={seed} fails after {:#?}", &trace[last..]);
                failed.lock().push(seed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner();
    let count = seeds.end - seeds.start;
    assert!(failed.is_empty(), "of {count} seeds fail {failed:?}");
    println!("{count} seeds from {} on: none fails", seeds.start);
}
