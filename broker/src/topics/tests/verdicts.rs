//! What `sluice log verify` says of a data directory is what its next start does.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::log::commit_log::FoundExtent;
use crate::log::{Disk, FileSystem};
use crate::offline::{Form, Tally, verify};

impl World {
    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// What a check says while the broker is down.
    fn verified(&self) -> (Tally, String) {
        let mut out = Vec::new();
        let tally = verify(&self.data(), Form::Text, &mut out, &mut |_| ()).unwrap();
        (tally, String::from_utf8(out).unwrap())
    }
}

/// A killed broker with small extents in its commit log: most of them needed, or only the last one.
fn killed(is_checkpointed: bool) -> World {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(TimestampMs(NOW));
    let mut config = config(directory.path());
    config.commit_log.extent_bytes = 8 * 4096;
    config.commit_log.checkpoint_interval = Duration::from_secs(3600);
    let topics = Topics::open(config, clock.clone(), |_| ()).unwrap();
    let mut world = World {
        directory,
        clock,
        topics,
    };
    world.create("orders", 1, &[]);
    world.topics.0.checkpoint.run().unwrap();
    for number in 0..30 {
        append(&world.partition("orders"), batch(&[&number.to_string()])).unwrap();
    }
    if is_checkpointed {
        world.topics.0.checkpoint.run().unwrap();
    }
    world.topics.0.stop_flushing();
    // The lock goes with the last of it.
    world.topics = open(&world.directory.path().join("another"), &world.clock).unwrap();
    world
}

/// The extents that are in use, by their place in the log.
fn extents(world: &World) -> Vec<PathBuf> {
    let directory = world.data().join("commit-log");
    let found = FoundExtent::all(&Disk::new(FileSystem), &directory).unwrap();
    let placed = found.iter().filter(|extent| extent.header().is_some());
    placed.map(|extent| extent.path().to_owned()).collect()
}

/// What happens to an extent.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Remove,
    /// Its first page rots.
    Page,
    /// A byte of it flips.
    Flip(usize),
}

impl Harm {
    fn apply(self, path: &Path) {
        if matches!(self, Self::Remove) {
            return fs::remove_file(path).unwrap();
        }
        let mut bytes = fs::read(path).unwrap();
        match self {
            Self::Remove => {}
            Self::Page => bytes[..4096].fill(0xff),
            Self::Flip(at) => bytes[at] ^= 1,
        }
        fs::write(path, bytes).unwrap();
    }
}

/// Mutation: `check_commit_log` with the live extent `(0, 0)`.
#[test]
fn the_extents_that_a_check_calls_damaged_are_those_that_the_start_puts_aside() {
    let mut damaged = 0;
    for is_checkpointed in [false, true] {
        let count = extents(&killed(is_checkpointed)).len();
        assert!(count >= 4, "{count}");
        for place in 0..count {
            for harm in [
                Harm::Remove,
                Harm::Page,
                Harm::Flip(4096 + 100),
                Harm::Flip(7 * 4096 + 100),
            ] {
                let world = killed(is_checkpointed);
                harm.apply(&extents(&world)[place]);
                let (tally, said) = world.verified();
                let what = format!("{harm:?} of {place}, checkpointed {is_checkpointed}:\n{said}");
                let told: BTreeSet<_> = said
                    .lines()
                    .filter(|line| line.starts_with("damage "))
                    .map(|line| line.split('"').nth(1).unwrap().into())
                    .collect();
                let topics = open(world.directory.path(), &world.clock).unwrap();
                let found = topics.recovery().damaged.iter().cloned();
                assert_eq!(told, found.collect::<BTreeSet<PathBuf>>(), "{what}");
                assert_eq!(tally.damaged, told.len(), "{what}");
                damaged += told.len();
            }
        }
    }
    assert!(damaged > 10, "{damaged}");
}

/// Mutation: `walk_row` without `left_over`.
#[test]
fn a_last_extent_that_is_gone_is_damage_though_those_before_it_are_there() {
    let world = killed(true);
    fs::remove_file(extents(&world).last().unwrap()).unwrap();
    let (tally, said) = world.verified();
    let is_told = said.contains("the extents behind it are missing, which are needed");
    assert!(tally.damaged == 1 && is_told, "{said}");
}
