//! Consumer groups: members share partitions, take over from the dead, and lose nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use sluice_client::{Client, Config, GroupConfig, GroupMember, TcpDial};
use sluice_e2e::console::{self, Tool};
use sluice_e2e::process::Server;
use sluice_e2e::{World, on_both_targets, wait};
use tokio::runtime::Handle;

on_both_targets!(
    console_tools_consumers_take_over_from_one_that_dies,
    console_tools_reset_and_delete_offsets_and_groups_of_kcat,
    console_tools_consumer_shares_a_group_with_fifty_members_of_the_client,
);

const RECORDS: usize = 2400;

/// So many that no partition goes without.
const KEYS: usize = 60;

async fn console_tools_consumers_take_over_from_one_that_dies(world: World) {
    let (topic, group) = (world.unique("orders"), world.unique("billing"));
    let create = format!("--create --topic {topic} --partitions 6");
    world.console().run(Tool::Topics, &create, "").await.ok();
    let produce = format!(
        "--topic {topic} --max-messages {RECORDS} --throughput 200 --repeating-keys {KEYS}"
    );
    let mut producer = start(&world, "producer", Tool::VerifiableProducer, &produce);
    let consume = format!("--topic {topic} --group-id {group} --session-timeout 6000 --verbose");
    let mut members =
        ["a", "b", "c"].map(|name| start(&world, name, Tool::VerifiableConsumer, &consume));

    partitions_each(&members, 2).await;
    assert_eq!(members_listed(&world, &group).await, 3);
    members[2].kill();
    partitions_each(&members[..2], 3).await;
    assert_eq!(members_listed(&world, &group).await, 2);

    let produced = producer.ended(wait::PATIENCE).await;
    assert!(produced.success(), "{}", producer.last_words());
    let sent = values(&producer, "producer_send_success");
    assert_eq!(sent.len(), RECORDS);
    wait::until("every record to be read", wait::PATIENCE, || {
        let read = members
            .iter()
            .flat_map(|member| values(member, "record_data"))
            .collect();
        let missing = sent.difference(&read).count();
        std::future::ready(if missing == 0 {
            Ok(())
        } else {
            Err(format!("{missing} missing"))
        })
    })
    .await;
    let shown = "kafka-consumer-groups to show no lag";
    wait::until(shown, wait::PATIENCE, || no_lag(&world, &group)).await;
}

fn start(world: &World, name: &str, tool: Tool, args: &str) -> Server {
    world.console().start(name, tool, args, world.folder())
}

/// Waits until each member has been assigned `count` partitions and all of them together six.
async fn partitions_each(members: &[Server], count: usize) {
    wait::until("partitions to be shared", wait::PATIENCE, || {
        let assigned: Vec<Vec<String>> = members.iter().map(assignment).collect();
        let all: BTreeSet<&String> = assigned.iter().flatten().collect();
        let shared = all.len() == 6 && assigned.iter().all(|partitions| partitions.len() == count);
        std::future::ready(if shared {
            Ok(())
        } else {
            Err(format!("{assigned:?}"))
        })
    })
    .await;
}

/// The partitions a member has now, by its own account.
fn assignment(member: &Server) -> Vec<String> {
    let events = console::events(member);
    let last = events
        .iter()
        .rev()
        .find_map(|event| match event["name"].as_str() {
            Some("partitions_assigned") => Some(event["partitions"].as_array().cloned()),
            Some("partitions_revoked") => Some(None),
            _ => None,
        });
    last.flatten()
        .unwrap_or_default()
        .iter()
        .map(Value::to_string)
        .collect()
}

/// The values of a member's events called `name`.
fn values(member: &Server, name: &str) -> BTreeSet<String> {
    let events = console::events(member).into_iter();
    events
        .filter(|event| event["name"] == name)
        .map(|event| event["value"].to_string())
        .collect()
}

async fn members_listed(world: &World, group: &str) -> usize {
    let args = format!("--describe --members --group {group}");
    let told = world
        .console()
        .run(Tool::ConsumerGroups, &args, "")
        .await
        .ok();
    told.lines().filter(|line| line.starts_with(group)).count()
}

/// Whether every partition has been read to its end: column 6 of the description is the lag.
async fn no_lag(world: &World, group: &str) -> Result<(), String> {
    let args = format!("--describe --group {group}");
    let told = world
        .console()
        .run(Tool::ConsumerGroups, &args, "")
        .await
        .ok();
    let rows = told.lines().filter(|line| line.starts_with(group));
    let lags: Vec<&str> = rows
        .filter_map(|line| line.split_whitespace().nth(5))
        .collect();
    if lags == ["0"; 6] { Ok(()) } else { Err(told) }
}

async fn console_tools_reset_and_delete_offsets_and_groups_of_kcat(world: World) {
    let (topic, group) = (world.unique("orders"), world.unique("billing"));
    let (kcat, console) = (world.kcat(), world.console());
    kcat.produce(&topic, "", "one\ntwo\nthree\n").await;
    let read = format!("-G {group} -X auto.offset.reset=earliest -e -q {topic}");
    assert_eq!(kcat.run(&read, "").await.ok(), "one\ntwo\nthree\n");

    let groups = async |args: &str| {
        let args = args.replace("GROUP", &group).replace("TOPIC", &topic);
        console.run(Tool::ConsumerGroups, &args, "").await.ok()
    };
    groups("--reset-offsets --to-offset 1 --execute --group GROUP --topic TOPIC").await;
    assert_eq!(kcat.run(&read, "").await.ok(), "two\nthree\n");
    groups("--delete-offsets --group GROUP --topic TOPIC").await;
    assert_eq!(kcat.run(&read, "").await.ok(), "one\ntwo\nthree\n");
    let deleted = groups("--delete --group GROUP").await;
    assert!(deleted.contains("was successful"), "{deleted}");
    assert!(!groups("--list").await.lines().any(|line| line == group));
}

async fn console_tools_consumer_shares_a_group_with_fifty_members_of_the_client(world: World) {
    let (topic, group) = (world.unique("orders"), world.unique("billing"));
    let create = format!("--create --topic {topic} --partitions 102");
    world.console().run(Tool::Topics, &create, "").await.ok();
    let config = Config::new(vec![world.bootstrap().parse().unwrap()]);
    let client = Client::new(config, Arc::new(TcpDial), Handle::current());
    let consume = format!("--topic {topic} --group-id {group} --session-timeout 6000 --verbose");
    let java = start(&world, "java", Tool::VerifiableConsumer, &consume);
    // It leads the group then, and spreads the partitions of all.
    wait::until("the Java member to be alone", wait::PATIENCE, || {
        let count = assignment(&java).len();
        std::future::ready(told(count == 102, &count))
    })
    .await;
    let members: Vec<GroupMember> = (0..50)
        .map(|_| {
            client
                .groups()
                .join(GroupConfig::new(&group, vec![topic.clone()]))
        })
        .collect();
    wait::until("all members to share", wait::PATIENCE, || {
        let counts = members.iter().map(|member| {
            let assignment = member.assignment();
            assignment.map_or(0, |assignment| assignment.partitions.len())
        });
        let counts: Vec<usize> = counts.chain([assignment(&java).len()]).collect();
        std::future::ready(told(counts == [2; 51], &counts))
    })
    .await;
    // Without it one of the client's members leads.
    drop(java);
    wait::until("the members to take over", wait::PATIENCE, || {
        let owned = members.iter().filter_map(GroupMember::assignment);
        let owned: BTreeSet<_> = owned.flat_map(|it| it.partitions.clone()).collect();
        std::future::ready(told(owned.len() == 102, &owned.len()))
    })
    .await;
}

fn told(is_so: bool, found: &impl std::fmt::Debug) -> Result<(), String> {
    if is_so {
        Ok(())
    } else {
        Err(format!("{found:?}"))
    }
}
