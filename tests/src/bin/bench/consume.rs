//! Kafka's tool for the performance of consumers against us and against Apache Kafka: alone, and beside a producer.

use std::path::Path;

use crate::rounds::{Promise, Samples, Table};
use crate::side::Side;
use crate::{Extent, librdkafka, perf_test};

/// Records of 1 KiB a second that are produced meanwhile: 50 MiB.
const RATE: usize = 51_200;
const TOPIC: &str = "full";

/// Nobody waits for other members, as with ours: a client that waited for three seconds has compiled some of its code.
const KAFKA: &str = "group.initial.rebalance.delay.ms=0";

/// One broker, and what was measured of it.
struct Measured {
    side: Side,
    records: usize,
    alone: Samples,
    cpu: Samples,
    beside: Samples,
    produced: Samples,
}

pub(crate) async fn measure(extent: Extent, folder: &Path, table: &mut Table) {
    let mut all = [
        Measured::new(Side::sluice(folder, "consume", &[]).await, extent).await,
        Measured::new(Side::kafka(folder, "consume-kafka", KAFKA).await, extent).await,
    ];
    for round in 0..extent.rounds {
        for measured in &mut all {
            measured.alone().await;
        }
        for measured in &mut all {
            measured.beside(&format!("beside-{round}"), folder).await;
        }
    }
    let [ours, kafka] = &all;
    let what = "kafka-consumer-perf-test, 1 KiB, 16 partitions, vs Apache Kafka";
    let promise = Promise::AtLeast(1.0);
    let both = [&ours.alone, &kafka.alone];
    table.compare(&format!("{what}, warm"), "MB/s", both, promise);
    let both = [&ours.cpu, &kafka.cpu];
    table.compare("the same, broker CPU", "s/GB", both, Promise::AtMost(1.0));
    let both = [&ours.beside, &kafka.beside];
    table.compare(
        &format!("{what}, while producing 50 MB/s"),
        "MB/s",
        both,
        promise,
    );
    let both = [&ours.produced, &kafka.produced];
    table.compare(
        "what was produced meanwhile",
        "rec/s",
        both,
        Promise::Nothing,
    );
}

impl Measured {
    async fn new(side: Side, extent: Extent) -> Self {
        let records = extent.records * 4;
        side.go_on();
        side.create(TOPIC).await;
        librdkafka::produce(&side, TOPIC, records).await;
        // Twice, as a JVM is slow until it has compiled what it does.
        for _ in 0..2 {
            perf_test::consume(&side, TOPIC, records).await;
        }
        side.hold();
        Self {
            side,
            records,
            alone: Samples::default(),
            cpu: Samples::default(),
            beside: Samples::default(),
            produced: Samples::default(),
        }
    }

    async fn alone(&mut self) {
        self.side.go_on();
        let before = self.side.cpu_seconds();
        let speed = perf_test::consume(&self.side, TOPIC, self.records).await;
        let cpu = self.side.cpu_seconds() - before;
        self.side.hold();
        self.alone.push(speed);
        self.cpu.push(cpu / perf_test::gigabytes(self.records));
    }

    /// While a producer adds to another topic.
    async fn beside(&mut self, topic: &str, folder: &Path) {
        self.side.go_on();
        self.side.create(topic).await;
        let producing = perf_test::Producing::start(&self.side, topic, RATE, folder).await;
        let speed = perf_test::consume(&self.side, TOPIC, self.records).await;
        self.beside.push(speed);
        self.produced.push(producing.records_a_second());
        drop(producing);
        self.side.delete(topic).await;
        self.side.hold();
    }
}
