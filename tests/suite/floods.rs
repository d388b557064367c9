//! Clients that send more than there is memory for: the program refuses, stays small, and serves the others.

use std::time::Duration;

use reqwest::Method;
use sluice_e2e::http::Http;
use sluice_e2e::rest::V2_JSON;
use sluice_e2e::{Target, World, wait};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const MIB: usize = 1024 * 1024;
/// What bodies may take together in these stories.
const BODIES: [&str; 2] = ["--http-request-memory-max", "64MiB"];
/// What else the program takes at the most: itself, buffers that grow by doubling, what the allocator keeps.
const BESIDE: usize = 96 * MIB;

#[tokio::test]
async fn records_without_end_are_refused_at_the_memory_of_bodies() {
    let limits = [&BODIES[..], &["--http-request-size-max", "16MiB"]].concat();
    let world = World::with(Target::Bundled, &limits).await;
    let http = world.http().await;
    http.create_topic("orders", 1).await;
    let path = format!("{}/topics/orders/records", http.cluster().await);
    let mut streams = JoinSet::new();
    for _ in 0..24 {
        streams.spawn(endless_record(http.url(""), path.clone(), 15));
    }
    // Four fit; each of the others is refused, whatever room those give back.
    wait::until("refusals", wait::PATIENCE, async || {
        let refused = refused_for_memory(&http).await;
        (refused >= 20).then_some(()).ok_or(format!("{refused}"))
    })
    .await;
    assert_small(&world).await;
    streams.shutdown().await;
    wait::until_true("room for another", wait::PATIENCE, async || {
        produce(&http, "{\"value\":1}").await == 200
    })
    .await;
}

#[tokio::test]
async fn records_too_many_or_too_short_take_no_more_than_the_memory_of_bodies() {
    let world = World::with(Target::Bundled, &BODIES).await;
    let http = world.http().await;
    http.create_topic("orders", 1).await;
    assert_eq!(produce(&http, &vec!["{}"; 10_000_000].join(",")).await, 413);
    let headers = vec!["{\"name\":\"\"}"; 3_000_000].join(",");
    let headers = format!("{{\"headers\":[{headers}]}}");
    assert_eq!(produce(&http, &headers).await, 413);
    let most = vec!["{}"; 100_000].join(",");
    let mut callers = JoinSet::new();
    for _ in 0..12 {
        let (http, most) = (http.clone(), most.clone());
        callers.spawn(async move { produce(&http, &most).await });
    }
    let statuses = callers.join_all().await;
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    assert_small(&world).await;
    assert_eq!(produce(&http, "{\"value\":1}").await, 200);
}

/// Sends the beginning of a record, as many MiB of its value, and then nothing.
async fn endless_record(base: String, path: String, mib: usize) {
    let host = base.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.expect("it listens");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n"
    );
    let chunk = format!("{MIB:x}\r\n{}\r\n", "a".repeat(MIB));
    let mut sent = connection.write_all(head.as_bytes()).await;
    for _ in 0..mib {
        // Who is refused is cut off.
        if sent.is_ok() {
            sent = connection.write_all(chunk.as_bytes()).await;
        }
    }
    std::future::pending().await
}

async fn produce(http: &Http, records: &str) -> u16 {
    let request = http
        .request(Method::POST, "/topics/orders")
        .header("content-type", V2_JSON)
        .timeout(Duration::from_secs(30))
        .body(format!("{{\"records\":[{records}]}}"));
    let response = request.send().await.expect("the gateway answers");
    let status = response.status().as_u16();
    response.bytes().await.expect("the whole body arrives");
    status
}

async fn refused_for_memory(http: &Http) -> u64 {
    let metrics = http.text("/metrics").await;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("sluice_http_rejected_total{reason=\"memory\"} "));
    line.and_then(|count| count.parse().ok())
        .expect("the count")
}

/// The most the program ever had in memory is what bodies may take and a little.
async fn assert_small(world: &World) {
    let pid = world.sluice().await.server().pid().as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|size| size.trim().strip_suffix(" kB"));
    let peak: usize = peak.and_then(|size| size.parse().ok()).expect("its peak");
    assert!(peak * 1024 < 64 * MIB + BESIDE, "{peak} kB");
}
