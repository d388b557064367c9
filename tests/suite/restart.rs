//! The bundled broker ends and starts again: nothing that was acknowledged is gone.

use sluice_e2e::{Target, World};

const RECORDS: usize = 1000;

/// Partition, offset, timestamp, key and value of every record.
const EVERYTHING: &str = "%p %o %T %k=%s\n";

/// Mutation: `groups::load` that passes over what was committed.
#[tokio::test]
async fn ctrl_c_and_start_again_keeps_every_record_and_offset_of_kcat() {
    let mut world = World::start(Target::Bundled).await;
    let before = write_and_read(&world).await;
    let status = world.sluice_mut().interrupt().await;
    assert!(
        status.success(),
        "{status}\n{}",
        world.sluice().await.server().last_words()
    );
    world.sluice_mut().start_again().await;
    assert_nothing_is_lost(&world, &before).await;
}

/// Mutation: `PartitionLog::replay` that appends nothing of what the commit log has.
#[tokio::test]
async fn kill_and_start_again_keeps_every_acknowledged_record_and_offset_of_kcat() {
    let mut world = World::start(Target::Bundled).await;
    let before = write_and_read(&world).await;
    world.sluice_mut().kill();
    world.sluice_mut().start_again().await;
    assert_nothing_is_lost(&world, &before).await;
}

/// Writes records that kcat sees acknowledged, reads them as group `billing`, and gives all there is in `orders`.
async fn write_and_read(world: &World) -> String {
    let lines: String = (0..RECORDS)
        .map(|n| format!("key {n}:value {n}\n"))
        .collect();
    world.kcat().produce("orders", "-K:", &lines).await;
    let read = world.kcat().run(BILLING, "").await.ok();
    assert_eq!(read.lines().count(), RECORDS);
    world.kcat().read_all("orders", EVERYTHING).await
}

async fn assert_nothing_is_lost(world: &World, before: &str) {
    let after = world.kcat().read_all("orders", EVERYTHING).await;
    assert_eq!(after.lines().count(), RECORDS);
    assert_eq!(after, before);
    // What billing had read it does not read again; what comes now gets the next offset.
    world.kcat().produce("orders", "", "late\n").await;
    assert_eq!(world.kcat().run(BILLING, "").await.ok(), "late\n");
    let all = world.kcat().read_all("orders", "%o\n").await;
    assert_eq!(all.lines().last(), Some(RECORDS.to_string().as_str()));
}

/// Reads as a group, from where it was, to the end, and commits.
const BILLING: &str = "-G billing -X auto.offset.reset=earliest -e -q orders";
