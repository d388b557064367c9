//! Consumer instances of the REST API v2, and the metadata a client of it looks at first.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sluice_e2e::console::{self, Tool};
use sluice_e2e::http::{self, Http};
use sluice_e2e::{Target, World, on_both_targets, wait};

on_both_targets!(
    metadata_is_told_as_confluents_proxy_tells_it,
    an_instance_reads_commits_and_another_one_resumes,
    two_groups_each_get_everything,
    a_waiting_read_answers_as_soon_as_a_record_is_there,
    a_record_over_max_bytes_comes_alone,
    bad_calls_get_confluents_codes,
    fifty_instances_share_a_group_with_console_tools,
);

const V2: &str = "application/vnd.kafka.v2+json";
const JSON_V2: &str = "application/vnd.kafka.json.v2+json";

/// One gateway, and a topic of the story's own.
struct Story {
    world: World,
    http: Http,
    topic: String,
    group: String,
}

impl Story {
    async fn begin(world: World, partitions: i32) -> Self {
        let (topic, group) = (world.unique("orders"), world.unique("billing"));
        let http = world.http().await;
        let clusters = http.get("/v3/clusters").await;
        let cluster = clusters["data"][0]["cluster_id"].as_str().unwrap();
        let create =
            json!({"topic_name": topic, "partitions_count": partitions, "replication_factor": 1});
        let path = format!("/v3/clusters/{cluster}/topics");
        http.post(&path, "application/json", &create).await;
        wait::until("the topic to be known", wait::PATIENCE, || async {
            let (_, told) = call(
                &http,
                Method::GET,
                &format!("/topics/{topic}/partitions"),
                None,
            )
            .await;
            let known = told.as_array().map(Vec::len);
            if known == usize::try_from(partitions).ok() {
                Ok(())
            } else {
                Err(told.to_string())
            }
        })
        .await;
        Self {
            world,
            http,
            topic,
            group,
        }
    }

    async fn produce(&self, partition: i32, values: &[Value]) {
        let records = values
            .iter()
            .map(|value| json!({"partition": partition, "value": value}));
        let body = json!({"records": records.collect::<Vec<_>>()});
        let path = format!("/topics/{}", self.topic);
        let told = self.http.post(&path, JSON_V2, &body).await;
        for record in told["offsets"].as_array().unwrap() {
            assert!(record["error_code"].is_null(), "{told}");
        }
    }

    async fn instance(&self, group: &str, name: &str, more: Value) -> Instance<'_> {
        let mut body = json!({"name": name, "format": "json", "auto.offset.reset": "earliest"});
        let options = body.as_object_mut().unwrap();
        options.extend(more.as_object().unwrap().clone());
        let path = format!("/consumers/{group}");
        let made = self.http.post(&path, V2, &body).await;
        assert_eq!(made["instance_id"], name);
        let base = format!("/consumers/{group}/instances/{name}");
        assert_eq!(made["base_uri"], self.http.url(&base));
        Instance { story: self, base }
    }

    fn partition(&self, partition: i32) -> Value {
        json!({"topic": self.topic, "partition": partition})
    }
}

struct Instance<'a> {
    story: &'a Story,
    base: String,
}

impl Instance<'_> {
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        call(
            &self.story.http,
            method,
            &format!("{}{path}", self.base),
            body,
        )
        .await
    }

    async fn done(&self, method: Method, path: &str, body: Option<&Value>) {
        let (status, told) = self.call(method, path, body).await;
        assert_eq!((status, &told), (204, &Value::Null), "{path}");
    }

    async fn subscribe(&self) {
        let topics = json!({"topics": [self.story.topic]});
        self.done(Method::POST, "/subscription", Some(&topics))
            .await;
    }

    async fn read(&self, query: &str) -> Vec<Value> {
        let (status, told) = self
            .call(Method::GET, &format!("/records?{query}"), None)
            .await;
        assert_eq!(status, 200, "{told}");
        told.as_array().unwrap().clone()
    }

    /// The values of the next read.
    async fn values(&self) -> Vec<Value> {
        let records = self.read("timeout=20000").await;
        records
            .iter()
            .map(|record| record["value"].clone())
            .collect()
    }

    async fn delete(self) {
        self.done(Method::DELETE, "", None).await;
    }
}

/// Calls in JSON, or without records: the status and the body, null where there is none.
async fn call(http: &Http, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
    let mut request = http
        .request(method, path)
        .header("accept", format!("{JSON_V2}, {V2};q=0.5"));
    if let Some(body) = body {
        request = request.header("content-type", V2).body(body.to_string());
    }
    let (status, text) = http::send(request).await;
    (status, serde_json::from_str(&text).unwrap_or_default())
}

async fn metadata_is_told_as_confluents_proxy_tells_it(world: World) {
    let story = Story::begin(world, 2).await;
    let (http, topic) = (&story.http, &story.topic);
    story.produce(1, &[json!(1), json!(2)]).await;
    let brokers = http.get("/brokers").await;
    let broker = brokers["brokers"][0].clone();
    assert_eq!(brokers, json!({"brokers": [broker]}));
    let topics = http.get("/topics").await;
    let topics = topics.as_array().unwrap();
    assert!(topics.contains(&json!(topic)), "{topics:?}");
    assert!(!topics.contains(&json!("__consumer_offsets")), "{topics:?}");
    let partition = |number: i32| {
        let replica = json!({"broker": broker, "leader": true, "in_sync": true});
        json!({"partition": number, "leader": broker, "replicas": [replica]})
    };
    let partitions = http.get(&format!("/topics/{topic}/partitions")).await;
    assert_eq!(partitions, json!([partition(0), partition(1)]));
    let described = http.get(&format!("/topics/{topic}")).await;
    assert_eq!(described["name"], json!(topic));
    assert_eq!(described["partitions"], partitions);
    assert_eq!(described["configs"]["cleanup.policy"], "delete");
    let one = http.get(&format!("/topics/{topic}/partitions/1")).await;
    assert_eq!(one, partition(1));
    let range = http
        .get(&format!("/topics/{topic}/partitions/1/offsets"))
        .await;
    assert_eq!(range, json!({"beginning_offset": 0, "end_offset": 2}));
}

async fn an_instance_reads_commits_and_another_one_resumes(world: World) {
    let story = Story::begin(world, 1).await;
    let manual = json!({"auto.commit.enable": "false"});
    story
        .produce(0, &[json!({"n": 1.50}), json!(2), json!(3)])
        .await;
    let first = story.instance(&story.group, "a", manual.clone()).await;
    first.subscribe().await;
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

    let second = story.instance(&story.group, "b", manual).await;
    second.subscribe().await;
    assert_eq!(second.values().await, [json!(2), json!(3)]);
    let told = second.call(Method::POST, "/offsets", None).await;
    assert_eq!(told, (200, json!([])));
    let told = second.call(Method::GET, "/offsets", Some(&asked)).await;
    assert_eq!(told.1["offsets"][0]["offset"], 3);
    let (status, subscription) = second.call(Method::GET, "/subscription", None).await;
    assert_eq!(
        (status, subscription),
        (200, json!({"topics": [story.topic]}))
    );
    let (_, assignment) = second.call(Method::GET, "/assignments", None).await;
    assert_eq!(assignment, json!({"partitions": [story.partition(0)]}));
    let ends = json!({"partitions": [story.partition(0)]});
    second
        .done(Method::POST, "/positions/beginning", Some(&ends))
        .await;
    assert_eq!(second.values().await.len(), 3);
    second.done(Method::DELETE, "/subscription", None).await;
    second.delete().await;
}

async fn two_groups_each_get_everything(world: World) {
    let story = Story::begin(world, 3).await;
    for partition in 0..3 {
        story.produce(partition, &[json!(partition)]).await;
    }
    for _ in 0..2 {
        let group = story.world.unique("audit");
        let instance = story.instance(&group, "only", json!({})).await;
        instance.subscribe().await;
        let mut read = BTreeSet::new();
        while read.len() < 3 {
            let values = instance.values().await;
            assert!(!values.is_empty(), "{read:?}");
            read.extend(values.iter().map(Value::to_string));
        }
        instance.delete().await;
    }
}

async fn a_waiting_read_answers_as_soon_as_a_record_is_there(world: World) {
    let story = Story::begin(world, 1).await;
    let instance = story.instance(&story.group, "a", json!({})).await;
    let partitions = json!({"partitions": [story.partition(0)]});
    instance
        .done(Method::POST, "/assignments", Some(&partitions))
        .await;
    assert_eq!(instance.read("timeout=10").await, Vec::<Value>::new());
    // The first commit of a young cluster creates the topic it is written to, and so does the first look-up.
    story.produce(0, &[json!("first")]).await;
    assert_eq!(instance.values().await, [json!("first")]);
    for value in 0..3 {
        let (read, produced) =
            tokio::join!(async { (instance.values().await, Instant::now()) }, async {
                story.produce(0, &[json!(value)]).await;
                Instant::now()
            });
        assert_eq!(read.0, [json!(value)]);
        let late = read.1.saturating_duration_since(produced);
        assert!(late < Duration::from_secs(1), "{late:?}");
    }
    instance.delete().await;
}

async fn a_record_over_max_bytes_comes_alone(world: World) {
    let story = Story::begin(world, 1).await;
    let large = json!("x".repeat(1000));
    story
        .produce(0, &[json!(1), large, json!(2), json!(3)])
        .await;
    let instance = story.instance(&story.group, "a", json!({})).await;
    instance.subscribe().await;
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

async fn bad_calls_get_confluents_codes(world: World) {
    let story = Story::begin(world, 1).await;
    let instance = story.instance(&story.group, "a", json!({})).await;
    instance.subscribe().await;
    for bad in BAD_METADATA {
        told(&story, "", bad).await;
    }
    let consumers = format!("/consumers/{}", story.group);
    for bad in BAD_CONSUMERS {
        told(&story, &consumers, bad).await;
    }
    let records = format!("{}/records", instance.base);
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
    let (told, error) = call(&story.http, method.clone(), &path, body.as_ref()).await;
    let expected = (status, Some(code));
    assert_eq!(
        (told, error["error_code"].as_i64()),
        expected,
        "{method} {path}: {error}"
    );
    assert!(error["message"].is_string(), "{error}");
}

async fn fifty_instances_share_a_group_with_console_tools(world: World) {
    const MEMBERS: i32 = 50;
    let story = Story::begin(world, MEMBERS + 1).await;
    let args = format!(
        "--topic {} --group-id {} --verbose",
        story.topic, story.group
    );
    let (console, folder) = (story.world.console(), story.world.folder());
    let java = console.start("java", Tool::VerifiableConsumer, &args, folder);
    let mut instances = Vec::new();
    for number in 0..MEMBERS {
        let name = format!("member-{number}");
        let instance = story.instance(&story.group, &name, json!({})).await;
        instance.subscribe().await;
        instances.push(instance);
    }
    let what = "51 members to have a partition each";
    wait::until(what, wait::PATIENCE, || async {
        let mut owned = BTreeSet::new();
        for instance in &instances {
            let (_, told) = instance.call(Method::GET, "/assignments", None).await;
            let partitions = told["partitions"].as_array().cloned().unwrap_or_default();
            if partitions.len() != 1 {
                return Err(format!("{}: {partitions:?}", instance.base));
            }
            owned.insert(partitions[0].to_string());
        }
        let events = console::events(&java);
        let assigned = events
            .iter()
            .rev()
            .find(|event| event["name"] == "partitions_assigned");
        let java = assigned.and_then(|event| event["partitions"].as_array());
        match (owned.len(), java.map(Vec::len)) {
            (50, Some(1)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    for partition in 0..=MEMBERS {
        story.produce(partition, &[json!(partition)]).await;
    }
    let mut read = 0;
    for instance in &instances {
        read += instance.values().await.len();
    }
    assert_eq!(read, 50);
    for instance in instances {
        instance.delete().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_nobody_uses_ends() {
    let arguments = ["--rest-v2-consumer-idle-timeout", "1s"];
    let world = World::with(Target::Bundled, &arguments).await;
    let story = Story::begin(world, 1).await;
    let instance = story.instance(&story.group, "a", json!({})).await;
    instance.subscribe().await;
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
