//! `records:batch`, and what consumers see of records produced over v3.

use serde_json::{Value, json};
use sluice_e2e::{World, contracts};

use super::Api;

contracts!(
    kcat_sees_records_of_every_type_with_headers_and_timestamps,
    batches_answer_for_each_entry: ["v3_record_batch_produce"],
);

async fn kcat_sees_records_of_every_type_with_headers_and_timestamps(world: &World) {
    let api = Api::of(world).await;
    let topic = world.unique("typed");
    api.topic(&topic, 1).await;
    let entries = json!({"entries": [
        {"id": "binary", "key": {"type": "BINARY", "data": "azE="}, "value": {"data": "dmFsdWU="},
            "headers": [{"name": "h", "value": "aGVhZA=="}, {"name": "h", "value": null}],
            "timestamp": "2026-01-02T03:04:05.678Z"},
        {"id": "json", "key": {"type": "JSON", "data": 12.50},
            "value": {"type": "JSON", "data": {"b": [1, null], "a": "\u{e9}"}}, "timestamp": 1.5},
        {"id": "string", "key": {"type": "STRING", "data": "k"}, "value": {"type": "STRING", "data": "text"},
            "timestamp": "2026-01-02T04:04:05+01:00"},
        {"id": "tombstone", "key": {"type": "STRING", "data": "k"}, "timestamp": 0},
    ]});
    let path = format!("/topics/{topic}/records:batch");
    let answer = api.post(&path, &entries).await.has_status(207).json();
    let written = |id: &str, offset: i64, at: &str, key: Value, value: Value| {
        let mut written = json!({
            "id": id, "error_code": 200, "cluster_id": api.cluster, "topic_name": topic,
            "partition_id": 0, "offset": offset, "timestamp": at, "key": key,
        });
        if !value.is_null() {
            written["value"] = value;
        }
        written
    };
    let info = |kind: &str, size: usize| json!({"type": kind, "size": size});
    let expected = json!({"failures": [], "successes": [
        written("binary", 0, "2026-01-02T03:04:05.678Z", info("BINARY", 2), info("BINARY", 5)),
        written("json", 1, "1970-01-01T00:00:01.500Z", info("JSON", 4), info("JSON", 23)),
        written("string", 2, "2026-01-02T03:04:05.000Z", info("STRING", 1), info("STRING", 4)),
        written("tombstone", 3, "1970-01-01T00:00:00.000Z", info("STRING", 1), Value::Null),
    ]});
    assert_eq!(answer, expected);
    let seen = world.kcat().read_all(&topic, "%T|%h|%k|%S|%s\\n").await;
    let expected = "1767323045678|h=head,h=NULL|k1|5|value\n\
                    1500||12.5|23|{\"a\":\"\u{e9}\",\"b\":[1,null]}\n\
                    1767323045000||k|4|text\n\
                    0||k|-1|\n";
    assert_eq!(seen, expected);
}

async fn batches_answer_for_each_entry(world: &World) {
    let api = Api::of(world).await;
    let topic = world.unique("batched");
    api.topic(&topic, 1).await;
    let path = format!("/topics/{topic}/records:batch");
    let entries = json!({"entries": [
        {"id": "good"},
        {"id": "base64", "value": {"data": "fooba"}},
        {"id": "number", "value": {"type": "BINARY", "data": 1}},
        {"id": "string", "value": {"type": "STRING", "data": 1}},
        {"id": "partition", "partition_id": 9},
        {"id": "negative", "partition_id": -1},
        {"id": "schema", "value": {"schema_id": 1, "data": 1}},
        {"id": "good-2", "partition_id": 0},
    ]});
    let answer = api.post(&path, &entries).await.has_status(207).json();
    let no_schemas =
        "Error: 42206 : Payload error. Schema Registry must be configured when using schemas.";
    let failure = |id: &str, code: u32, message: &str| json!({"id": id, "error_code": code, "message": message});
    let mut failures = answer["failures"].as_array().expect("an array").clone();
    failures.sort_by_key(|failure| failure["id"].as_str().map(str::to_owned));
    let expected = [
        failure(
            "base64",
            400,
            "Bad Request: data=\"fooba\" is not a valid base64 string.",
        ),
        failure("negative", 40_402, "Partition not found."),
        failure("number", 400, "Bad Request: data=1 is not a base64 string."),
        failure("partition", 40_402, "Partition not found."),
        failure("schema", 422, no_schemas),
        failure("string", 400, "Bad Request: data=1 is not a string."),
    ];
    assert_eq!(failures, expected);
    let ids: Vec<_> = (0..2).map(|at| &answer["successes"][at]["id"]).collect();
    assert_eq!(ids, ["good", "good-2"]);

    let many: Vec<Value> = (0..51).map(|n| json!({"id": n.to_string()})).collect();
    let not_string = "Batch entry identifier is not a valid string.";
    for (body, message) in [
        (Value::Null, "Request body is empty. Data is required."),
        (json!({"entries": []}), "Empty batch."),
        (json!({"entries": many}), "Too many entries in batch."),
        (
            json!({"entries": [{"id": "a"}, {"id": "a"}]}),
            "Batch entry IDs are not distinct.",
        ),
        (json!({"entries": [{}]}), not_string),
        (json!({"entries": [{"id": 1}]}), not_string),
        (json!({"entries": [{"id": "a b"}]}), not_string),
        (json!({"entries": [{"id": "x".repeat(81)}]}), not_string),
    ] {
        api.post(&path, &body).await.is_error(422, 42_208, message);
    }
}
