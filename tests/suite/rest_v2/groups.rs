//! Groups of consumer instances, alone and together with Java consumers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sluice_e2e::console::{self, Tool};
use sluice_e2e::process::Server;
use sluice_e2e::rest::Instance;
use sluice_e2e::{World, contracts, wait};
use tokio::task::JoinSet;

contracts!(
    two_rest_groups_each_get_everything_and_go_on_where_they_were,
    fifty_rest_instances_and_console_tools_members_share_a_group,
);

async fn two_rest_groups_each_get_everything_and_go_on_where_they_were(world: &World) {
    let (http, topic) = (world.http().await, world.unique("orders"));
    let groups = ["billing", "shipping"].map(|name| world.unique(name));
    http.create_topic(&topic, 1).await;
    let values: Vec<Value> = (0..100).map(Value::from).collect();
    let records: Vec<Value> = values.iter().map(|value| json!({"value": value})).collect();
    http.produce(&topic, &records).await;
    for group in &groups {
        let first = http.instance(group, "first").await;
        first.subscribe(&topic).await;
        assert_eq!(first.values(100).await, values, "{group}");
        first.commit().await;
        first.delete().await;
    }
    http.produce(&topic, &[json!({"value": "late"})]).await;
    for group in &groups {
        let second = http.instance(group, "second").await;
        second.subscribe(&topic).await;
        assert_eq!(second.values(1).await, ["late"], "{group}");
        second.delete().await;
    }
}

const INSTANCES: usize = 50;
const PARTITIONS: u32 = 60;
const RECORDS: usize = 600;

async fn fifty_rest_instances_and_console_tools_members_share_a_group(world: &World) {
    let (topic, group) = (world.unique("orders"), world.unique("mixed"));
    let http = world.http().await;
    http.create_topic(&topic, PARTITIONS).await;
    let args = format!("--topic {topic} --group-id {group} --verbose");
    let java = ["java-a", "java-b"].map(|name| {
        world
            .console()
            .start(name, Tool::VerifiableConsumer, &args, world.folder())
    });
    let read = Arc::new(Mutex::new(BTreeSet::new()));
    let mut readers = JoinSet::new();
    for number in 0..INSTANCES {
        let instance = http.instance(&group, &format!("i{number}")).await;
        instance.subscribe(&topic).await;
        readers.spawn(read_on(instance, Arc::clone(&read)));
    }
    let members = INSTANCES + java.len();
    wait::until("all members to have a share", wait::PATIENCE, || {
        everybody_has_a_share(world, &group, members)
    })
    .await;
    let path = format!("{}/consumer-groups/{group}/consumers", http.cluster().await);
    wait::until("v3 to tell of all members", wait::PATIENCE, || async {
        let told = http.get(&path).await["data"].as_array().map(Vec::len);
        if told == Some(members) {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    })
    .await;

    let records: Vec<Value> = (0..PARTITIONS)
        .cycle()
        .zip(0..RECORDS)
        .map(|(partition, n)| json!({"value": n, "partition": partition}))
        .collect();
    http.produce(&topic, &records).await;
    wait::until("every record to be read", wait::PATIENCE, || {
        let mut all = read.lock().expect("no reader panics").clone();
        all.extend(java.iter().flat_map(read_by_java));
        let count = all.len();
        std::future::ready(if count == RECORDS {
            Ok(())
        } else {
            Err(format!("{count} read"))
        })
    })
    .await;
    readers.shutdown().await;
}

/// Reads numbers until it is stopped.
async fn read_on(instance: Instance, numbers: Arc<Mutex<BTreeSet<u64>>>) {
    loop {
        let records = instance.read("timeout=1000").await;
        let values = records.iter().filter_map(|record| record["value"].as_u64());
        numbers.lock().expect("no reader panics").extend(values);
    }
}

/// The numbers a verifiable consumer has read.
fn read_by_java(member: &Server) -> Vec<u64> {
    let events = console::events(member).into_iter();
    events
        .filter(|event| event["name"] == "record_data")
        .filter_map(|event| event["value"].as_str()?.parse().ok())
        .collect()
}

/// Whether the console tool lists `count` members, each with one partition or two.
async fn everybody_has_a_share(world: &World, group: &str, count: usize) -> Result<(), String> {
    let args = format!("--describe --members --group {group}");
    let told = world
        .console()
        .run(Tool::ConsumerGroups, &args, "")
        .await
        .ok();
    let rows = told.lines().filter(|line| line.starts_with(group));
    let shares: Vec<&str> = rows
        .filter_map(|line| line.split_whitespace().nth(4))
        .collect();
    let shared = shares.iter().all(|share| ["1", "2"].contains(share));
    if shares.len() == count && shared {
        Ok(())
    } else {
        Err(told)
    }
}
