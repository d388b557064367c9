//! REST v2 as a program in any language uses it: produce, and consumer instances.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{self, Http};

/// Media type of everything in v2 but records.
pub const V2: &str = "application/vnd.kafka.v2+json";

/// Media type of v2 records whose keys and values are JSON.
pub const V2_JSON: &str = "application/vnd.kafka.json.v2+json";

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

    /// Creates a topic with v3.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn create_topic(&self, topic: &str, partitions: u32) {
        let body = json!({"topic_name": topic, "partitions_count": partitions});
        let path = format!("{}/topics", self.cluster().await);
        let _: Value = self.post(&path, V3, &body).await;
    }

    /// Makes a v2 consumer instance that reads JSON from the beginning.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn instance(&self, group: &str, name: &str) -> Instance {
        let settings = json!({"name": name, "format": "json", "auto.offset.reset": "earliest"});
        let _: Value = self
            .post(&format!("/consumers/{group}"), V2, &settings)
            .await;
        Instance {
            http: self.clone(),
            path: format!("/consumers/{group}/instances/{name}"),
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
    /// Subscribes it to `topic`.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn subscribe(&self, topic: &str) {
        let body = json!({"topics": [topic]});
        let _: Value = self
            .http
            .post(&format!("{}/subscription", self.path), V2, &body)
            .await;
    }

    /// Reads what there is, waiting up to `timeout_ms` for something.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn read(&self, timeout_ms: u32) -> Vec<Value> {
        let path = format!("{}/records?timeout={timeout_ms}", self.path);
        let request = self
            .http
            .request(Method::GET, &path)
            .header("accept", V2_JSON);
        http::ok_json(request)
            .await
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// Commits what it has read.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn commit(&self) {
        let path = format!("{}/offsets", self.path);
        http::ok(
            self.http
                .request(Method::POST, &path)
                .header("content-type", V2),
        )
        .await;
    }

    /// Removes it.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn delete(&self) {
        http::ok(self.http.request(Method::DELETE, &self.path)).await;
    }
}
