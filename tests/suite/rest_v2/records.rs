//! Records in both formats, shared with Kafka clients.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_e2e::rest::V2_BINARY;
use sluice_e2e::{World, contracts, http};

use super::Story;

contracts!(
    rest_and_kcat_read_each_other_in_every_compression: ["v2_produce_to_topic", "v2_consumers_records_read"],
    rest_and_kcat_share_bytes_that_are_no_text: ["v2_produce_to_partition", "v2_consumers_records_read"],
);

async fn rest_and_kcat_read_each_other_in_every_compression(world: &World) {
    let http = world.http().await;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = world.unique(codec);
        let over_rest = [
            json!({"key": "a", "value": {"n": 1}}),
            json!({"value": [1.50, null]}),
        ];
        assert_eq!(http.produce(&topic, &over_rest).await, [(0, 0), (0, 1)]);
        world
            .kcat()
            .produce(&topic, &format!("-z {codec}"), "{\"n\":2}\n\"three\"\n")
            .await;

        let kcat = world.kcat().read_all(&topic, "%o %k %s\n").await;
        let all = "0 \"a\" {\"n\":1}\n1  [1.5,null]\n2  {\"n\":2}\n3  \"three\"\n";
        assert_eq!(kcat, all, "{codec}");
        let reader = http.instance(&world.unique("readers"), "one").await;
        reader.subscribe(&topic).await;
        let values = [
            json!({"n": 1}),
            json!([1.50, null]),
            json!({"n": 2}),
            json!("three"),
        ];
        assert_eq!(reader.values(4).await, values, "{codec}");
        reader.delete().await;
    }
}

async fn rest_and_kcat_share_bytes_that_are_no_text(world: &World) {
    let story = Story::begin(world, 2).await;
    // Bytes that are no UTF-8, a zero, a line end; an empty value; none.
    let records = json!([
        {"key": "AP+A", "value": "/wAKgA=="},
        {"key": "", "value": ""},
        {"key": "AP+A", "value": null},
    ]);
    let told = story.produce_as(V2_BINARY, &records).await;
    let written =
        |offset: u32| json!({"partition": 0, "offset": offset, "error_code": null, "error": null});
    let expected = json!({
        "offsets": [written(0), written(1), written(2)],
        "key_schema_id": null,
        "value_schema_id": null,
    });
    assert_eq!(told, expected);
    let kcat = world.kcat();
    kcat.produce(&story.topic, "-p 0 -K :", "k:plain\n").await;
    let sizes = kcat.read_all(&story.topic, "%o %K %S\n").await;
    assert_eq!(sizes, "0 3 4\n1 0 0\n2 3 -1\n3 1 5\n");

    let reader = story.reader(&json!({"format": "binary"})).await;
    let mut read = Vec::new();
    while read.len() < 4 {
        let path = format!("{}/records?timeout=20000", reader.path());
        let request = story.http.request(Method::GET, &path);
        let told = http::ok_json(request.header("accept", V2_BINARY)).await;
        let records = told.as_array().expect("records").clone();
        assert!(!records.is_empty(), "only {read:?} came");
        read.extend(records);
    }
    let record = |offset: u32, key: &str, value: Value| json!({"topic": story.topic, "key": key, "value": value, "partition": 0, "offset": offset});
    let expected = [
        record(0, "AP+A", json!("/wAKgA==")),
        record(1, "", json!("")),
        record(2, "AP+A", Value::Null),
        record(3, "aw==", json!("cGxhaW4=")),
    ];
    assert_eq!(read, expected);
    reader.delete().await;
}
