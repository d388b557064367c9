//! What it costs to start and to be there: time to ready, resident memory, idle REST consumers.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sluice_e2e::http::{self, Http};
use sluice_e2e::sluice::{self, Sluice};

use crate::Extent;
use crate::load::{resident_mb, settle};
use crate::rounds::{Promise, Samples, Table};

const INSTANCES: usize = 1000;

/// Requests at a time while the instances are made.
const AT_A_TIME: usize = 16;

const V2: &str = "application/vnd.kafka.v2+json";

pub(crate) async fn measure(extent: Extent, folder: &Path, table: &mut Table) {
    let mut ready = Samples::default();
    for round in 0..extent.starts() {
        let folder = folder.join(format!("start-{round}"));
        std::fs::create_dir(&folder).expect("a folder");
        settle();
        ready.push(start_to_ready(&folder).as_secs_f64() * 1000.0);
    }
    let promise = Promise::AtMost(300.0);
    table.tell("start to ready, empty directory", "ms", &ready, promise);

    let folder = folder.join("idle");
    std::fs::create_dir(&folder).expect("a folder");
    let sluice = Sluice::bundled(&folder, &[]).await;
    // Idle is what it is when nothing has happened for a while.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut memory = Samples::default();
    let idle = resident_mb(sluice.server());
    memory.push(idle);
    let promise = Promise::AtMost(30.0);
    table.tell("resident memory, idle", "MB", &memory, promise);
    measure_instances(&sluice, table).await;
}

async fn measure_instances(sluice: &Sluice, table: &mut Table) {
    let what = "memory of 1,000 idle REST instances, a group each";
    let gateway = Http::new(&sluice.addresses().http);
    let topic = gateway.request(Method::POST, "/topics/orders");
    let record = topic
        .header("content-type", "application/vnd.kafka.json.v2+json")
        .body(r#"{"records":[{"value":1}]}"#);
    http::ok(record).await;
    let nobody = gateway.request(Method::POST, "/consumers/nobody");
    if http::send(nobody).await.0 == 404 {
        return table.leave_out(what, "POST /consumers/{group} answers 404");
    }
    // The first one brings what all share.
    instances(&gateway, 0..1).await;
    let one = resident_mb(sluice.server());
    instances(&gateway, 1..INSTANCES + 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut instances = Samples::default();
    instances.push(resident_mb(sluice.server()) - one);
    table.tell(what, "MB", &instances, Promise::AtMost(16.0));
}

/// From the start of the process to the line that says everything listens.
fn start_to_ready(folder: &Path) -> Duration {
    let mut command = sluice::command(folder);
    command.args(["--data-dir", "data", "--broker-listen", "127.0.0.1:0"]);
    command.args(["--http-listen", "127.0.0.1:0"]);
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start sluice");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
    stdout.read_line(&mut line).expect("read standard output");
    let took = start.elapsed();
    child.kill().expect("kill sluice");
    child.wait().expect("reap sluice");
    assert!(line.starts_with("sluice ready"), "{line}");
    took
}

/// Makes consumer instances that are members of a group each, having read once.
async fn instances(gateway: &Http, numbers: std::ops::Range<usize>) {
    let numbers: Vec<usize> = numbers.collect();
    for some in numbers.chunks(AT_A_TIME) {
        let made: Vec<_> = some
            .iter()
            .map(|&number| {
                let gateway = gateway.clone();
                tokio::spawn(async move { instance(&gateway, number).await })
            })
            .collect();
        for making in made {
            making.await.expect("an instance");
        }
    }
}

async fn instance(gateway: &Http, number: usize) {
    let group = format!("/consumers/idle-{number}");
    let settings = json!({"name": "one", "format": "json", "auto.offset.reset": "earliest"});
    let _: Value = gateway.post(&group, V2, &settings).await;
    let instance = format!("{group}/instances/one");
    let topics = json!({"topics": ["orders"]});
    let _: Value = gateway
        .post(&format!("{instance}/subscription"), V2, &topics)
        .await;
    // A first read may come back before the group has met.
    for _ in 0..50 {
        let read = gateway.request(Method::GET, &format!("{instance}/records?timeout=1000"));
        let (_, body) = http::ok(read.header("accept", "application/vnd.kafka.json.v2+json")).await;
        if body != "[]" {
            return;
        }
    }
    panic!("{group} never read its record");
}
