//! Random lives, one a seed: `SLUICE_SEED` runs one, `SLUICE_SEEDS` that many.

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

/// Runs the lives of the first `count` seeds, unless told otherwise.
pub(super) fn run_all(count: u64, run: fn(u64) -> Result<Trace, Trace>) {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    let seeds = match number("SLUICE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SLUICE_SEEDS").unwrap_or(count),
    };
    for seed in seeds {
        if let Err(trace) = run(seed) {
            let last = trace.len().saturating_sub(TOLD);
            panic!("SLUICE_SEED={seed} fails after {:#?}", &trace[last..]);
        }
    }
}
