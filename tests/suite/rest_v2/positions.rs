//! Moving a consumer instance: to offsets, times and ends, and past what it cannot show.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_e2e::rest::{Instance, V2_BINARY, V3};
use sluice_e2e::{World, contracts, wait};

use super::Story;

contracts!(
    positions_move_an_instance_to_offsets_times_and_ends: [
        "v2_consumers_positions_seek",
        "v2_consumers_positions_beginning",
        "v2_consumers_positions_end",
    ],
    a_record_that_is_not_json_stays_until_positions_go_past_it: ["v2_consumers_positions_seek"],
);

/// 2026-01-01T00:00:00Z in milliseconds since the epoch.
const NEW_YEAR: u64 = 1_767_225_600_000;

async fn positions_move_an_instance_to_offsets_times_and_ends(world: &World) {
    let story = Story::begin(world, 2).await;
    keep_forever(&story).await;
    let records =
        (0..5).map(|n| json!({"partition": 0, "value": n, "timestamp": NEW_YEAR + n * 1000}));
    let mut records: Vec<Value> = records.collect();
    records.push(json!({"partition": 1, "value": "other"}));
    story.http.produce(&story.topic, &records).await;
    let reader = story.http.instance(&story.group, "a").await;
    let both = json!({"partitions": [story.partition(0), story.partition(1)]});
    reader.done(Method::POST, "/assignments", Some(&both)).await;
    assert_eq!(reader.values(6).await.len(), 6);

    let at = |key: &str, place: Value| {
        let mut target = story.partition(0);
        target[key] = place;
        json!({format!("{key}s"): [target]})
    };
    seek(&reader, &at("offset", json!(3))).await;
    assert_eq!(reader.values(2).await, [3, 4]);
    seek(&reader, &at("timestamp", json!("2026-01-01T00:00:00.500Z"))).await;
    assert_eq!(reader.values(4).await, [1, 2, 3, 4]);

    reader
        .done(Method::POST, "/positions/beginning", Some(&both))
        .await;
    reader
        .done(Method::POST, "/positions/end", Some(&both))
        .await;
    assert_eq!(reader.read("timeout=100").await, Vec::<Value>::new());
    story.produce(1, &[json!("new")]).await;
    assert_eq!(reader.values(1).await, ["new"]);
    reader
        .done(Method::POST, "/positions/beginning", Some(&both))
        .await;
    assert_eq!(reader.values(7).await.len(), 7);
    reader.delete().await;
}

/// Records as old as these would be deleted.
async fn keep_forever(story: &Story) {
    let path = format!(
        "{}/topics/{}/configs",
        story.http.cluster().await,
        story.topic
    );
    let set = story
        .http
        .request(Method::PUT, &format!("{path}/retention.ms"));
    let set = set.header("content-type", V3).body(r#"{"value": "-1"}"#);
    sluice_e2e::http::ok(set).await;
}

async fn seek(reader: &Instance, to: &Value) {
    reader.done(Method::POST, "/positions", Some(to)).await;
}

async fn a_record_that_is_not_json_stays_until_positions_go_past_it(world: &World) {
    let story = Story::begin(world, 1).await;
    story.produce(0, &[json!("before")]).await;
    // "not JSON" in base64.
    story
        .produce_as(V2_BINARY, &json!([{"value": "bm90IEpTT04="}]))
        .await;
    story.produce(0, &[json!("behind")]).await;
    let reader = story.reader(&json!({})).await;
    assert_eq!(reader.values(1).await, ["before"]);
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(refused(&reader).await);
    }
    let text = told[0]["message"].as_str().unwrap_or_default();
    let place = format!("offset 1 of partition {}-0", story.topic);
    for part in [place.as_str(), "not JSON"] {
        assert!(text.contains(part), "{part} is missing from {text}");
    }
    assert_eq!(told[0], told[1], "it stays where it is");
    let mut past = story.partition(0);
    past["offset"] = json!(2);
    seek(&reader, &json!({"offsets": [past]})).await;
    assert_eq!(reader.values(1).await, ["behind"]);
    reader.delete().await;
}

/// What a read answers that meets the record.
async fn refused(reader: &Instance) -> Value {
    wait::until("the record to be met", wait::PATIENCE, || async {
        let read = reader.call(Method::GET, "/records?timeout=5000", None);
        let (status, told) = read.await;
        if told == json!([]) {
            return Err("nothing came yet".to_owned());
        }
        assert_eq!(
            (status, &told["error_code"]),
            (408, &json!(40_801)),
            "{told}"
        );
        Ok(told)
    })
    .await
}
