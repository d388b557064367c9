//! The life of a consumer instance: subscribed or assigned, reading, committing, gone.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sluice_e2e::{Target, World, contracts, wait};

use super::Story;

contracts!(
    an_instance_reads_commits_and_another_one_resumes: [
        "v2_consumers_instances_create",
        "v2_consumers_instances_remove",
        "v2_consumers_subscription_subscribe",
        "v2_consumers_subscription_subscription",
        "v2_consumers_subscription_unsubscribe",
        "v2_consumers_assignments_assignments",
        "v2_consumers_offsets_commit",
        "v2_consumers_offsets_committed",
    ],
    a_waiting_read_answers_as_soon_as_a_record_is_there: ["v2_consumers_assignments_assign"],
    a_record_over_max_bytes_comes_alone,
    a_pattern_follows_topics_as_they_come: ["v2_consumers_subscription_subscribe"],
);

async fn an_instance_reads_commits_and_another_one_resumes(world: &World) {
    let story = Story::begin(world, 1).await;
    let manual = json!({"auto.commit.enable": "false"});
    story
        .produce(0, &[json!({"n": 1.50}), json!(2), json!(3)])
        .await;
    let first = story.http.instance_with(&story.group, "a", &manual).await;
    first.subscribe(&story.topic).await;
    let read = first.read("timeout=20000").await;
    let expected = json!({"topic": story.topic, "key": null, "value": {"n": 1.50}, "partition": 0, "offset": 0});
    assert_eq!(read.len(), 3);
    assert_eq!(read[0], expected);
    let offsets = json!({"offsets": [{"topic": story.topic, "partition": 0, "offset": 0}]});
    let told = first.call(Method::POST, "/offsets", Some(&offsets)).await;
    assert_eq!(told, (200, json!([])));
    let asked = json!({"partitions": [story.partition(0), story.partition(9)]});
    let told = first.call(Method::GET, "/offsets", Some(&asked)).await;
    let row = json!({"topic": story.topic, "partition": 0, "offset": 1, "metadata": ""});
    assert_eq!(told, (200, json!({"offsets": [row]})));
    first.delete().await;

    let second = story.http.instance_with(&story.group, "b", &manual).await;
    second.subscribe(&story.topic).await;
    assert_eq!(second.values(2).await, [2, 3]);
    second.commit().await;
    let told = second.call(Method::GET, "/offsets", Some(&asked)).await;
    assert_eq!(told.1["offsets"][0]["offset"], 3);
    let (status, subscription) = second.call(Method::GET, "/subscription", None).await;
    assert_eq!(
        (status, subscription),
        (200, json!({"topics": [story.topic]}))
    );
    let (_, assignment) = second.call(Method::GET, "/assignments", None).await;
    assert_eq!(assignment, json!({"partitions": [story.partition(0)]}));
    second.done(Method::DELETE, "/subscription", None).await;
    second.delete().await;
}

async fn a_waiting_read_answers_as_soon_as_a_record_is_there(world: &World) {
    let story = Story::begin(world, 1).await;
    let instance = story.http.instance(&story.group, "a").await;
    let partitions = json!({"partitions": [story.partition(0)]});
    instance
        .done(Method::POST, "/assignments", Some(&partitions))
        .await;
    assert_eq!(instance.read("timeout=10").await, Vec::<Value>::new());
    // The first commit of a young cluster creates the topic it is written to, and so does the first look-up.
    story.produce(0, &[json!("first")]).await;
    assert_eq!(instance.values(1).await, ["first"]);
    for value in 0..3 {
        let (read, produced) = tokio::join!(
            async { (instance.values(1).await, Instant::now()) },
            async {
                story.produce(0, &[json!(value)]).await;
                Instant::now()
            }
        );
        assert_eq!(read.0, [json!(value)]);
        let late = read.1.saturating_duration_since(produced);
        assert!(late < Duration::from_secs(1), "{late:?}");
    }
    instance.delete().await;
}

async fn a_record_over_max_bytes_comes_alone(world: &World) {
    let story = Story::begin(world, 1).await;
    let large = json!("x".repeat(1000));
    story
        .produce(0, &[json!(1), large, json!(2), json!(3)])
        .await;
    let instance = story.reader(&json!({})).await;
    let mut reads = Vec::new();
    for _ in 0..3 {
        let records = instance.read("timeout=20000&max_bytes=2").await;
        let offsets = records
            .iter()
            .map(|record| record["offset"].as_i64().unwrap());
        reads.push(offsets.collect::<Vec<_>>());
    }
    assert_eq!(reads, [vec![0], vec![1], vec![2, 3]]);
    instance.delete().await;
}

async fn a_pattern_follows_topics_as_they_come(world: &World) {
    let (http, name) = (world.http().await, world.unique("followed"));
    let topic = |suffix: &str| format!("{name}.{suffix}");
    let produce = async |topic: &str, value: &str| {
        http.create_topic(topic, 1).await;
        http.produce(topic, &[json!({"value": value})]).await;
    };
    produce(&topic("a"), "first").await;
    produce(
        &format!("un{}", topic("a")),
        "another name that holds the pattern",
    )
    .await;
    let reader = http.instance(&world.unique("followers"), "a").await;
    let pattern = json!({"topic_pattern": format!("{name}\\..*")});
    reader
        .done(Method::POST, "/subscription", Some(&pattern))
        .await;
    assert_eq!(reader.values(1).await, ["first"]);
    let told = reader.call(Method::GET, "/subscription", None).await;
    assert_eq!(told, (200, json!({"topics": [topic("a")]})));

    produce(&topic("b"), "later").await;
    assert_eq!(reader.values(1).await, ["later"]);
    let told = reader.call(Method::GET, "/subscription", None).await;
    assert_eq!(told, (200, json!({"topics": [topic("a"), topic("b")]})));
    reader.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_nobody_uses_ends() {
    let arguments = ["--rest-v2-consumer-idle-timeout", "1s"];
    let world = World::with(Target::Bundled, &arguments).await;
    let story = Story::begin(&world, 1).await;
    let instance = story.reader(&json!({})).await;
    assert_eq!(instance.read("timeout=1500").await, Vec::<Value>::new());
    wait::until("the instance to end", wait::PATIENCE, || async {
        let metrics = story.http.text("/metrics").await;
        if metrics.contains("sluice_rest_consumer_instances_expired_total 1") {
            Ok(())
        } else {
            Err("it is still there".to_owned())
        }
    })
    .await;
    let (status, error) = instance.call(Method::GET, "/subscription", None).await;
    assert_eq!((status, &error["error_code"]), (404, &json!(40_403)));
}
