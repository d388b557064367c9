//! REST v2 side by side with Kafka clients: metadata, records in both formats, consumer instances, groups.

use serde_json::{Value, json};
use sluice_e2e::World;
use sluice_e2e::http::Http;
use sluice_e2e::rest::Instance;

mod bad_calls;
mod groups;
mod instances;
mod metadata;
mod positions;
mod records;

/// Operations that the stories hold to their contract.
pub(crate) const CONTRACTS: [&[&[&str]]; 6] = [
    bad_calls::CONTRACTS,
    groups::CONTRACTS,
    instances::CONTRACTS,
    metadata::CONTRACTS,
    positions::CONTRACTS,
    records::CONTRACTS,
];

/// One gateway, and a topic and a group of the story's own.
struct Story {
    http: Http,
    topic: String,
    group: String,
}

impl Story {
    async fn begin(world: &World, partitions: u32) -> Self {
        let story = Self {
            http: world.http().await,
            topic: world.unique("orders"),
            group: world.unique("billing"),
        };
        story.http.create_topic(&story.topic, partitions).await;
        story
    }

    /// Produces JSON values to a partition.
    async fn produce(&self, partition: u32, values: &[Value]) {
        let record = |value| json!({"partition": partition, "value": value});
        let records: Vec<Value> = values.iter().map(record).collect();
        self.http.produce(&self.topic, &records).await;
    }

    /// Produces records of a media type to partition 0.
    async fn produce_as(&self, media: &str, records: &Value) -> Value {
        let path = format!("/topics/{}/partitions/0", self.topic);
        let body = json!({"records": records});
        self.http.post(&path, media, &body).await
    }

    /// An instance that reads the topic.
    async fn reader(&self, options: &Value) -> Instance {
        let reader = self.http.instance_with(&self.group, "a", options).await;
        reader.subscribe(&self.topic).await;
        reader
    }

    fn partition(&self, partition: u32) -> Value {
        json!({"topic": self.topic, "partition": partition})
    }
}
