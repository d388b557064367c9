//! Latency at a rate that leaves time to breathe, as Kafka's tool for the performance of producers prints it.

use std::path::Path;

use crate::rounds::{Promise, Samples, Table};
use crate::side::Side;
use crate::{Extent, perf_test, prewritten};

/// Records a second.
const RATE: usize = 10_000;
/// The same record in every partition's own time: nothing waits to be sent with others.
const PROPERTIES: &str = "linger.ms=0";
const TOPIC: &str = "paced";

/// What the broker asks of the disk at that rate: so many flushes a second, and the bytes of each.
const FLUSHES: u32 = 650;
const FLUSH_BYTES: usize = 16 * 1024;

pub(crate) async fn measure(extent: Extent, folder: &Path, table: &mut Table) {
    let sides = [
        Side::sluice(folder, "paced", &[]).await,
        Side::kafka(folder, "paced-kafka", "").await,
    ];
    for side in &sides {
        side.go_on();
        side.create(TOPIC).await;
        perf_test::produce(side, TOPIC, extent.records, PROPERTIES).await;
        side.hold();
    }
    // The tool's own JVM is slow at first: that does not count.
    let warm = RATE * extent.seconds;
    let records = 2 * warm;
    let mut p50 = [Samples::default(), Samples::default()];
    let mut p99 = p50.clone();
    let mut disk = Samples::default();
    for _ in 0..extent.rounds {
        for (place, side) in sides.iter().enumerate() {
            side.go_on();
            let took = perf_test::produce_at(side, TOPIC, RATE, [warm, records], PROPERTIES).await;
            side.hold();
            p50[place].push(took.p50_ms);
            p99[place].push(took.p99_ms);
        }
        let seconds = 2 * extent.seconds;
        let took = prewritten::paced_p99_ms(folder, FLUSH_BYTES, FLUSHES, seconds);
        disk.push(took);
    }
    let what = "kafka-producer-perf-test, 10,000 records/s, linger.ms=0";
    let (p50, p99) = (p50.each_ref(), p99.each_ref());
    table.tell_beside(&format!("{what}, p50"), "ms", p50, Promise::AtMost(1.0));
    table.tell_beside(
        &format!("{what}, p99"),
        "ms",
        p99,
        Promise::of_tail(10.0, extent),
    );
    table.compare(
        &format!("{what}, p99 vs Apache Kafka"),
        "ms",
        p99,
        Promise::of_tail(1.0 / 3.0, extent),
    );
    let what = "the disk alone, 650 writes and syncs of 16 KiB a second, p99";
    table.tell(what, "ms", &disk, Promise::Nothing);
}
