//! The world a dashboard is looked at in: ordinary traffic over the wire and over REST, groups of every kind, and what the triggers
//! wait for, each provoked as it happens in life.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use sluice_e2e::http::{self, Http};
use sluice_e2e::process::Server;
use sluice_e2e::sluice::Sluice;
use sluice_e2e::{Target, World};

const V2_JSON: &str = "application/vnd.kafka.json.v2+json";
const V2: &str = "application/vnd.kafka.v2+json";

/// How often the monitor looks, so that nobody waits for it.
const EAGER: [&str; 4] = [
    "--monitor-interval",
    "500ms",
    "--monitor-discovery-interval",
    "1s",
];

/// How soon the one whose cluster goes away gives up.
const IMPATIENT: [&str; 6] = [
    "--kafka-connect-timeout",
    "1s",
    "--kafka-request-timeout",
    "1s",
    "--kafka-operation-timeout",
    "1s",
];

/// Two Sluices: one that is used, and one whose cluster goes away.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) world: World,
    /// The cluster that goes away.
    kafka: Sluice,
    /// The gateway in front of it.
    pub(super) bereft: Sluice,
}

impl Pair {
    pub(super) async fn start() -> Self {
        let world = World::with(Target::Bundled, &EAGER).await;
        let [kafka, bereft] = ["kafka", "bereft"].map(|name| {
            let folder = world.folder().join(name);
            std::fs::create_dir(&folder).expect("make a folder");
            folder
        });
        let kafka = Sluice::bundled(&kafka, &[]).await;
        let broker = kafka.addresses().broker.clone().expect("a bundled broker");
        let bereft =
            Sluice::in_front_of(&broker, &bereft, &[&EAGER[..], &IMPATIENT].concat()).await;
        Self {
            world,
            kafka,
            bereft,
        }
    }

    /// The base URLs of both.
    pub(super) async fn addresses(&self) -> [String; 2] {
        let used = self.world.sluice().await.addresses();
        [used.http.clone(), self.bereft.addresses().http.clone()]
    }
}

/// What goes on in them.
#[derive(Debug)]
pub(super) struct Traffic {
    orders: String,
    rest: Http,
    /// The gateway whose cluster is gone.
    bereft: Http,
    /// Path of a REST consumer.
    consumer: String,
    _member: Server,
}

impl Traffic {
    /// Groups that read, that stopped reading and that read over REST; and a cluster that is no more.
    pub(super) async fn start(pair: &mut Pair) -> Self {
        let world = &pair.world;
        let (orders, rest, kcat) = (world.unique("orders"), world.http().await, world.kcat());
        kcat.produce(&orders, "", "1\n2\n").await;
        let stalled = format!("-G stalled -X auto.offset.reset=earliest -e {orders}");
        kcat.run(&stalled, "").await.ok();
        let mut member = Command::new("kcat");
        member.args(["-b", world.bootstrap(), "-G", "billing", &orders]);
        let member = Server::start("kcat", &mut member, world.folder());
        let consumer = Self::consumer(&rest, &orders).await;
        pair.kafka.kill();
        Self {
            orders,
            rest,
            bereft: Http::new(&pair.bereft.addresses().http),
            consumer,
            _member: member,
        }
    }

    /// Creates a REST consumer: its path.
    async fn consumer(rest: &Http, topic: &str) -> String {
        let instance = json!({"format": "json", "auto.offset.reset": "earliest"});
        let created = rest.post("/consumers/audit", V2, &instance).await;
        let base = created["base_uri"].as_str().expect("a base_uri");
        let path = base.find("/consumers/").map(|at| base[at..].to_owned());
        let path = path.expect("a consumer's address");
        let topics = json!({"topics": [topic]});
        let subscribed = rest
            .post(&format!("{path}/subscription"), V2, &topics)
            .await;
        assert_eq!(subscribed, Value::Null);
        path
    }

    /// A little of everything.
    pub(super) async fn turn(&self, pair: &Pair) {
        let topic = format!("/topics/{}", self.orders);
        pair.world.kcat().produce(&self.orders, "", "{}\n").await;
        let records = json!({"records": [{"key": "k", "value": {"n": 1}}, {"value": 2}]});
        self.rest.post(&topic, V2_JSON, &records).await;
        let read = format!("{}/records", self.consumer);
        http::ok(
            self.rest
                .request(Method::GET, &read)
                .header("accept", V2_JSON),
        )
        .await;
        self.go_wrong(&topic).await;
    }

    /// Requests that cannot succeed: for a partition, a topic, a route and a cluster that are not there.
    async fn go_wrong(&self, topic: &str) {
        let nowhere = json!({"records": [{"value": 1, "partition": 99}]});
        let produce = self.rest.request(Method::POST, topic);
        let produce = produce.header("content-type", V2_JSON);
        http::send(produce.body(nowhere.to_string())).await;
        let missing = self.rest.request(Method::GET, "/topics/none-of-that-name");
        assert_eq!(http::send(missing).await.0, 404);
        let unrouted = self.rest.request(Method::GET, "/no/such/route");
        assert_eq!(http::send(unrouted).await.0, 404);
        let bereft = self.bereft.request(Method::GET, "/v3/clusters");
        assert_eq!(http::send(bereft).await.0, 503);
    }
}
