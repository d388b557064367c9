//! What many partitions and much log cost: the time to start again after a stop and after a kill, memory, open files.

use std::path::Path;
use std::time::{Duration, Instant};

use sluice_e2e::partitions::Partitions;
use sluice_e2e::sluice::Sluice;

use crate::Extent;
use crate::load::{cpu_seconds, open_files, resident_mb, settle};
use crate::rounds::{Promise, Samples, Table};

/// Partitions of what is measured with few of them.
const FEW: usize = 16;

/// Gigabytes that go through before memory is looked at.
const THROUGH: usize = 10;

/// Bytes of a record where there is to be much of it.
const LARGE: usize = 16 * 1024;

/// Records of a batch of those.
const LARGE_BATCH: usize = 4;

/// Bytes of a record that is a batch by itself.
const SMALL: usize = 100;

pub(crate) async fn measure(extent: Extent, folder: &Path, table: &mut Table) {
    for (count, seconds) in [(1000, 1.0), (10_000, 5.0)] {
        measure_partitions(
            extent,
            &folder.join(count.to_string()),
            count,
            seconds,
            table,
        )
        .await;
    }
    measure_log(extent, &folder.join("log"), table).await;
    measure_small_batches(extent, &folder.join("small"), table).await;
}

/// Partitions that have two records each, of which those of the second time are not in the segments for sure.
async fn measure_partitions(
    extent: Extent,
    folder: &Path,
    count: usize,
    seconds: f64,
    table: &mut Table,
) {
    let (mut sluice, partitions, created) = begin(folder, count).await;
    partitions.write("a record").await;
    let [mut killed, mut stopped] = [Samples::default(), Samples::default()];
    for _ in 0..extent.starts() {
        settle();
        partitions.write("another").await;
        sluice.kill();
        killed.push(start_again(&mut sluice).await);
        settle();
        partitions.write("another").await;
        assert!(sluice.interrupt().await.success(), "it ends as told");
        stopped.push(start_again(&mut sluice).await);
    }
    let start = format!("start with {count} partitions");
    let promise = Promise::AtMost(seconds);
    table.tell(&format!("{start}, after kill -9"), "s", &killed, promise);
    table.tell(&format!("{start}, after a stop"), "s", &stopped, promise);

    partitions.write("another").await;
    let before = cpu_seconds(sluice.server());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle = one((cpu_seconds(sluice.server()) - before) * 10.0);
    let with = format!("with {count} partitions");
    let part = Promise::AtMost(5.0);
    table.tell(
        &format!("broker CPU, idle, {with}"),
        "% of a core",
        &idle,
        part,
    );
    let memory = one(resident_mb(sluice.server()));
    let promise = Promise::AtMost(300.0);
    table.tell(&format!("resident memory, {with}"), "MB", &memory, promise);
    let files = one(open_files(sluice.server()));
    let promise = Promise::AtMost(8192.0 + 256.0);
    table.tell(&format!("open files, {with}"), "files", &files, promise);
    let made = one(created.as_secs_f64());
    table.tell(
        &format!("create {count} partitions"),
        "s",
        &made,
        Promise::Nothing,
    );
    let began = Instant::now();
    partitions.delete().await;
    let deleted = one(began.elapsed().as_secs_f64());
    table.tell(
        &format!("delete {count} partitions"),
        "s",
        &deleted,
        Promise::Nothing,
    );
}

/// 4 GiB in 16 partitions, and what memory is left behind when more has gone through.
async fn measure_log(extent: Extent, folder: &Path, table: &mut Table) {
    let (mut sluice, partitions, _) = begin(folder, FEW).await;
    // Of the whole run; a short one has a tenth.
    let gibibyte = extent.records * 2148;
    let bytes = 4 * gibibyte;
    fill(&partitions, bytes).await;
    let mut killed = Samples::default();
    for _ in 0..extent.starts() {
        settle();
        fill(&partitions, gibibyte / 16).await;
        sluice.kill();
        killed.push(start_again(&mut sluice).await);
    }
    let what = format!("start after kill -9 with {} of log", size(bytes));
    table.tell(&what, "s", &killed, Promise::AtMost(3.0));
    let more = THROUGH * gibibyte;
    fill(&partitions, more).await;
    settle();
    let memory = one(resident_mb(sluice.server()));
    let what = format!("resident memory after {} went through", size(more));
    table.tell(&what, "MB", &memory, Promise::AtMost(200.0));
}

/// A record a batch.
async fn measure_small_batches(extent: Extent, folder: &Path, table: &mut Table) {
    let (mut sluice, partitions, _) = begin(folder, FEW).await;
    let record = "x".repeat(SMALL);
    partitions.fill(&record, 1, extent.records / FEW).await;
    let mut killed = Samples::default();
    for _ in 0..extent.starts() {
        sluice.kill();
        killed.push(start_again(&mut sluice).await);
    }
    let what = format!(
        "start after kill -9 with {} batches of a record",
        extent.records
    );
    table.tell(&what, "s", &killed, Promise::AtMost(3.0));
}

async fn begin(folder: &Path, count: usize) -> (Sluice, Partitions, Duration) {
    std::fs::create_dir(folder).expect("a folder");
    let sluice = Sluice::bundled(folder, &[]).await;
    let broker = sluice.addresses().broker.clone().expect("a bundled broker");
    let began = Instant::now();
    let partitions = Partitions::create(&broker, count).await;
    (sluice, partitions, began.elapsed())
}

async fn fill(partitions: &Partitions, bytes: usize) {
    let batches = bytes / (LARGE * LARGE_BATCH * FEW);
    let record = "x".repeat(LARGE);
    partitions.fill(&record, LARGE_BATCH, batches.max(1)).await;
}

/// Seconds until it is ready. What was written last is not on the disk yet, and is for the start to sync.
async fn start_again(sluice: &mut Sluice) -> f64 {
    let began = Instant::now();
    sluice.start_again().await;
    began.elapsed().as_secs_f64()
}

fn one(sample: f64) -> Samples {
    let mut samples = Samples::default();
    samples.push(sample);
    samples
}

fn size(bytes: usize) -> String {
    format!(
        "{:.1} GB",
        f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX)) * 1.048_576 / 1000.0
    )
}
