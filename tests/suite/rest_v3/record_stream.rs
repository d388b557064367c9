//! `records`: a stream of records in, a stream of outcomes out, spoken over a bare connection.

use serde_json::{Value, json};
use sluice_e2e::{World, contracts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Api;

contracts!(
    kcat_sees_what_one_long_request_streams: ["v3_record_stream_produce"],
    streams_answer_in_order_and_end_at_broken_json,
    streams_take_records_of_megabytes_and_refuse_larger_ones,
);

/// A request whose body is still being written, and its answer as far as it is read.
struct Stream {
    connection: TcpStream,
    answer: Vec<u8>,
}

impl Stream {
    async fn open(api: &Api, topic: &str) -> Self {
        let host = api.http.url("");
        let host = host.trim_start_matches("http://");
        let mut connection = TcpStream::connect(host).await.expect("it listens");
        let path = api.path(&format!("/topics/{topic}/records"));
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        let written = connection.write_all(head.as_bytes()).await;
        written.expect("it takes the head");
        Self {
            connection,
            answer: Vec::new(),
        }
    }

    /// Sends a chunk of the body; an empty one ends it.
    async fn send(&mut self, text: &str) {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        let written = self.connection.write_all(chunk.as_bytes()).await;
        written.expect("it takes the chunk");
    }

    /// The first `count` outcomes, which must come while the request is open.
    async fn outcomes(&mut self, count: usize) -> Vec<Value> {
        loop {
            let outcomes = self.parsed();
            if outcomes.len() >= count {
                return outcomes;
            }
            assert_ne!(self.read().await, 0, "it ended after {outcomes:?}");
        }
    }

    /// All outcomes, once the answer has ended.
    async fn end(&mut self) -> Vec<Value> {
        while !self.answer.ends_with(b"\r\n0\r\n\r\n") && self.read().await > 0 {}
        self.parsed()
    }

    async fn read(&mut self) -> usize {
        let read = self.connection.read_buf(&mut self.answer);
        let read = tokio::time::timeout(sluice_e2e::wait::PATIENCE, read).await;
        read.expect("an answer in time").expect("no failure")
    }

    /// Outcomes in the whole chunks that have come; each must end with CR LF.
    fn parsed(&self) -> Vec<Value> {
        let answer = String::from_utf8_lossy(&self.answer);
        let Some((head, mut rest)) = answer.split_once("\r\n\r\n") else {
            return Vec::new();
        };
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(
            head.to_lowercase()
                .contains("content-type: application/json"),
            "{head}"
        );
        let mut body = String::new();
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
            let Some(chunk) = after.get(..size) else {
                break;
            };
            body.push_str(chunk);
            rest = after.get(size + 2..).unwrap_or_default();
        }
        let lines = body.split_inclusive('\n');
        lines
            .map(|line| {
                assert!(line.ends_with("}\r\n"), "{line:?}");
                serde_json::from_str(line).expect("JSON")
            })
            .collect()
    }
}

async fn kcat_sees_what_one_long_request_streams(world: &World) {
    let api = Api::of(world).await;
    let topic = world.unique("streamed");
    api.topic(&topic, 1).await;
    let mut stream = Stream::open(&api, &topic).await;
    for n in 0..3 {
        let record = json!({"key": {"type": "STRING", "data": "k"}, "value": {"type": "JSON", "data": n},
            "headers": [{"name": "n", "value": "eA=="}], "timestamp": n});
        let record = record.to_string();
        let (first, second) = record.split_at(10);
        stream.send(first).await;
        stream.send(second).await;
        let outcomes = stream.outcomes(n + 1).await;
        let expected = json!({
            "error_code": 200, "cluster_id": api.cluster, "topic_name": topic, "partition_id": 0,
            "offset": n, "timestamp": format!("1970-01-01T00:00:0{n}.000Z"),
            "key": {"type": "STRING", "size": 1}, "value": {"type": "JSON", "size": 1},
        });
        assert_eq!(outcomes[n], expected);
    }
    stream.send("").await;
    assert_eq!(stream.end().await.len(), 3);
    let seen = world.kcat().read_all(&topic, "%T %h %k %s\\n").await;
    assert_eq!(seen, "0 n=x k 0\n1000 n=x k 1\n2000 n=x k 2\n");
}

async fn streams_answer_in_order_and_end_at_broken_json(world: &World) {
    let api = Api::of(world).await;
    let topic = world.unique("broken");
    api.topic(&topic, 1).await;
    let mut stream = Stream::open(&api, &topic).await;
    stream
        .send(
            "{\"value\":{\"data\":\"eA==\"}} {\"partition_id\":7}\n{\"value\":{\"data\":\"fooba\"}}\
             {\"nope\":1}{\"value\":{\"schema\":\"{}\"}}{}",
        )
        .await;
    let outcomes = stream.outcomes(6).await;
    let codes: Vec<_> = outcomes.iter().map(|it| &it["error_code"]).collect();
    assert_eq!(codes, [200, 40_402, 400, 400, 422, 200], "{outcomes:?}");
    assert_eq!(
        (&outcomes[0]["offset"], &outcomes[5]["offset"]),
        (&json!(0), &json!(1))
    );
    assert!(outcomes[5].get("key").is_none() && outcomes[5].get("value").is_none());
    stream.send("{} {\"a\" 1} {}").await;
    let outcomes = stream.end().await;
    assert_eq!(
        (outcomes.len(), &outcomes[6]["error_code"]),
        (8, &json!(200))
    );
    let message = outcomes[7]["message"].as_str().unwrap_or_default();
    let start = "Bad Request: Error processing message: ";
    assert!(message.starts_with(start), "{outcomes:?}");
    assert_eq!(outcomes[7]["error_code"], 400);
    assert_eq!(outcomes.len(), 8, "nothing is read after what is broken");

    let path = format!("/topics/{topic}/records");
    let empty = "Payload error. Request body is empty. Data is required.";
    api.post(&path, &Value::Null)
        .await
        .is_error(422, 42_206, empty);
    let mut blank = Stream::open(&api, &topic).await;
    blank.send("").await;
    while blank.read().await > 0 && !blank.answer.ends_with(b"}") {}
    assert!(blank.answer.starts_with(b"HTTP/1.1 422"));
}

async fn streams_take_records_of_megabytes_and_refuse_larger_ones(world: &World) {
    let api = Api::of(world).await;
    let topic = world.unique("huge");
    api.topic(&topic, 1).await;
    let mut stream = Stream::open(&api, &topic).await;
    let record = |bytes: usize| {
        let data = "x".repeat(bytes);
        json!({"value": {"type": "STRING", "data": data}}).to_string()
    };
    stream.send(&record(1_000_000)).await;
    let size = &stream.outcomes(1).await[0]["value"]["size"];
    assert_eq!(size, 1_000_000);
    stream.send(&record(8_000_000)).await;
    assert_eq!(stream.outcomes(2).await[1]["error_code"], 413);
    stream.send(&record(1)).await;
    stream.send("").await;
    let outcomes = stream.end().await;
    assert_eq!((outcomes.len(), &outcomes[2]["offset"]), (3, &json!(1)));
}
