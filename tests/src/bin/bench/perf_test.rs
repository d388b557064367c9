//! `kafka-producer-perf-test` and `kafka-consumer-perf-test` with records of 1 KiB, and what they say.

use std::path::Path;

use sluice_e2e::console::Tool;
use sluice_e2e::process::Server;

use crate::side::Side;

/// Of a record, in bytes.
pub(crate) const SIZE: usize = 1024;

/// What the producer's tool says in its summary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Produced {
    pub(crate) records_a_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Produces as fast as it goes with `acks=all` and the producer's `properties`.
pub(crate) async fn produce(
    side: &Side,
    topic: &str,
    records: usize,
    properties: &str,
) -> Produced {
    let args = format!("--num-records {records} --throughput -1");
    run(side, topic, &args, properties).await
}

/// Produces `records` at a rate, after `warm` that do not count.
pub(crate) async fn produce_at(
    side: &Side,
    topic: &str,
    rate: usize,
    [warm, records]: [usize; 2],
    properties: &str,
) -> Produced {
    let all = warm + records;
    let args = format!("--num-records {all} --warmup-records {warm} --throughput {rate}");
    run(side, topic, &args, properties).await
}

async fn run(side: &Side, topic: &str, args: &str, properties: &str) -> Produced {
    let args = producer(topic, args, properties);
    let said = side.console.run(Tool::ProducerPerfTest, &args, "").await;
    let said = said.ok();
    produced(&said).unwrap_or_else(|| panic!("the tool said\n{said}"))
}

fn producer(topic: &str, args: &str, properties: &str) -> String {
    format!("--topic {topic} --record-size {SIZE} {args} --command-property acks=all {properties}")
}

/// A producer at a rate, until it is dropped.
#[derive(Debug)]
pub(crate) struct Producing(Server);

impl Producing {
    /// Starts it, and waits until it has produced for five seconds.
    pub(crate) async fn start(side: &Side, topic: &str, rate: usize, folder: &Path) -> Self {
        let args = format!("--num-records 1000000000 --throughput {rate}");
        let args = producer(topic, &args, "");
        let console = &side.console;
        let mut server = console.start("producing", Tool::ProducerPerfTest, &args, folder);
        let patience = std::time::Duration::from_secs(60);
        server
            .ready(patience, intervals)
            .await
            .expect("it goes on producing");
        Self(server)
    }

    /// Records a second in its last whole interval.
    pub(crate) fn records_a_second(&self) -> f64 {
        intervals(&self.0.stdout()).expect("it has said so before")
    }
}

/// The rate in the last interval the producer's tool has told of.
fn intervals(said: &str) -> Option<f64> {
    let (whole, _) = said.rsplit_once('\n')?;
    rate(whole.lines().rfind(|line| line.contains("records sent"))?)
}

/// Consumes so many records from the beginning: megabytes a second, without the time it takes to join the group.
pub(crate) async fn consume(side: &Side, topic: &str, records: usize) -> f64 {
    let args = format!("--topic {topic} --num-records {records} --hide-header");
    let said = side.console.run(Tool::ConsumerPerfTest, &args, "").await;
    let said = said.ok();
    fetched_a_second(&said).unwrap_or_else(|| panic!("the tool said\n{said}"))
}

/// Bytes of so many records.
pub(crate) fn gigabytes(records: usize) -> f64 {
    let bytes = u32::try_from(records / 1000 * SIZE).expect("a few gigabytes");
    f64::from(bytes) / 1e6
}

/// `500000 records sent, 84210.5 records/sec (82.2 MB/sec), 30.1 ms avg latency, 90.00 ms max latency, 29 ms 50th, 70 ms
/// 95th, 80 ms 99th, 90 ms 99.9th.`: the last such line is the sum of what counts.
fn produced(said: &str) -> Option<Produced> {
    let line = said.lines().rfind(|line| line.contains("records sent"))?;
    let milliseconds = |percentile: &str| {
        let column = line.split(", ").find(|part| part.ends_with(percentile))?;
        column.split(' ').next()?.parse().ok()
    };
    Some(Produced {
        records_a_second: rate(line)?,
        p50_ms: milliseconds(" ms 50th")?,
        p99_ms: milliseconds(" ms 99th")?,
    })
}

fn rate(line: &str) -> Option<f64> {
    let column = line.split(", ").nth(1)?;
    column.split(' ').next()?.parse().ok()
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
    fn the_last_summary_of_the_producers_tool_counts() {
        let said = "1 records sent, 2.0 records/sec (0.1 MB/sec), 3.0 ms avg latency, 4.0 ms max latency.\n\
                    100 records sent, 9959.1 records/sec (9.73 MB/sec), 390.99 ms avg latency, 1937.00 ms max latency, 158 ms 50th, 1202 ms 95th, 1524 ms 99th, 1903 ms 99.9th.\n\
                    70 steady state records sent, 9898.2 records/sec (9.67 MB/sec), 294.01 ms avg latency, 1715.00 ms max latency, 72 ms 50th, 1112 ms 95th, 1317 ms 99th, 1524 ms 99.9th.\n";
        let found = produced(said).expect("it is what the tool says");
        let expected = Produced {
            records_a_second: 9898.2,
            p50_ms: 72.0,
            p99_ms: 1317.0,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_producer_has_begun_when_it_says_a_whole_line() {
        let said = "256010 records sent, 51202.0 records/sec (50.00 MB/sec), 3.0 ms avg latency, 4.0 ms max latency.";
        assert_eq!(intervals(said), None);
        assert_eq!(intervals(&format!("{said}\n256")), Some(51202.0));
    }

    #[test]
    fn what_the_consumers_tool_says_is_understood() {
        let said = "2026-11-21 14:00:00:000, 2026-11-21 14:00:01:000, 48.8, 48.8, 50000, 50000.0, 300, 700, 69.7, 71428.5\n";
        assert_eq!(fetched_a_second(said), Some(69.7));
    }
}
