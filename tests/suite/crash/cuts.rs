//! Power cuts under load: what was acknowledged, read or committed is there afterwards, whatever the disk forgets.
//!
//! A cut comes while records are written, after a kill and a restart that showed what was not synced yet, while the broker
//! recovers, or behind a proper end; every second time when the broker has compacted something, by its own account.
//!
//! The same run with `os` durability has to lose something, and so has a shorter one on a disk that lies about its syncs: stories
//! of their own, which prove the run. It was seen to fail, too, with a start that does not sync what it found, and with directories that are not synced.

use sluice_e2e::disk::{Faults, Lost};
use sluice_e2e::history::{Anomaly, anomalies};
use sluice_e2e::process::Signal;
use sluice_e2e::seed::Random;
use sluice_e2e::{World, wait};

use super::churn;
use super::load::{Load, Topic};
use super::{damage, rounds, until_it_compacts};

const PARTITIONS: i32 = 4;

/// Changes to the disk within which the power goes.
const CHANGES: usize = 100;

/// Cuts of which one takes something that was not synced.
const ROUNDS_UNTIL_LOSS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_on_a_fuse_disk_lose_and_repeat_nothing() {
    let mut run = Run::start("group").await;
    let mut lost = Lost::default();
    for round in 0..rounds() {
        let cut = run.round(round).await;
        lost.names += cut.names;
        lost.bytes += cut.bytes;
        for load in &mut run.loads {
            load.look().await;
        }
    }
    for load in run.loads {
        let summary = load.finish(&run.world).await;
        println!("{} cuts, {lost:?}: {summary:?}", rounds());
        assert_eq!(summary.unacknowledged, 0, "a retry is always answered");
    }
}

/// What shows that the story above would notice: the same run with less durability loses something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_on_a_fuse_disk_take_what_os_durability_risks() {
    let mut run = Run::start("os").await;
    for round in 0..ROUNDS_UNTIL_LOSS {
        run.round(round).await;
        for load in &mut run.loads {
            if has_lost_something(&run.world, load).await {
                return;
            }
        }
    }
    panic!("nothing seems to be lost");
}

/// A broker at work on a disk whose power goes again and again.
struct Run {
    world: World,
    loads: [Load; 2],
    random: Random,
}

impl Run {
    async fn start(durability: &str) -> Self {
        let mut random = Random::announced();
        let arguments = [&churn::FLAGS[..], &["--broker-durability", durability]].concat();
        let world = World::on_disk(random.split(), &arguments).await;
        let orders = Topic::create(world.bootstrap(), "orders", PARTITIONS).await;
        let prices = Topic::compacted(world.bootstrap(), "prices", 1).await;
        let loads = [
            Load::start(orders, &mut random),
            Load::start(prices, &mut random),
        ];
        Self {
            world,
            loads,
            random,
        }
    }

    /// Has the power go under load, and starts the broker again.
    async fn round(&mut self, number: usize) -> Lost {
        self.loads[0].reach(self.random.below(1500)).await;
        if number.is_multiple_of(2) {
            until_it_compacts(&self.world).await;
        }
        before_the_cut(&mut self.world, &mut self.loads, &mut self.random).await;
        let lost = self.world.cut_power();
        self.world.sluice_mut().start_again().await;
        lost
    }
}

/// What comes before the cut, or is cut.
async fn before_the_cut(world: &mut World, loads: &mut [Load], random: &mut Random) {
    match random.below(4) {
        0 => {
            let changes = 1 + random.below(CHANGES);
            power_goes_after(world, changes);
            power_is_gone(world).await;
        }
        1 => {
            kill_before_a_sync(world).await;
            world.sluice_mut().start_again().await;
            for load in loads {
                load.look().await;
            }
        }
        2 => {
            world.sluice_mut().kill();
            power_goes_after(world, 1 + random.below(CHANGES));
            world.sluice_mut().begin_again();
            power_is_gone(world).await;
        }
        _ => {
            let status = world.sluice_mut().interrupt().await;
            assert!(status.success(), "{status}");
        }
    }
}

/// Ends the process between a write and its sync: what it wrote, the next one finds, though the disk may yet forget it.
async fn kill_before_a_sync(world: &mut World) {
    world.disk().set_faults(Faults {
        stalls: true,
        ..Faults::default()
    });
    wait::until_true("a sync that waits", wait::PATIENCE, || {
        std::future::ready(world.disk().stalled_syncs() > 0)
    })
    .await;
    world.sluice().await.server().signal(Signal::KILL);
    // It is gone when its sync has an answer, which it does not live to see.
    world.disk().set_faults(Faults::default());
    world.sluice_mut().kill();
}

/// Has the power go before one of the next changes to the disk: a write, a sync, a name.
fn power_goes_after(world: &World, changes: usize) {
    world.disk().set_faults(Faults {
        changes_left: Some(u64::try_from(changes).expect("few")),
        ..Faults::default()
    });
}

async fn power_is_gone(world: &World) {
    wait::until_true("the power to go", wait::PATIENCE, || {
        std::future::ready(!world.disk().has_power())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_on_a_fuse_disk_that_lies_are_found_out() {
    let mut random = Random::announced();
    let mut world = World::on_disk(random.split(), &[]).await;
    let orders = Topic::create(world.bootstrap(), "orders", PARTITIONS).await;
    let mut load = Load::start(orders, &mut random);
    let mut is_found_out = false;
    for _ in 0..5 {
        load.reach(500).await;
        world.disk().set_faults(Faults {
            lies: true,
            ..Faults::default()
        });
        load.reach(2000).await;
        world.cut_power();
        world.disk().set_faults(Faults::default());
        is_found_out = match world.sluice_mut().try_to_start_again().await {
            Ok(()) => has_lost_something(&world, &mut load).await,
            Err(words) => {
                assert!(is_refused_for_damage(&words), "{words}");
                true
            }
        };
        if is_found_out {
            break;
        }
    }
    assert!(is_found_out, "nothing seems to be lost");
}

/// Whether a broker that ended at its start did so for what it found on its disk.
fn is_refused_for_damage(words: &str) -> bool {
    words.contains("is not what Sluice wrote")
}

/// Whether the honest story would have failed here: clients see a loss, or the broker does.
async fn has_lost_something(world: &World, load: &mut Load) -> bool {
    if damage(world).await > 0 {
        return true;
    }
    load.look().await;
    let found = anomalies(&load.history().operations(), load.kept());
    // What is not read yet is not lost while everybody is at work.
    let is_loss = |anomaly: &Anomaly| {
        matches!(
            anomaly,
            Anomaly::Stale(..) | Anomaly::Vanished(..) | Anomaly::TwoValues(..)
        )
    };
    found.iter().any(is_loss)
}
