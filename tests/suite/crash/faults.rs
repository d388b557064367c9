//! The disk fails: after a failed sync nothing is acknowledged again and the process ends; half a write is never a record.
//!
//! It was seen to fail with a sync whose error is passed over, with a recovery that believes the kernel's memory after a failed
//! sync (which the disk may contradict), and with a write that is content with a part.

use std::process::Command;
use std::time::{Duration, Instant};

use sluice_e2e::disk::Faults;
use sluice_e2e::history::History;
use sluice_e2e::process::Server;
use sluice_e2e::seed::Random;
use sluice_e2e::{Target, World, wait};

use super::load::{Load, Topic};
use super::rounds;

const PARTITIONS: i32 = 4;

/// From a failed sync to the end of the process, at most.
const END: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_of_a_fuse_disk_ends_the_process_and_loses_nothing() {
    let mut random = Random::announced();
    let mut world = World::on_disk(random.split(), &[]).await;
    let orders = Topic::create(world.bootstrap(), "orders", PARTITIONS).await;
    let mut load = Load::start(orders, &mut random);
    let failures = failures();
    for failed in 1..=failures {
        load.reach(500).await;
        let left = u64::try_from(1 + random.below(20)).expect("few");
        world.disk().set_faults(Faults {
            syncs_left: Some(left),
            ..Faults::default()
        });
        wait::until_true("a failed sync", wait::PATIENCE, || {
            std::future::ready(world.disk().failed_syncs() == failed)
        })
        .await;
        ends_soon(&mut world, load.history()).await;
        // The kernel's memory still has what the disk forgot; it goes with the power.
        world.sluice_mut().start_again().await;
        load.look().await;
        world.cut_power();
        world.sluice_mut().start_again().await;
        load.look().await;
    }
    println!("{failures} failed syncs: {:?}", load.finish(&world).await);
}

/// How often the disk fails: a round of it takes as long as some kills.
fn failures() -> u64 {
    u64::try_from(rounds() / 4).expect("few").max(3)
}

/// A sync has failed: nothing is granted any more, readiness goes off and the process ends with status 1, both soon.
async fn ends_soon(world: &mut World, history: &History) {
    let (began, failed) = (Instant::now(), history.now());
    let http = world.http().await;
    wait::until("readiness to go off", END, || async {
        match http.status("/health/ready").await {
            Some(200) => Err("ready".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
    let status = world.sluice_mut().ended(END).await;
    assert_eq!(status.code(), Some(1), "{status}");
    let took = began.elapsed();
    assert!(took < END, "it took {took:?}");
    let granted = history.granted_between(failed, history.now());
    assert_eq!(granted, 0, "acknowledged after a failed sync");
    println!("ended {took:?} after a failed sync was seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_writes_of_a_fuse_disk_leave_no_half_batch() {
    let mut random = Random::announced();
    let mut world = World::on_disk(random.split(), &[]).await;
    let orders = Topic::create(world.bootstrap(), "orders", PARTITIONS).await;
    let mut load = Load::start(orders, &mut random);
    world.disk().set_faults(Faults {
        short_writes: true,
        ..Faults::default()
    });
    for _ in 0..failures() {
        load.reach(1000).await;
        world.sluice_mut().kill();
        world.sluice_mut().start_again().await;
        load.look().await;
        load.reach(1000).await;
        world.cut_power();
        world.sluice_mut().start_again().await;
        load.look().await;
    }
    let short = world.disk().short_writes();
    println!("{short} short writes: {:?}", load.finish(&world).await);
    assert!(short > 0, "each write was whole");
}

/// The disk of the machine itself, where a sync of whichever thread fails.
///
/// Mutation: `FileSystem`'s `sync` that passes over what fdatasync(2) says: readiness stays on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fdatasync_by_strace_ends_the_process_and_loses_nothing() {
    let mut random = Random::announced();
    let mut world = World::start(Target::Bundled).await;
    let orders = Topic::create(world.bootstrap(), "orders", PARTITIONS).await;
    let mut load = Load::start(orders, &mut random);
    let failures = failures();
    for _ in 0..failures {
        load.reach(500).await;
        let pid = world.sluice().await.server().pid().as_raw_nonzero();
        let nth = 1 + random.below(10);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=fdatasync", "-p"]);
        strace.arg(pid.to_string());
        strace.args(["-e", &format!("inject=fdatasync:error=EIO:when={nth}")]);
        let strace = Server::start("strace", &mut strace, world.folder());
        wait::until_true("an injected error", wait::PATIENCE, || {
            std::future::ready(strace.stderr().contains("EIO"))
        })
        .await;
        ends_soon(&mut world, load.history()).await;
        world.sluice_mut().start_again().await;
        load.look().await;
    }
    println!("{failures} failed syncs: {:?}", load.finish(&world).await);
}
