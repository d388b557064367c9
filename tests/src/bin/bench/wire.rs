//! Kafka's tool for the performance of producers against us, against Apache Kafka as shipped, and against it flushing as we
//! do.

use std::path::Path;

use crate::Extent;
use crate::perf_test;
use crate::rounds::{Promise, Samples, Table};
use crate::side::Side;

/// One broker, and what was measured of it.
struct Measured {
    side: Side,
    /// Records it is given a turn.
    records: usize,
    rate: Samples,
    cpu: Samples,
}

pub(crate) async fn measure(extent: Extent, folder: &Path, table: &mut Table) {
    let ours = Side::sluice(folder, "wire", &[]).await;
    let shipped = Side::kafka(folder, "shipped", "").await;
    let flushing = Side::kafka(folder, "flushing", "log.flush.interval.messages=1").await;
    // A flush a batch takes Kafka a minute for 500,000 records where the disk has other work.
    let few = extent.records.div_ceil(4).max(10_000);
    let mut all = [
        Measured::new(ours, extent.records).await,
        Measured::new(shipped, extent.records).await,
        Measured::new(flushing, few).await,
    ];
    for round in 0..extent.rounds {
        for measured in &mut all {
            measured.turn(&format!("turn-{round}")).await;
        }
    }
    let [ours, shipped, flushing] = &all;
    let produce = "kafka-producer-perf-test, 1 KiB, acks=all, 16 partitions, vs Apache Kafka";
    table.compare(
        &format!("{produce} as shipped"),
        "rec/s",
        [&ours.rate, &shipped.rate],
        Promise::AtLeast(1.2),
    );
    table.compare(
        &format!("{produce} flushing each batch"),
        "rec/s",
        [&ours.rate, &flushing.rate],
        Promise::AtLeast(5.0),
    );
    table.compare(
        "the same as shipped, broker CPU",
        "s/GB",
        [&ours.cpu, &shipped.cpu],
        Promise::AtMost(1.0 / 3.0),
    );
}

impl Measured {
    async fn new(side: Side, records: usize) -> Self {
        let mut measured = Self {
            side,
            records,
            rate: Samples::default(),
            cpu: Samples::default(),
        };
        // A JVM is slow until it has compiled what it does: two turns that do not count.
        for warm in ["warm-0", "warm-1"] {
            measured.turn(warm).await;
        }
        measured.rate = Samples::default();
        measured.cpu = Samples::default();
        measured
    }

    async fn turn(&mut self, topic: &str) {
        self.side.go_on();
        self.side.create(topic).await;
        let before = self.side.cpu_seconds();
        let produced = perf_test::produce(&self.side, topic, self.records, "").await;
        let cpu = self.side.cpu_seconds() - before;
        self.rate.push(produced.records_a_second);
        self.cpu.push(cpu / perf_test::gigabytes(self.records));
        self.side.delete(topic).await;
        self.side.hold();
    }
}
