//! The broker ends without warning, again and again, under load: nothing that anybody was told is taken back.
//!
//! `kills` ends the process, `cuts` the power of its disk, `faults` has the disk fail, `full` fills it. All judge by the history of what their
//! clients saw. `SLUICE_CRASH_ROUNDS` sets the number of kills and of power cuts (5), `SLUICE_SEED` what is drawn: the moments
//! they come at, what is written, what a disk forgets. `tests/long` sets them high.

mod churn;
mod cuts;
mod faults;
mod full;
mod kills;
mod load;
mod member;
mod reader;
mod writer;

use sluice_e2e::seed;

/// Kills or cuts, as the environment says.
fn rounds() -> usize {
    seed::setting("SLUICE_CRASH_ROUNDS", 5)
}
