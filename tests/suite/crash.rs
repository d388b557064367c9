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

use sluice_e2e::{World, seed, wait};

/// Kills or cuts, as the environment says.
fn rounds() -> usize {
    seed::setting("SLUICE_CRASH_ROUNDS", 5)
}

/// The value of a metric without labels.
async fn metric(world: &World, name: &str) -> u64 {
    let metrics = world.http().await.text("/metrics").await;
    let mut lines = metrics.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines
        .find(|(found, _)| *found == name)
        .unwrap_or_else(|| panic!("{name} is no metric"));
    value.parse().expect("a number")
}

/// Waits until this life of the broker has compacted something, by its own account, and gives how many bytes it looked through.
async fn until_it_compacts(world: &World) -> u64 {
    wait::until("a compaction", wait::PATIENCE, || async {
        match metric(world, "sluice_broker_compaction_read_bytes_total").await {
            0 => Err("nothing is compacted".to_owned()),
            read => Ok(read),
        }
    })
    .await
}

/// What the broker itself misses of what its disk said it has: ranges of records, and extents of its commit log.
async fn damage(world: &World) -> u64 {
    let mut damage = 0;
    for name in [
        "sluice_broker_damaged_ranges",
        "sluice_broker_commit_log_damaged_extents",
    ] {
        damage += metric(world, name).await;
    }
    damage
}
