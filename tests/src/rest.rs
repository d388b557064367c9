//! REST v2 as a program in any language uses it: produce, and consumer instances.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{self, Http};
use crate::wait;

/// Media type of everything in v2 but records.
pub const V2: &str = "application/vnd.kafka.v2+json";

/// Media type of v2 records whose keys and values are JSON.
pub const V2_JSON: &str = "application/vnd.kafka.json.v2+json";

/// Media type of v2 records whose keys and values are bytes in base64.
pub const V2_BINARY: &str = "application/vnd.kafka.binary.v2+json";

/// Media type of v3.
pub const V3: &str = "application/json";

impl Http {
    /// Produces JSON records with v2, such as `{"value": 1, "partition": 0}`; gives where each went.
    ///
    /// # Panics
    /// If one is refused.
    pub async fn produce(&self, topic: &str, records: &[Value]) -> Vec<(i64, i64)> {
        let body = json!({"records": records});
        let answer = self.post(&format!("/topics/{topic}"), V2_JSON, &body).await;
        let offsets = answer["offsets"].as_array().expect("offsets");
        let place =
            |offset: &Value| Some((offset["partition"].as_i64()?, offset["offset"].as_i64()?));
        offsets
            .iter()
            .map(|offset| place(offset).unwrap_or_else(|| panic!("{answer}")))
            .collect()
    }

    /// The path of the one cluster in v3.
    ///
    /// # Panics
    /// If there is none.
    pub async fn cluster(&self) -> String {
        let clusters = self.get("/v3/clusters").await;
        let id = clusters["data"][0]["cluster_id"]
            .as_str()
            .expect("a cluster id");
        format!("/v3/clusters/{id}")
    }

    /// Creates a topic with v3, and waits until it is known with all its partitions.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn create_topic(&self, topic: &str, partitions: u32) {
        let body = json!({"topic_name": topic, "partitions_count": partitions});
        let path = format!("{}/topics", self.cluster().await);
        let _: Value = self.post(&path, V3, &body).await;
        let path = format!("/topics/{topic}/partitions");
        wait::until("the topic to be known", wait::PATIENCE, || async {
            let (_, told) = self.call_v2(Method::GET, &path, None).await;
            let known = told.as_array().map(Vec::len);
            if known == usize::try_from(partitions).ok() {
                Ok(())
            } else {
                Err(told.to_string())
            }
        })
        .await;
    }

    /// A v2 call about JSON records, or about none: the status and the body, null where there is none.
    pub async fn call_v2(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let accept = format!("{V2_JSON}, {V2};q=0.5");
        let mut request = self.request(method, path).header("accept", accept);
        if let Some(body) = body {
            request = request.header("content-type", V2).body(body.to_string());
        }
        let (status, text) = http::send(request).await;
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// Makes a v2 consumer instance that reads JSON from the beginning.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn instance(&self, group: &str, name: &str) -> Instance {
        self.instance_with(group, name, &json!({})).await
    }

    /// The same with further `options`, or others.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn instance_with(&self, group: &str, name: &str, options: &Value) -> Instance {
        let mut body = json!({"name": name, "format": "json", "auto.offset.reset": "earliest"});
        let more = options.as_object().cloned().unwrap_or_default();
        body.as_object_mut().expect("an object").extend(more);
        let made = self.post(&format!("/consumers/{group}"), V2, &body).await;
        let path = format!("/consumers/{group}/instances/{name}");
        let expected = json!({"instance_id": name, "base_uri": self.url(&path)});
        assert_eq!(made, expected);
        Instance {
            http: self.clone(),
            path,
        }
    }
}

/// A v2 consumer instance.
#[derive(Debug, Clone)]
pub struct Instance {
    http: Http,
    path: String,
}

impl Instance {
    /// Its own path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Calls `path` below it: the status and the body, null where there is none.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let path = format!("{}{path}", self.path);
        self.http.call_v2(method, &path, body).await
    }

    /// Calls `path` below it, which must succeed without a body.
    ///
    /// # Panics
    /// If it does not.
    pub async fn done(&self, method: Method, path: &str, body: Option<&Value>) {
        let told = self.call(method, path, body).await;
        assert_eq!(told, (204, Value::Null), "{path}");
    }

    /// Subscribes it to `topic`.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn subscribe(&self, topic: &str) {
        let topics = json!({"topics": [topic]});
        self.done(Method::POST, "/subscription", Some(&topics))
            .await;
    }

    /// Reads JSON as `query` says, such as `timeout=100`.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn read(&self, query: &str) -> Vec<Value> {
        let path = format!("/records?{query}");
        let (status, told) = self.call(Method::GET, &path, None).await;
        assert_eq!(status, 200, "{told}");
        told.as_array().expect("records").clone()
    }

    /// The values of the records that are read until `count` have come.
    ///
    /// # Panics
    /// If they do not come in time, or a read is refused.
    pub async fn values(&self, count: usize) -> Vec<Value> {
        let mut values = Vec::new();
        let start = Instant::now();
        while values.len() < count {
            let records = self.read("timeout=5000").await;
            values.extend(records.into_iter().map(|mut record| record["value"].take()));
            assert!(
                start.elapsed() < wait::PATIENCE,
                "{count} should come: {values:?}"
            );
        }
        values
    }

    /// Commits what it has read.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn commit(&self) {
        let told = self.call(Method::POST, "/offsets", None).await;
        assert_eq!(told, (200, json!([])));
    }

    /// Removes it.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn delete(self) {
        self.done(Method::DELETE, "", None).await;
    }
}
