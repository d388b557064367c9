//! Topics and their partitions.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_e2e::{World, contracts};

use super::Api;

contracts!(
    topics_are_created_listed_grown_and_deleted: ["v3_topic_list", "v3_topic_create", "v3_topic_get", "v3_topic_update", "v3_topic_remove"],
    topics_that_cannot_be_are_refused,
    partitions_tell_where_they_begin_and_end: ["v3_partition_list", "v3_partition_get", "v3_partition_offsets"],
);

/// A topic as it is described.
fn described(api: &Api, name: &str, partitions: i32) -> Value {
    let path = format!("/topics/{name}");
    json!({
        "kind": "KafkaTopic",
        "metadata": api.metadata(&path, &format!("/topic={name}")),
        "cluster_id": api.cluster,
        "topic_name": name,
        "is_internal": false,
        "replication_factor": 1,
        "partitions_count": partitions,
        "partitions": api.related(&format!("{path}/partitions")),
        "configs": api.related(&format!("{path}/configs")),
        "partition_reassignments": api.related(&format!("{path}/partitions/-/reassignment")),
        "authorized_operations": [],
    })
}

async fn topics_are_created_listed_grown_and_deleted(world: &World) {
    let api = Api::of(world).await;
    let name = world.unique("v3.orders_");
    let path = format!("/topics/{name}");
    let mut wanted = json!({
        "topic_name": name,
        "partitions_count": 2,
        "replication_factor": 1,
        "configs": [{"name": "retention.ms", "value": "1000000"}],
        "validate_only": true,
    });
    let valid = api.post("/topics", &wanted).await;
    valid.is(200, &described(&api, &name, 2));
    api.get(&path).await.is_kafka_error(404, 40_403);

    wanted["validate_only"] = json!(false);
    let created = api.post("/topics", &wanted).await;
    created.is(201, &described(&api, &name, 2));
    assert_eq!(created.header("location"), api.url(&path));
    let found = api.eventually(&path, |answer| answer.status == 200).await;
    found.is(200, &described(&api, &name, 2));
    let configs = api
        .get(&format!("{path}/configs/retention.ms"))
        .await
        .json();
    assert_eq!(configs["value"], "1000000");

    let list = api.get("/topics").await.has_status(200).json();
    let data = list["data"].as_array().expect("an array");
    assert!(data.contains(&described(&api, &name, 2)), "{list}");
    assert!(data.iter().all(|topic| topic["is_internal"] == false));
    assert!(data.is_sorted_by_key(|topic| topic["topic_name"].as_str()));
    assert_eq!(list, api.list("KafkaTopicList", "/topics", &list["data"]));

    let grown = json!({"partitions_count": 3});
    let grown = api.send(Method::PATCH, &path, &grown).await;
    grown.is(200, &described(&api, &name, 3));
    api.delete(&path).await.is_empty();
    let gone = api.eventually(&path, |answer| answer.status != 200).await;
    let gone_text = "This server does not host this topic-partition.";
    gone.is_error(404, 40_403, gone_text);
    api.delete(&path).await.is_error(404, 40_403, gone_text);
    let grown = json!({"partitions_count": 3});
    let grown = api.send(Method::PATCH, &path, &grown).await;
    grown.is_error(404, 40_403, gone_text);
}

async fn topics_that_cannot_be_are_refused(world: &World) {
    let api = Api::of(world).await;
    let name = world.unique("taken");
    api.topic(&name, 1).await;
    let empty = "Payload error. Request body is empty. Data is required.";
    let nothing = api.post("/topics", &Value::Null).await;
    nothing.is_error(422, 42_206, empty);
    for body in [json!({}), json!({"topic_name": ""})] {
        let nameless = api.post("/topics", &body).await;
        nameless.is_error(422, 42_206, "Payload error. Invalid topic name.");
    }
    let other = world.unique("other");
    for refused in [
        json!({"topic_name": name}),
        json!({"topic_name": "no/good"}),
        json!({"topic_name": "x".repeat(250)}),
        json!({"topic_name": other, "partitions_count": 0}),
        json!({"topic_name": other, "replication_factor": 2}),
        json!({"topic_name": other, "replicas_assignments": {"0": [4711]}}),
        json!({"topic_name": other, "configs": [{"name": "no.such", "value": "1"}]}),
        json!({"topic_name": other, "configs": [{"name": "retention.ms", "value": "soon"}]}),
    ] {
        api.post("/topics", &refused)
            .await
            .is_kafka_error(400, 40_002);
    }
    let gap = json!({"topic_name": other, "replicas_assignments": {"1": [1]}});
    api.post("/topics", &gap).await.is_kafka_error(400, 400);

    let path = format!("/topics/{name}");
    for count in [-1, 0, 1] {
        let body = json!({"partitions_count": count});
        let shrunk = api.send(Method::PATCH, &path, &body).await;
        shrunk.is_kafka_error(400, 40_002);
    }
    let nothing = api.send(Method::PATCH, &path, &json!({})).await;
    let required = "Payload error. Request body is empty. Partitions_count is required.";
    nothing.is_error(422, 42_206, required);
}

async fn partitions_tell_where_they_begin_and_end(world: &World) {
    let api = Api::of(world).await;
    let name = world.unique("ranges");
    api.topic(&name, 2).await;
    let path = format!("/topics/{name}/partitions");
    let list = api.get(&path).await.has_status(200).json();
    let leader = list["data"][1]["leader"]["related"].as_str();
    let leader = leader.expect("it is led").to_owned();
    let at = format!("{path}/1");
    let crn = format!("/topic={name}/partition=1");
    assert!(leader.starts_with(&api.url(&format!("{at}/replicas/"))));
    let mut partition = json!({
        "kind": "KafkaPartition",
        "metadata": api.metadata(&at, &crn),
        "cluster_id": api.cluster,
        "topic_name": name,
        "partition_id": 1,
        "leader": {"related": leader},
        "replicas": api.related(&format!("{at}/replicas")),
        "reassignment": api.related(&format!("{at}/reassignment")),
    });
    assert_eq!(list["data"][1], partition);
    assert_eq!(list, api.list("KafkaPartitionList", &path, &list["data"]));
    api.get(&at).await.is(200, &partition);

    let entries =
        json!({"entries": [{"id": "a", "partition_id": 1}, {"id": "b", "partition_id": 1}]});
    let produced = api
        .post(&format!("/topics/{name}/records:batch"), &entries)
        .await;
    produced.has_status(207);
    partition["kind"] = json!("KafkaPartitionWithOffsets");
    partition["metadata"] = api.metadata(&format!("{at}/offset"), &format!("{crn}/offset"));
    partition["earliest_offset"] = json!(0);
    partition["latest_offset"] = json!(2);
    for query in ["", "?offset_type=earliest_and_latest"] {
        let told = api.get(&format!("{at}/offset{query}")).await;
        told.is(200, &partition);
    }

    let odd = api.get(&format!("{at}/offset?offset_type=middle")).await;
    odd.is_error(400, 400, "Bad Request: offset_type:middle is invalid");
    let unknown = api.get(&format!("{path}/7/offset")).await;
    unknown.is_error(404, 40_402, "Partition not found.");
    let unknown = api.get(&format!("{path}/7")).await;
    let text = format!("This server does not host topic-partition 7 for topic {name}");
    unknown.is_error(404, 40_403, &text);
    let missing = "/topics/no-such-topic/partitions";
    for path in ["", "/0", "/0/offset"] {
        let answer = api.get(&format!("{missing}{path}")).await;
        answer.is_kafka_error(404, 40_403);
    }
}
