//! The metadata log takes as much of the disk as there is to know, and not all that was ever changed.

use std::time::Instant;

use super::*;
use crate::log::id_text;
use crate::topics::metadata_event::MetadataEvent;

/// Bytes of the metadata log on the disk.
fn size(world: &World) -> u64 {
    let directory = world.directory.path().join("data/metadata");
    let files = std::fs::read_dir(directory).unwrap();
    // One may go meanwhile.
    let sizes = files.map(|file| file.unwrap().metadata().map_or(0, |found| found.len()));
    sizes.sum()
}

/// Mutations: `open` without the thread that watches the metadata; a `commit` that does not add to what has grown.
#[test]
fn the_metadata_log_is_replaced_by_a_snapshot_as_soon_as_it_has_grown() {
    let world = World::new();
    let topic = world.create("orders", 1, &[]);
    let value = "x".repeat(1 << 20);
    let event = |value: &str| MetadataEvent::ConfigsReplaced {
        id: id_text(topic.id()),
        configs: [("retention.ms".to_owned(), value.to_owned())].into(),
    };
    let metadata = &world.topics.0.metadata;
    for _ in 0..17 {
        wait(metadata.commit(&event(&value))).unwrap();
    }
    wait(metadata.commit(&event("5"))).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while size(&world) > 3 << 20 {
        assert!(Instant::now() < deadline, "{} bytes", size(&world));
        std::thread::yield_now();
    }
    let world = world.killed();
    let config = world.topics.topic("orders").unwrap().config();
    assert_eq!(config.log.retention.ms, Some(5));
}
