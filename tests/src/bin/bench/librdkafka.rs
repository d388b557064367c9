//! Producers of librdkafka: its own performance tool, many producers at once, and one that waits for each record.

use std::path::Path;

use sluice_e2e::{repository, tool};
use tokio::process::Command;

use crate::rounds::{Promise, Samples, Table};
use crate::side::Side;
use crate::{Extent, perf_test, prewritten};

/// Producers at a time, and what they produce together.
const PRODUCERS: usize = 16;
const RATE: usize = 105_000;

/// Bytes of the record that its producer waits for.
const ALONE_BYTES: usize = 100;
/// What the disk is given meanwhile.
const PAGE_BYTES: usize = 4096;

/// One producer, as fast as it goes.
pub(crate) async fn measure_fast(extent: Extent, folder: &Path, table: &mut Table) {
    let sides = [
        Side::sluice(folder, "fast", &[]).await,
        Side::sluice(folder, "fast-os", &["--broker-durability", "os"]).await,
        Side::kafka(folder, "fast-kafka", "").await,
    ];
    // The tool takes a second to begin, whomever it talks to.
    let records = extent.records * 4;
    let mut rates: [Samples; 3] = std::array::from_fn(|_| Samples::default());
    let mut cpu = rates.clone();
    // The first two turns do not count: a JVM is slow until it has compiled what it does.
    for round in 0..extent.rounds + 2 {
        for (place, side) in sides.iter().enumerate() {
            let topic = format!("turn-{round}");
            side.go_on();
            side.create(&topic).await;
            let before = side.cpu_seconds();
            let rate = produce(side, &topic, records).await;
            let took = side.cpu_seconds() - before;
            side.delete(&topic).await;
            side.hold();
            if round >= 2 {
                rates[place].push(rate);
                cpu[place].push(took / perf_test::gigabytes(records));
            }
        }
    }
    let what =
        "rdkafka_performance, 1 KiB, one producer, 16 partitions, vs Apache Kafka as shipped";
    let [durable, os, kafka] = &rates;
    let promise = Promise::AtLeast(1.0);
    table.compare(
        &format!("{what}, durable"),
        "rec/s",
        [durable, kafka],
        promise,
    );
    let promise = Promise::AtLeast(1.8);
    table.compare(
        &format!("{what}, durability os"),
        "rec/s",
        [os, kafka],
        promise,
    );
    let [durable, os, kafka] = &cpu;
    let promise = Promise::AtMost(1.0 / 3.0);
    table.compare(
        "the same durable, broker CPU",
        "s/GB",
        [durable, kafka],
        promise,
    );
    table.compare(
        "the same with os, broker CPU",
        "s/GB",
        [os, kafka],
        Promise::Nothing,
    );
}

/// Many producers at a rate.
pub(crate) async fn measure_many(extent: Extent, folder: &Path, table: &mut Table) {
    let sides = [
        Side::sluice(folder, "many", &[]).await,
        Side::kafka(folder, "many-kafka", "").await,
    ];
    for side in &sides {
        side.go_on();
        side.create("many").await;
        produce(side, "many", extent.records).await;
        side.hold();
    }
    let mut rates = [Samples::default(), Samples::default()];
    let mut p99 = rates.clone();
    for _ in 0..extent.rounds {
        for (place, side) in sides.iter().enumerate() {
            side.go_on();
            let what = [PRODUCERS, RATE, extent.seconds, perf_test::SIZE];
            let told = producers(side, "together", "many", &what).await;
            side.hold();
            rates[place].push(told.records_a_second);
            p99[place].push(told.p99_us / 1000.0);
        }
    }
    let what =
        "16 librdkafka producers at 105,000 records/s, 1 KiB, beside Apache Kafka as shipped";
    let promise = Promise::AtLeast(100_000.0);
    table.tell_beside(
        &format!("{what}, durable"),
        "rec/s",
        rates.each_ref(),
        promise,
    );
    let promise = Promise::of_tail(15.0, extent);
    table.tell_beside(&format!("{what}, p99"), "ms", p99.each_ref(), promise);
}

/// One producer that waits for each record, against a file that is synced.
pub(crate) async fn measure_alone(extent: Extent, folder: &Path, table: &mut Table) {
    let side = Side::sluice(folder, "alone", &[]).await;
    side.go_on();
    side.create("alone").await;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let records = 200 * extent.seconds;
    for _ in 0..extent.rounds * 2 {
        let told = producers(&side, "one-by-one", "alone", &[records, ALONE_BYTES]).await;
        ours.push(told.p50_us);
        theirs.push(prewritten::sync_us(folder, PAGE_BYTES, records));
    }
    table.compare(
        "one librdkafka producer, one record of 100 B at a time, p50, vs fdatasync of 4 KiB",
        "us",
        [&ours, &theirs],
        Promise::AtMost(3.0),
    );
}

/// Produces records of 1 KiB by `rdkafka_performance` with `acks=all`: records a second.
pub(crate) async fn produce(side: &Side, topic: &str, records: usize) -> f64 {
    let count = records.to_string();
    let size = perf_test::SIZE.to_string();
    let mut command = Command::new(repository::fetched("librdkafka/rdkafka_performance"));
    command.args(["-P", "-t", topic, "-b", side.bootstrap(), "-a", "-1"]);
    command.args(["-c", &count, "-s", &size]);
    let said = tool::run(command, "").await.ok();
    let is_whole = said.contains(&format!(" {count} delivered"));
    let rate = delivered_a_second(&said).filter(|_| is_whole);
    rate.unwrap_or_else(|| panic!("rdkafka_performance said\n{said}"))
}

/// `% 500000 messages produced (512000000 bytes), 500000 delivered (offset 1, 0 failed) in 1938ms: 257909 msgs/s and ...`
fn delivered_a_second(said: &str) -> Option<f64> {
    let line = said
        .lines()
        .rfind(|line| line.contains(" delivered (offset"))?;
    let (_, rate) = line.split_once("ms: ")?;
    rate.split(' ').next()?.parse().ok()
}

/// What our producers say.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Told {
    records_a_second: f64,
    p50_us: f64,
    p99_us: f64,
}

async fn producers(side: &Side, how: &str, topic: &str, numbers: &[usize]) -> Told {
    let mut command = Command::new(repository::fetched("librdkafka/producers"));
    command.args([how, side.bootstrap(), topic]);
    command.args(numbers.iter().map(usize::to_string));
    let said = tool::run(command, "").await.ok();
    told(&said).unwrap_or_else(|| panic!("producers said\n{said}"))
}

fn told(said: &str) -> Option<Told> {
    let mut words = said.split_whitespace().map(str::parse);
    Some(Told {
        records_a_second: words.next()?.ok()?,
        p50_us: words.next()?.ok()?,
        p99_us: words.next()?.ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tools_say_is_understood() {
        let said = "% 500000 messages produced (512000000 bytes), 453419 delivered (offset 152865, 0 failed) in 5041ms: 89944 msgs/s and 92.10 MB/s, 321 produce failures\n\
                    % 321 backpressures for 500000 produce calls: 0.064% backpressure rate\n\
                    % 500000 messages produced (512000000 bytes), 500000 delivered (offset 198714, 0 failed) in 5373ms: 93055 msgs/s and 95.29 MB/s, 321 produce failures\n";
        assert_eq!(delivered_a_second(said), Some(93055.0));
        let expected = Told {
            records_a_second: 104_998.0,
            p50_us: 5210.0,
            p99_us: 9000.0,
        };
        assert_eq!(told("104998 5210 9000 12000\n"), Some(expected));
        assert_eq!(told("104998"), None);
    }
}
