//! REST v3 as a contract: statuses, headers and bodies of each route against the running program, a noun a file.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sluice_e2e::World;
use sluice_e2e::http::Http;

mod bad_input;
mod clusters;
mod configs;
mod groups;
mod lag;
mod record_stream;
mod records;
mod topics;

/// Operations that the stories hold to their contract.
pub(crate) const CONTRACTS: [&[&[&str]]; 7] = [
    clusters::CONTRACTS,
    configs::CONTRACTS,
    groups::CONTRACTS,
    lag::CONTRACTS,
    record_stream::CONTRACTS,
    records::CONTRACTS,
    topics::CONTRACTS,
];

/// The v3 API of one cluster.
struct Api {
    http: Http,
    cluster: String,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Api {
    async fn of(world: &World) -> Self {
        let http = world.http().await;
        let clusters = http.get("/v3/clusters").await;
        let cluster = clusters["data"][0]["cluster_id"].as_str();
        let cluster = cluster.expect("there is one").to_owned();
        Self { http, cluster }
    }

    /// The URL of `path` below the cluster.
    fn url(&self, path: &str) -> String {
        self.http.url(&self.path(path))
    }

    fn path(&self, path: &str) -> String {
        format!("/v3/clusters/{}{path}", self.cluster)
    }

    /// The relation to `path` below the cluster.
    fn related(&self, path: &str) -> Value {
        json!({"related": self.url(path)})
    }

    /// The metadata of a resource at `path`, whose name ends in `name`.
    fn metadata(&self, path: &str, name: &str) -> Value {
        json!({
            "self": self.url(path),
            "resource_name": format!("crn:///kafka={}{name}", self.cluster),
        })
    }

    /// A list of `kind` at `path`.
    fn list(&self, kind: &str, path: &str, data: &Value) -> Value {
        json!({"kind": kind, "metadata": {"self": self.url(path), "next": null}, "data": data})
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::to(self.http.request(Method::GET, &self.path(path))).await
    }

    async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.http.request(Method::DELETE, &self.path(path))).await
    }

    /// Sends `body`, or nothing at all where it is null.
    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.http.request(method, &self.path(path));
        let request = request.header("content-type", "application/json");
        Answer::to(match body {
            Value::Null => request,
            body => request.body(body.to_string()),
        })
        .await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    /// Creates a topic, and waits until it is described.
    async fn topic(&self, name: &str, partitions: i32) {
        let wanted = json!({"topic_name": name, "partitions_count": partitions});
        self.post("/topics", &wanted).await.has_status(201);
        self.eventually(&format!("/topics/{name}"), |answer| answer.status == 200)
            .await;
    }

    /// Asks for `path` until the answer is as wanted: brokers learn of a change after it was acknowledged.
    async fn eventually(&self, path: &str, is_wanted: impl Fn(&Answer) -> bool) -> Answer {
        let patience = sluice_e2e::wait::PATIENCE;
        sluice_e2e::wait::until(path, patience, async || {
            let answer = self.get(path).await;
            if is_wanted(&answer) {
                Ok(answer)
            } else {
                Err(format!("{answer:?}"))
            }
        })
        .await
    }
}

impl Answer {
    async fn to(request: RequestBuilder) -> Self {
        let response = sluice_e2e::http::answer(request).await;
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.expect("the whole body arrives"),
        }
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.and_then(Result::ok).unwrap_or_default()
    }

    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    fn has_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Success with exactly this body.
    fn is(&self, status: u16, body: &Value) {
        assert_eq!(&self.has_status(status).json(), body);
    }

    /// Success without a body.
    fn is_empty(&self) {
        assert_eq!((self.status, self.text.as_str()), (204, ""), "{self:?}");
    }

    /// Exactly this error.
    fn is_error(&self, status: u16, code: u32, message: &str) {
        self.is(status, &json!({"error_code": code, "message": message}));
    }

    /// An error with these codes, whose text is Kafka's own.
    fn is_kafka_error(&self, status: u16, code: u32) {
        let body = self.has_status(status).json();
        assert_eq!(body["error_code"], code, "{self:?}");
        let message = body["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty() && !message.contains('\n'), "{self:?}");
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(2));
    }
}
