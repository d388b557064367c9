//! What is refused, as tables: each call gets Confluent's code.

use reqwest::Method;
use serde_json::json;
use sluice_e2e::{World, contracts, http};

use super::Story;

contracts!(bad_calls_get_confluents_codes);

/// Method, path, body, status and `error_code`.
type BadCall<'a> = (&'a str, &'a str, Option<&'a str>, u16, i64);

const BAD_METADATA: [BadCall<'_>; 5] = [
    ("GET", "/topics/missing", None, 404, 40_403),
    ("GET", "/topics/missing/partitions", None, 404, 40_403),
    ("GET", "/topics/TOPIC/partitions/7", None, 404, 40_402),
    (
        "GET",
        "/topics/TOPIC/partitions/7/offsets",
        None,
        404,
        40_402,
    ),
    ("GET", "/topics/TOPIC/partitions/first", None, 404, 404),
];

/// Below `/consumers/GROUP`, where `a` is subscribed and `b` does not exist.
const BAD_CONSUMERS: [BadCall<'_>; 13] = [
    ("POST", "", Some(r#"{"name": "a"}"#), 409, 40_902),
    ("POST", "", Some(r#"{"colour": "red"}"#), 400, 400),
    (
        "POST",
        "",
        Some(r#"{"auto.offset.reset": "now"}"#),
        422,
        42_204,
    ),
    ("GET", "/instances/b/records", None, 404, 40_403),
    ("DELETE", "/instances/b", None, 404, 40_403),
    ("POST", "/instances/b/offsets", None, 404, 40_403),
    (
        "POST",
        "/instances/a/assignments",
        Some(PARTITION),
        409,
        40_903,
    ),
    (
        "POST",
        "/instances/a/positions/end",
        Some(PARTITION),
        409,
        40_903,
    ),
    (
        "POST",
        "/instances/a/subscription",
        Some(r#"{"topic_pattern": "("}"#),
        422,
        422,
    ),
    ("POST", "/instances/a/subscription", None, 422, 42_206),
    (
        "POST",
        "/instances/a/subscription",
        Some(r#"{"topic": "x"}"#),
        400,
        400,
    ),
    ("GET", "/instances/a/offsets", None, 404, 40_402),
    ("GET", "/instances/a/records?timeout=soon", None, 400, 400),
];

const PARTITION: &str = r#"{"partitions": [{"topic": "elsewhere", "partition": 0}]}"#;

async fn bad_calls_get_confluents_codes(world: &World) {
    let story = Story::begin(world, 1).await;
    let instance = story.reader(&json!({})).await;
    for bad in BAD_METADATA {
        told(&story, "", bad).await;
    }
    let consumers = format!("/consumers/{}", story.group);
    for bad in BAD_CONSUMERS {
        told(&story, &consumers, bad).await;
    }
    let records = format!("{}/records", instance.path());
    let binary = story.http.request(Method::GET, &records);
    let (status, text) = http::send(binary.header("accept", "*/*")).await;
    assert!(status == 406 && text.contains("40601"), "{status} {text}");
    instance.delete().await;
}

/// A bad call is told its code.
async fn told(story: &Story, base: &str, (method, path, body, status, code): BadCall<'_>) {
    let path = format!("{base}{}", path.replace("TOPIC", &story.topic));
    let body = body.map(|body| serde_json::from_str(body).unwrap());
    let method: Method = method.parse().unwrap();
    let (told, error) = story
        .http
        .call_v2(method.clone(), &path, body.as_ref())
        .await;
    let expected = (status, Some(code));
    assert_eq!(
        (told, error["error_code"].as_i64()),
        expected,
        "{method} {path}: {error}"
    );
    assert!(error["message"].is_string(), "{error}");
}
