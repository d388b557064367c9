//! Kafka's performance tools against us, against Apache Kafka as shipped, and against it flushing as we do.

use std::path::Path;

use sluice_e2e::apache_kafka::ApacheKafka;
use sluice_e2e::console::{Console, Jvm, Tool};
use sluice_e2e::process::Server;
use sluice_e2e::sluice::Sluice;

use crate::Extent;
use crate::load::{cpu_seconds, pause, resume, settle};
use crate::rounds::{Promise, Samples, Table};

/// Of a record, in bytes.
const SIZE: usize = 1024;

/// One broker, and what was measured of it.
struct Side<'a> {
    console: Console,
    server: &'a Server,
    /// Records it is given a turn.
    records: usize,
    produced: Samples,
    produce_cpu: Samples,
    consumed: Samples,
    consume_cpu: Samples,
}

pub(crate) async fn measure(extent: Extent, folder: &Path, table: &mut Table) {
    let [ours, shipped, flushing] = ["wire", "shipped", "flushing"].map(|name| {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).expect("a folder");
        folder
    });
    let sluice = Sluice::bundled(&ours, &[]).await;
    let shipped = ApacheKafka::start(&shipped, "", Jvm::AsShipped).await;
    let flushing =
        ApacheKafka::start(&flushing, "log.flush.interval.messages=1", Jvm::AsShipped).await;
    let broker = sluice.addresses().broker.clone().expect("a bundled broker");
    let mut sides = [
        Side::new(&broker, sluice.server(), extent.records).await,
        Side::new(shipped.bootstrap(), shipped.server(), extent.records).await,
        // A flush a batch takes Kafka a minute for 100,000 records where the disk has other work.
        Side::new(
            flushing.bootstrap(),
            flushing.server(),
            extent.records.div_ceil(20).max(10_000),
        )
        .await,
    ];
    sides.iter().for_each(|side| pause(side.server));
    for round in 0..extent.rounds {
        for side in &mut sides {
            resume(side.server);
            side.turn(round).await;
            pause(side.server);
        }
    }
    // A stopped process does not hear that it should end.
    sides.iter().for_each(|side| resume(side.server));
    report(&sides, table);
}

fn report([ours, shipped, flushing]: &[Side<'_>; 3], table: &mut Table) {
    let produce = "kafka-producer-perf-test, 1 KiB, acks=all, 16 partitions, vs Apache Kafka";
    table.compare(
        &format!("{produce} flushing each batch"),
        "rec/s",
        [&ours.produced, &flushing.produced],
        Promise::AtLeast(3.0),
    );
    table.compare(
        &format!("{produce} as shipped"),
        "rec/s",
        [&ours.produced, &shipped.produced],
        Promise::AtLeast(0.7),
    );
    let cpu = "the same, broker CPU";
    let produced = [&ours.produce_cpu, &shipped.produce_cpu];
    table.compare(cpu, "s/GB", produced, Promise::Nothing);
    table.compare(
        "kafka-consumer-perf-test vs Apache Kafka",
        "MB/s",
        [&ours.consumed, &shipped.consumed],
        Promise::AtLeast(0.7),
    );
    let consumed = [&ours.consume_cpu, &shipped.consume_cpu];
    table.compare(cpu, "s/GB", consumed, Promise::Nothing);
}

impl<'a> Side<'a> {
    async fn new(bootstrap: &str, server: &'a Server, records: usize) -> Self {
        let console = Console::as_shipped(bootstrap);
        let side = Self {
            console,
            server,
            records,
            produced: Samples::default(),
            produce_cpu: Samples::default(),
            consumed: Samples::default(),
            consume_cpu: Samples::default(),
        };
        // A JVM is slow until it has compiled what it does.
        side.create("warm").await;
        side.produce("warm", records / 5).await;
        side
    }

    async fn turn(&mut self, round: usize) {
        let topic = format!("turn-{round}");
        self.create(&topic).await;
        settle();
        let before = cpu_seconds(self.server);
        let rate = self.produce(&topic, self.records).await;
        let between = cpu_seconds(self.server);
        let speed = self.consume(&topic).await;
        let after = cpu_seconds(self.server);
        let gigabytes = gigabytes(self.records);
        self.produced.push(rate);
        self.produce_cpu.push((between - before) / gigabytes);
        self.consumed.push(speed);
        self.consume_cpu.push((after - between) / gigabytes);
        self.console
            .run(Tool::Topics, &format!("--delete --topic {topic}"), "")
            .await
            .ok();
    }

    async fn create(&self, topic: &str) {
        let args = format!("--create --topic {topic} --partitions 16");
        self.console.run(Tool::Topics, &args, "").await.ok();
    }

    /// Records a second.
    async fn produce(&self, topic: &str, records: usize) -> f64 {
        let args = format!(
            "--topic {topic} --num-records {records} --record-size {SIZE} --throughput -1 \
             --command-property acks=all"
        );
        let said = self
            .console
            .run(Tool::ProducerPerfTest, &args, "")
            .await
            .ok();
        records_a_second(&said).unwrap_or_else(|| panic!("the tool said\n{said}"))
    }

    /// Megabytes a second, without the time it takes to join the group.
    async fn consume(&self, topic: &str) -> f64 {
        let args = format!(
            "--topic {topic} --num-records {} --hide-header",
            self.records
        );
        let said = self
            .console
            .run(Tool::ConsumerPerfTest, &args, "")
            .await
            .ok();
        fetched_a_second(&said).unwrap_or_else(|| panic!("the tool said\n{said}"))
    }
}

fn gigabytes(records: usize) -> f64 {
    let bytes = u32::try_from(records / 1000 * SIZE).expect("a few gigabytes");
    f64::from(bytes) / 1e6
}

/// `500000 records sent, 84210.5 records/sec (82.2 MB/sec), ...`: the last such line is the sum.
fn records_a_second(said: &str) -> Option<f64> {
    let line = said.lines().rfind(|line| line.contains("records sent"))?;
    line.split(", ").nth(1)?.split(' ').next()?.parse().ok()
}

/// Column 9 of 10 is `fetch.MB.sec`.
fn fetched_a_second(said: &str) -> Option<f64> {
    let line = said.lines().rfind(|line| line.matches(", ").count() == 9)?;
    line.split(", ").nth(8)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tools_say_is_understood() {
        let said = "1 records sent, 2.0 records/sec (0.1 MB/sec), 3.0 ms avg latency\n\
                    500000 records sent, 84210.5 records/sec (82.2 MB/sec), 300.1 ms avg latency, ...\n";
        assert_eq!(records_a_second(said), Some(84210.5));
        let said = "2026-11-21 14:00:00:000, 2026-11-21 14:00:01:000, 48.8, 48.8, 50000, 50000.0, 300, 700, 69.7, 71428.5\n";
        assert_eq!(fetched_a_second(said), Some(69.7));
    }
}
