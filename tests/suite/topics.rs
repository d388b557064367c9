//! Topics made, changed and unmade with Kafka's own tools.

use serde_json::json;
use sluice_e2e::console::Tool;
use sluice_e2e::{World, on_both_targets};

on_both_targets!(
    console_tools_create_list_describe_alter_and_delete_topics,
    console_tools_describe_and_alter_topic_configs,
    console_tools_delete_records_and_kcat_starts_behind_them,
    console_tools_do_not_delete_what_kcat_wrote_to_a_compacted_topic,
    console_tools_are_told_why_a_topic_cannot_be,
);

async fn console_tools_create_list_describe_alter_and_delete_topics(world: World) {
    let (topic, console) = (world.unique("orders"), world.console());
    let topics = async |args: &str| {
        let args = args.replace("TOPIC", &topic);
        console.run(Tool::Topics, &args, "").await.ok()
    };
    let created = topics("--create --topic TOPIC --partitions 2").await;
    assert_eq!(created, format!("Created topic {topic}.\n"));
    assert!(topics("--list").await.lines().any(|listed| listed == topic));
    let described = topics("--describe --topic TOPIC").await;
    assert!(
        described.contains("PartitionCount: 2\tReplicationFactor: 1"),
        "{described}"
    );
    topics("--alter --topic TOPIC --partitions 4").await;
    let described = topics("--describe --topic TOPIC").await;
    assert!(described.contains("PartitionCount: 4"), "{described}");
    assert_eq!(described.matches("Leader: 1").count(), 4, "{described}");
    topics("--delete --topic TOPIC").await;
    assert!(!topics("--list").await.lines().any(|listed| listed == topic));
}

async fn console_tools_describe_and_alter_topic_configs(world: World) {
    let (topic, console) = (world.unique("orders"), world.console());
    let create = format!("--create --topic {topic} --config retention.ms=60000");
    console.run(Tool::Topics, &create, "").await.ok();
    let configs = async |args: &str| {
        let args = format!("--entity-type topics --entity-name {topic} {args}");
        console.run(Tool::Configs, &args, "").await
    };
    let described = configs("--describe").await.ok();
    assert!(described.contains("retention.ms=60000"), "{described}");

    configs("--alter --add-config max.message.bytes=2000,segment.ms=5000")
        .await
        .ok();
    configs("--alter --delete-config retention.ms").await.ok();
    let described = configs("--describe").await.ok();
    assert!(described.contains("max.message.bytes=2000"), "{described}");
    assert!(described.contains("segment.ms=5000"), "{described}");
    assert!(!described.contains("retention.ms=60000"), "{described}");

    let refused = configs("--alter --add-config retention.ms=soon")
        .await
        .failed();
    assert!(refused.contains("retention.ms"), "{refused}");
}

async fn console_tools_delete_records_and_kcat_starts_behind_them(world: World) {
    let (topic, console) = (world.unique("orders"), world.console());
    world.kcat().produce(&topic, "", "zero\none\ntwo\n").await;
    let deleted = delete_before(&world, &topic, 2).await;
    assert!(deleted.contains("low_watermark: 2"), "{deleted}");
    let args = format!("--topic {topic} --time earliest");
    assert_eq!(
        console.run(Tool::GetOffsets, &args, "").await.ok(),
        format!("{topic}:0:2\n")
    );
    assert_eq!(world.kcat().read_all(&topic, "%o %s\n").await, "2 two\n");
}

/// Mutation: a handler of `DeleteRecords` that does not look at `cleanup.policy`.
async fn console_tools_do_not_delete_what_kcat_wrote_to_a_compacted_topic(world: World) {
    let (topic, console) = (world.unique("prices"), world.console());
    let create = format!("--create --topic {topic} --config cleanup.policy=compact");
    console.run(Tool::Topics, &create, "").await.ok();
    let keyed = "-K:";
    world.kcat().produce(&topic, keyed, "a:1\nb:2\n").await;
    let deleted = delete_before(&world, &topic, 1).await;
    assert!(deleted.contains("PolicyViolationException"), "{deleted}");
    let earliest = format!("--topic {topic} --time earliest");
    let earliest = console.run(Tool::GetOffsets, &earliest, "").await.ok();
    assert_eq!(earliest, format!("{topic}:0:0\n"));
    let both = format!(
        "--alter --entity-type topics --entity-name {topic} --add-config cleanup.policy=[compact,delete]"
    );
    console.run(Tool::Configs, &both, "").await.ok();
    let deleted = delete_before(&world, &topic, 1).await;
    assert!(deleted.contains("low_watermark: 1"), "{deleted}");
}

/// What Kafka's tool says that is to delete the records before `offset`.
async fn delete_before(world: &World, topic: &str, offset: i64) -> String {
    let offsets = json!({
        "version": 1,
        "partitions": [{"topic": topic, "partition": 0, "offset": offset}],
    });
    let file = world.folder().join("delete.json");
    std::fs::write(&file, offsets.to_string()).expect("write the offsets");
    let args = format!("--offset-json-file {}", file.display());
    world
        .console()
        .run(Tool::DeleteRecords, &args, "")
        .await
        .ok()
}

async fn console_tools_are_told_why_a_topic_cannot_be(world: World) {
    let (topic, console) = (world.unique("orders"), world.console());
    for (args, reason) in [
        ("--create --topic a/b --partitions 1", "a/b"),
        ("--create --topic TOPIC --partitions 0", "partitions"),
        (
            "--create --topic TOPIC --replication-factor 3",
            "replication factor",
        ),
        (
            "--create --topic TOPIC --config no.such.key=1",
            "no.such.key",
        ),
        ("--describe --topic TOPIC", "does not exist"),
    ] {
        let refused = console
            .run(Tool::Topics, &args.replace("TOPIC", &topic), "")
            .await
            .failed();
        assert!(refused.to_lowercase().contains(reason), "{args}: {refused}");
    }
}
