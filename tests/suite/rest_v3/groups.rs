//! Consumer groups and their consumers.

use serde_json::{Value, json};
use sluice_e2e::console::Tool;
use sluice_e2e::{World, contracts, wait};

use super::Api;

contracts!(
    console_tools_consumers_are_described_with_what_they_own: ["v3_consumer_group_list", "v3_consumer_group_get", "v3_consumer_group_consumers", "v3_consumer_group_consumer", "v3_consumer_group_assignments"],
);

async fn console_tools_consumers_are_described_with_what_they_own(world: &World) {
    let api = Api::of(world).await;
    let (topic, group) = (world.unique("owned"), world.unique("v3-members"));
    api.topic(&topic, 2).await;
    let console = world.console();
    let args = format!(
        "--topic {topic} --group {group} --consumer-property group.instance.id=static \
         --consumer-property client.id=me"
    );
    let consumer = console.start("consumer", Tool::ConsoleConsumer, &args, world.folder());
    let path = format!("/consumer-groups/{group}");
    let is_stable =
        |answer: &super::Answer| answer.status == 200 && answer.json()["state"] == "STABLE";
    let told = api.eventually(&path, is_stable).await.json();
    let coordinator = told["coordinator"]["related"].as_str().unwrap_or_default();
    assert!(coordinator.starts_with(&api.url("/brokers/")), "{told}");
    let expected = json!({
        "kind": "KafkaConsumerGroup",
        "metadata": api.metadata(&path, &format!("/consumer-group={group}")),
        "cluster_id": api.cluster,
        "consumer_group_id": group,
        "is_simple": false,
        "partition_assignor": "range",
        "state": "STABLE",
        "type": "CLASSIC",
        "is_mixed_consumer_group": false,
        "coordinator": {"related": coordinator},
        "consumers": api.related(&format!("{path}/consumers")),
        "lag_summary": api.related(&format!("{path}/lag-summary")),
    });
    assert_eq!(told, expected);
    let list = api.get("/consumer-groups").await.json();
    let data = list["data"].as_array().expect("an array");
    assert!(data.contains(&expected), "{list}");
    assert!(data.is_sorted_by_key(|group| group["consumer_group_id"].as_str()));

    members(&api, &path, &group, &topic).await;
    unknown(&api, &path, &group).await;
    drop(consumer);
}

async fn members(api: &Api, path: &str, group: &str, topic: &str) {
    let path = format!("{path}/consumers");
    let list = api.get(&path).await.has_status(200).json();
    let id = list["data"][0]["consumer_id"].as_str().unwrap_or_default();
    assert!(id.starts_with("static-"), "{list}");
    let at = format!("{path}/{id}");
    let crn = format!("/consumer-group={group}/consumer={id}");
    let consumer = json!({
        "kind": "KafkaConsumer",
        "metadata": api.metadata(&at, &crn),
        "cluster_id": api.cluster,
        "consumer_group_id": group,
        "consumer_id": id,
        "instance_id": "static",
        "client_id": "me",
        "assignments": api.related(&format!("{at}/assignments")),
    });
    assert_eq!(
        list,
        api.list("KafkaConsumerList", &path, &json!([consumer]))
    );
    api.get(&at).await.is(200, &consumer);

    let owned = format!("{at}/assignments");
    let assignment = |number: i32| {
        let lag = format!("/consumer-groups/{group}/lags/{topic}/partitions/{number}");
        json!({
            "kind": "KafkaConsumerAssignment",
            "metadata": api.metadata(
                &format!("{owned}/{topic}/partitions/{number}"),
                &format!("{crn}/assignment={topic}/partition={number}"),
            ),
            "cluster_id": api.cluster,
            "consumer_group_id": group,
            "consumer_id": id,
            "topic_name": topic,
            "partition_id": number,
            "partition": api.related(&format!("/topics/{topic}/partitions/{number}")),
            "lag": api.related(&lag),
        })
    };
    let both: Value = json!([assignment(0), assignment(1)]);
    let expected = api.list("KafkaConsumerAssignmentList", &owned, &both);
    api.get(&owned).await.is(200, &expected);
}

async fn unknown(api: &Api, path: &str, group: &str) {
    let none = format!("/consumer-groups/no-{group}");
    let not_found = format!("Consumer Group no-{group} could not be found.");
    let not_there = format!("Consumer Group no-{group} does not exist.");
    for (part, message) in [
        ("", &not_found),
        ("/lags", &not_found),
        ("/lag-summary", &not_found),
        ("/lags/t/partitions/0", &not_found),
        ("/consumers", &not_there),
        ("/consumers/me", &not_there),
        ("/consumers/me/assignments", &not_there),
    ] {
        let answer = api.get(&format!("{none}{part}")).await;
        answer.is_error(404, 404, message);
    }
    for part in ["", "/assignments"] {
        let answer = api.get(&format!("{path}/consumers/nobody{part}")).await;
        answer.is_error(404, 404, "Consumer nobody does not exist.");
    }
}

/// The new consumer protocol (KIP-848) is Apache Kafka's alone.
#[tokio::test]
async fn console_tools_consumers_of_the_new_protocol_are_described_on_apache_kafka() {
    let world = World::start(sluice_e2e::Target::ApacheKafka).await;
    let api = Api::of(&world).await;
    let (topic, group) = (world.unique("owned"), world.unique("v3-new"));
    api.topic(&topic, 2).await;
    let console = world.console();
    let args = format!(
        "--topic {topic} --group {group} --consumer-property group.protocol=consumer \
         --consumer-property client.id=me"
    );
    let consumer = console.start("consumer", Tool::ConsoleConsumer, &args, world.folder());
    let path = format!("/consumer-groups/{group}");
    let consumers = format!("{path}/consumers");
    let has_one = |answer: &super::Answer| {
        answer.status == 200 && answer.json()["data"].as_array().map(Vec::len) == Some(1)
    };
    let list = api.eventually(&consumers, has_one).await.json();
    assert_eq!(list["data"][0]["client_id"], "me");
    let id = list["data"][0]["consumer_id"].as_str().unwrap_or_default();
    let owned = format!("{consumers}/{id}/assignments");
    let has_both = |answer: &super::Answer| {
        answer.status == 200 && answer.json()["data"].as_array().map(Vec::len) == Some(2)
    };
    api.eventually(&owned, has_both).await;
    let told = api.get(&path).await.has_status(200).json();
    let expected = json!(["CONSUMER", "STABLE", "uniform", false]);
    let told = json!([
        told["type"],
        told["state"],
        told["partition_assignor"],
        told["is_mixed_consumer_group"]
    ]);
    assert_eq!(told, expected);
    let members = format!(
        "sluice_group_members{{cluster=\"{}\",group=\"{group}\"}} 1",
        api.cluster
    );
    let text = api.http.text("/metrics").await;
    assert!(text.lines().any(|line| line == members), "{text}");
    drop(consumer);
}

#[tokio::test]
async fn console_tools_members_of_a_share_group_are_unknown_on_apache_kafka() {
    let world = World::start(sluice_e2e::Target::ApacheKafka).await;
    let api = Api::of(&world).await;
    let (topic, group) = (world.unique("shared"), world.unique("v3-share"));
    api.topic(&topic, 1).await;
    let console = world.console();
    let args = format!("--topic {topic} --group {group}");
    let consumer = console.start(
        "consumer",
        Tool::ConsoleShareConsumer,
        &args,
        world.folder(),
    );
    let path = format!("/consumer-groups/{group}");
    let is_shared =
        |answer: &super::Answer| answer.status == 200 && answer.json()["type"] == "SHARE";
    api.eventually(&path, is_shared).await;
    let message = format!("Kafka did not tell the members of {group}.");
    for part in ["consumers", "consumers/me", "consumers/me/assignments"] {
        let answer = api.get(&format!("{path}/{part}")).await;
        answer.is_error(503, 50_302, &message);
    }
    let text = api.http.text("/metrics").await;
    let of_group = |family: &str| {
        let start = format!("{family}{{cluster=\"{}\",group=\"{group}\"", api.cluster);
        text.lines().filter(|line| line.starts_with(&start)).count()
    };
    assert_eq!(
        (
            of_group("sluice_group_info"),
            of_group("sluice_group_members")
        ),
        (1, 0)
    );
    drop(consumer);
}

#[tokio::test]
async fn console_tools_groups_that_end_disappear() {
    let world = World::start(sluice_e2e::Target::Bundled).await;
    let api = Api::of(&world).await;
    let group = world.unique("ending");
    let console = world.console();
    let args = format!("--topic ending --group {group} --from-beginning");
    let mut consumer = console.start("consumer", Tool::ConsoleConsumer, &args, world.folder());
    let path = format!("/consumer-groups/{group}/consumers");
    let has = |count: usize| {
        move |answer: &super::Answer| {
            answer.status == 200 && answer.json()["data"].as_array().map(Vec::len) == Some(count)
        }
    };
    api.eventually(&path, has(1)).await;
    consumer.signal(sluice_e2e::process::Signal::TERM);
    consumer.ended(wait::PATIENCE).await;
    api.eventually(&path, has(0)).await;
    let delete = format!("--delete --group {group}");
    console.run(Tool::ConsumerGroups, &delete, "").await.ok();
    api.eventually(&path, |answer| answer.status == 404).await;
}
