//! Bad input over HTTP, as tables: each gets its named error, and neither harms others nor stays in memory.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_e2e::{Target, World};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Answer, Api};

const V3: &str = "application/json";
const V2: &str = "application/vnd.kafka.json.v2+json";
const V2_BINARY: &str = "application/vnd.kafka.binary.v2+json";
const BROKEN: &str = "{\"records\":[{]}";

/// Resident memory that the program may have after all of it, in KiB.
const MEMORY_MAX: u64 = 200 * 1024;

async fn world() -> (World, Api) {
    let world = World::with(Target::Bundled, &["--http-request-size-max", "1MiB"]).await;
    let api = Api::of(&world).await;
    api.topic("t", 2).await;
    (world, api)
}

/// The program serves a record end to end.
async fn serves(api: &Api) {
    let body = json!({"entries": [{"id": "a", "value": {"type": "JSON", "data": 1}}]});
    let answer = api.post("/topics/t/records:batch", &body).await;
    assert_eq!(answer.has_status(207).json()["failures"], json!([]));
}

/// A method, a path, a media type, a body, and the status and code they get.
type Bad = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    u16,
    u32,
);

const V2_BODIES: [Bad; 14] = [
    ("POST", "/topics/t", V2, "[[{\"value\":1}]]", 400, 400),
    (
        "POST",
        "/topics/t",
        V2,
        "{\"records\":[[null,1]]}",
        400,
        400,
    ),
    (
        "POST",
        "/topics/t",
        V2,
        "{\"records\":[{\"value\":1,\"headers\":[[\"a\"]]}]}",
        400,
        400,
    ),
    (
        "POST",
        "/consumers/g",
        V2,
        "[\"x\",null,null,null,null,null,null]",
        400,
        400,
    ),
    (
        "POST",
        "/consumers/g/instances/i/subscription",
        V2,
        "[[\"t\"],null]",
        400,
        400,
    ),
    (
        "POST",
        "/consumers/g/instances/i/assignments",
        V2,
        "{\"partitions\":[[\"t\",0]]}",
        400,
        400,
    ),
    (
        "POST",
        "/consumers/g/instances/i/positions",
        V2,
        "{\"offsets\":[[\"t\",0,0]]}",
        400,
        400,
    ),
    ("POST", "/topics/t", V2, BROKEN, 400, 400),
    ("POST", "/topics/t", V2, "{\"records\":[]}", 422, 422),
    (
        "POST",
        "/topics/t",
        V2,
        "{\"records\":[],\"x\":1}",
        400,
        400,
    ),
    (
        "POST",
        "/topics/t",
        V2,
        "{\"records\":[{\"x\":1}]}",
        400,
        400,
    ),
    (
        "POST",
        "/topics/t",
        V2_BINARY,
        "{\"records\":[{\"value\":\"fooba\"}]}",
        400,
        400,
    ),
    ("POST", "/topics/t", "text/plain", "{}", 415, 415),
    ("POST", "/topics/t/partitions/x", V2, "{}", 404, 404),
];

/// Paths are below the cluster.
const V3_BODIES: [Bad; 20] = [
    ("POST", "/topics", V3, "[\"a\",1,1]", 400, 400),
    (
        "POST",
        "/topics",
        V3,
        "{\"topic_name\":\"a\",\"configs\":[[\"retention.ms\",\"1\"]]}",
        400,
        400,
    ),
    ("PATCH", "/topics/t", V3, "[3]", 400, 400),
    (
        "PUT",
        "/topics/t/configs/retention.ms",
        V3,
        "[\"1\"]",
        400,
        400,
    ),
    (
        "POST",
        "/topics/t/configs:alter",
        V3,
        "{\"data\":[[\"retention.ms\",\"1\"]]}",
        400,
        400,
    ),
    ("POST", "/topics", V3, "{", 400, 400),
    ("POST", "/topics", V3, "{\"topic_name\":1}", 400, 400),
    (
        "POST",
        "/topics",
        V3,
        "{\"topic_name\":\"a\",\"x\":1}",
        400,
        400,
    ),
    (
        "POST",
        "/topics",
        V3,
        "{\"topic_name\":\"a\",\"partitions_count\":3000000000}",
        400,
        400,
    ),
    (
        "POST",
        "/topics",
        V3,
        "{\"topic_name\":\"a\",\"partitions_count\":2147483647}",
        400,
        40_002,
    ),
    ("POST", "/topics", "text/plain", "{}", 415, 415),
    (
        "POST",
        "/topics",
        "application/json; charset=utf-16",
        "{}",
        400,
        400,
    ),
    (
        "PATCH",
        "/topics/t",
        V3,
        "{\"partitions_count\":\"x\"}",
        400,
        400,
    ),
    (
        "PATCH",
        "/topics/t",
        V3,
        "{\"partitions_count\":2147483647}",
        400,
        40_002,
    ),
    ("PUT", "/topics/t/configs/retention.ms", V3, "[", 400, 400),
    (
        "POST",
        "/topics/t/configs:alter",
        V3,
        "{\"data\":[{}]}",
        400,
        400,
    ),
    (
        "POST",
        "/topics/t/configs:alter",
        V3,
        "{\"data\":[{\"name\":\"a\",\"operation\":\"X\"}]}",
        400,
        400,
    ),
    ("POST", "/topics/t/records:batch", V3, BROKEN, 400, 400),
    (
        "POST",
        "/topics/t/records:batch",
        "text/plain",
        "{}",
        415,
        415,
    ),
    ("POST", "/topics/t/records", "text/plain", "{}", 415, 415),
];

#[tokio::test]
async fn bad_bodies_get_their_named_error() {
    let (_world, api) = world().await;
    for (method, path, media, body, status, code) in V2_BODIES {
        refused(&api, method, path, media, body, (status, code)).await;
    }
    for (method, path, media, body, status, code) in V3_BODIES {
        refused(&api, method, &api.path(path), media, body, (status, code)).await;
    }
    let large = format!(
        "{{\"records\":[{{\"value\":\"{}\"}}]}}",
        "x".repeat(2 << 20)
    );
    let deep = format!("{{\"records\":{}", "[".repeat(100_000));
    refused(&api, "POST", "/topics/t", V2, &large, (413, 413)).await;
    refused(&api, "POST", "/topics/t", V2, &deep, (400, 400)).await;
    for path in ["/topics", "/topics/t/records:batch"] {
        refused(&api, "POST", &api.path(path), V3, &large, (413, 413)).await;
    }
}

async fn refused(
    api: &Api,
    method: &str,
    path: &str,
    media: &str,
    body: &str,
    (status, code): (u16, u32),
) {
    let shown: String = body.chars().take(60).collect();
    let method = method.parse().expect("a method");
    let request = api.http.request(method, path).header("content-type", media);
    let answer = Answer::to(request.body(body.to_owned())).await;
    let told: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let got = (answer.status, &told["error_code"]);
    assert_eq!(
        got,
        (status, &json!(code)),
        "{path} {media} {shown}: {answer:?}"
    );
    assert!(answer.text.len() < 1000, "{answer:?}");
    serves(api).await;
}

#[tokio::test]
async fn bad_methods_and_types_get_their_named_error() {
    let (_world, api) = world().await;
    for (method, path, status) in [
        (Method::PUT, "/topics", 405),
        (Method::POST, "/topics/t", 405),
        (Method::DELETE, "", 405),
        (Method::POST, "/brokers", 405),
        (Method::GET, "/topics/t/records", 405),
        (Method::GET, "/topics/t/records:batch", 405),
        (Method::GET, "/topics/t/configs:alter", 405),
        (Method::DELETE, "/consumer-groups/g/lags", 405),
        (Method::GET, "/nothing", 404),
        (Method::GET, "/topics/t/partitions/1/offset/x", 404),
    ] {
        let answer = api.send(method, path, &json!({})).await;
        assert_eq!(answer.status, status, "{path} {answer:?}");
        assert_eq!(answer.json()["error_code"], status);
        assert_eq!(
            answer.header("allow").is_empty(),
            status == 404,
            "{answer:?}"
        );
    }
    for accept in ["text/html", "application/xml", "image/*"] {
        let request = api.http.request(Method::GET, &api.path("/topics"));
        let answer = Answer::to(request.header("accept", accept)).await;
        answer.is_error(406, 406, "HTTP 406 Not Acceptable");
    }
    serves(&api).await;
}

#[tokio::test]
async fn absurd_paths_and_numbers_are_not_found_or_refused() {
    let (_world, api) = world().await;
    let long = format!("/topics/{}", "x".repeat(5000));
    for (path, status) in [
        ("/topics/t/partitions/-1", 404),
        ("/topics/t/partitions/2", 404),
        ("/topics/t/partitions/2147483647", 404),
        ("/topics/t/partitions/99999999999999999999", 404),
        ("/topics/t/partitions/0x1", 404),
        ("/topics/t/partitions/-1/offset", 404),
        ("/brokers/-1", 404),
        ("/brokers/99999999999", 404),
        ("/consumer-groups/g/lags/t/partitions/-1", 404),
        ("/consumer-groups/%00", 404),
        ("/consumer-groups/%F0%9F%A6%80", 404),
        ("/topics/%00", 400),
        ("/topics/%ff%fe", 400),
        ("/topics/%zz", 400),
        ("/topics/%2e%2e", 400),
        ("/topics/a%2fb", 400),
        ("/topics/%0d%0aX-Evil:%201", 400),
        ("/topics//x", 404),
        ("/../../etc/passwd", 404),
        (long.as_str(), 400),
    ] {
        let answer = bare(&api, &format!("GET {} HTTP/1.1\r\n", api.path(path))).await;
        let start = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&start), "{path}: {answer}");
        assert!(answer.contains("{\"error_code\":"), "{path}: {answer}");
        assert!(!answer.to_lowercase().contains("\nx-evil"), "{answer}");
    }
    serves(&api).await;
}

#[tokio::test]
async fn requests_that_are_no_http_are_refused_without_harm() {
    let (_world, api) = world().await;
    let path = api.path("/topics");
    for request in [
        "\0\0\0\u{1}garbage\r\n".to_owned(),
        "GET\r\n".to_owned(),
        format!("GET {path} HTTP/9.9\r\n"),
        format!("POST {path} HTTP/1.1\r\nContent-Length: -5\r\n"),
        format!("POST {path} HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n"),
        format!("GET {path} HTTP/1.1\r\nX: {}\r\n", "y".repeat(200_000)),
    ] {
        let answer = bare(&api, &request).await;
        let shown: String = request.chars().take(80).collect();
        assert!(!answer.starts_with("HTTP/1.1 2"), "{shown}: {answer}");
        serves(&api).await;
    }
}

/// What comes back for a request line, headers of its own, and silence.
async fn bare(api: &Api, request: &str) -> String {
    let host = api.http.url("");
    let host = host.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.expect("it listens");
    let request = format!("{request}Host: {host}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    // A refused request may be reset while it is written or read: what came until then counts.
    if connection.write_all(request.as_bytes()).await.is_ok() {
        let read = connection.read_to_end(&mut answer);
        let _ended = tokio::time::timeout(sluice_e2e::wait::PATIENCE, read).await;
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn unknown_names_are_refused_record_by_record() {
    let (_world, api) = world().await;
    let partition = json!({"records": [{"partition": 9}, {"partition": -1}, {"partition": 0}]});
    let answer = api.http.post("/topics/t", V2, &partition).await;
    let codes: Vec<_> = (0..3)
        .map(|at| &answer["offsets"][at]["error_code"])
        .collect();
    assert!(
        codes[0].is_u64() && codes[1].is_u64() && codes[2].is_null(),
        "{answer}"
    );
    let path = api.path("/topics/no%20topic/records:batch");
    let body = json!({"entries": [{"id": "a"}]});
    let answer = api.http.post(&path, V3, &body).await;
    assert_eq!(answer["successes"], json!([]), "{answer}");
    serves(&api).await;
}

#[tokio::test]
async fn large_requests_at_once_leave_memory_bounded() {
    let (world, api) = world().await;
    let many = json!({"records": vec![json!({"value": 1}); 10_000]});
    let answer = api.http.post("/topics/t", V2, &many).await;
    assert_eq!(answer["offsets"].as_array().map(Vec::len), Some(10_000));
    let large = "[".repeat(4 << 20);
    for _round in 0..4 {
        let requests = (0..16).map(|n| {
            let path = if n % 2 == 0 {
                "/topics/t".to_owned()
            } else {
                api.path("/topics/t/records")
            };
            let media = if n % 2 == 0 { V2 } else { V3 };
            let request = api
                .http
                .request(Method::POST, &path)
                .header("content-type", media);
            // The connection may be cut while the rest is still being sent.
            tokio::spawn(request.body(large.clone()).send())
        });
        for request in requests.collect::<Vec<_>>() {
            if let Ok(answer) = request.await.expect("no panic") {
                // A stream has begun to answer; its outcome is inside.
                assert!(
                    [200, 413, 503].contains(&answer.status().as_u16()),
                    "{answer:?}"
                );
            }
        }
        serves(&api).await;
    }
    let pid = world.sluice().await.server().pid().as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    let kib: u64 = kib.expect("a number of KiB");
    assert!(kib < MEMORY_MAX, "{kib} KiB");
}
