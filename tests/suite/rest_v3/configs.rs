//! Configs of topics.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_e2e::{World, contracts};

use super::Api;

contracts!(
    configs_are_listed_set_altered_and_reset: ["v3_topic_config_list", "v3_topic_config_get", "v3_topic_config_set", "v3_topic_config_reset", "v3_topic_config_alter"],
    configs_that_cannot_be_are_refused,
);

const KEY: &str = "retention.ms";

async fn configs_are_listed_set_altered_and_reset(world: &World) {
    let api = Api::of(world).await;
    let topic = world.unique("configured");
    api.topic(&topic, 1).await;
    let path = format!("/topics/{topic}/configs");
    let at = format!("{path}/{KEY}");
    let value = async |wanted: &str| {
        let is_there = |answer: &super::Answer| answer.json()["value"] == wanted;
        api.eventually(&at, is_there).await.json()
    };

    let set = json!({"value": "1000000"});
    api.send(Method::PUT, &at, &set).await.is_empty();
    let config = value("1000000").await;
    let synonyms = config["synonyms"].as_array().expect("an array");
    let first = json!({"name": KEY, "value": "1000000", "source": "DYNAMIC_TOPIC_CONFIG"});
    assert_eq!(synonyms.first(), Some(&first));
    let expected = json!({
        "kind": "KafkaTopicConfig",
        "metadata": api.metadata(&at, &format!("/topic={topic}/config={KEY}")),
        "cluster_id": api.cluster,
        "topic_name": topic,
        "name": KEY,
        "value": "1000000",
        "is_default": false,
        "is_read_only": false,
        "is_sensitive": false,
        "source": "DYNAMIC_TOPIC_CONFIG",
        "synonyms": synonyms,
    });
    assert_eq!(config, expected);
    let list = api.get(&path).await.has_status(200).json();
    let data = list["data"].as_array().expect("an array");
    assert!(data.contains(&expected), "{list}");
    assert_eq!(list, api.list("KafkaTopicConfigList", &path, &list["data"]));

    let alter = format!("{path}:alter");
    let change = json!({"name": KEY, "value": "2000000"});
    let body = json!({"data": [change], "validate_only": true});
    api.post(&alter, &body).await.is_empty();
    assert_eq!(value("1000000").await, config);
    let other = json!({"name": "cleanup.policy", "operation": "SET", "value": "compact"});
    api.post(&alter, &json!({"data": [change, other]}))
        .await
        .is_empty();
    value("2000000").await;
    let reset = json!({"data": [{"name": KEY, "operation": "DELETE"}]});
    api.post(&alter, &reset).await.is_empty();
    assert_eq!(value("604800000").await["is_default"], true);

    let at = format!("{path}/cleanup.policy");
    let compacted = api.get(&at).await.json();
    assert_eq!(compacted["value"], "compact");
    api.delete(&at).await.is_empty();
    api.eventually(&at, |answer| answer.json()["is_default"] == true)
        .await;
}

async fn configs_that_cannot_be_are_refused(world: &World) {
    let api = Api::of(world).await;
    let topic = world.unique("fixed");
    api.topic(&topic, 1).await;
    let path = format!("/topics/{topic}/configs");
    let at = format!("{path}/{KEY}");
    let cluster = &api.cluster;
    let unknown = format!("Config no.such cannot be found for TOPIC {topic} in cluster {cluster}.");
    let odd = format!("{path}/no.such");
    let value = json!({"value": "1"});
    api.get(&odd).await.is_error(404, 404, &unknown);
    api.delete(&odd).await.is_error(404, 404, &unknown);
    let set = api.send(Method::PUT, &odd, &value).await;
    set.is_error(404, 404, &unknown);
    let alter = format!("{path}:alter");
    let mixed = json!({"data": [{"name": KEY, "value": "1"}, {"name": "no.such", "value": "1"}]});
    api.post(&alter, &mixed).await.is_error(404, 404, &unknown);
    assert_eq!(api.get(&at).await.json()["is_default"], true, "all or none");

    let bad = json!({"value": "soon"});
    api.send(Method::PUT, &at, &bad)
        .await
        .is_kafka_error(400, 40_002);
    let bad = json!({"data": [{"name": KEY, "value": "soon"}], "validate_only": true});
    api.post(&alter, &bad).await.is_kafka_error(400, 40_002);
    let null = "Payload error. Null input provided. Data is required.";
    for nothing in [Value::Null, json!({})] {
        api.post(&alter, &nothing).await.is_error(422, 42_206, null);
    }
    let empty = "Payload error. Request body is empty. Data is required.";
    let nothing = api.send(Method::PUT, &at, &Value::Null).await;
    nothing.is_error(422, 42_206, empty);
    let missing = "/topics/no-such-topic/configs";
    api.get(missing).await.is_kafka_error(404, 40_403);
    let one = format!("{missing}/{KEY}");
    api.get(&one).await.is_kafka_error(404, 40_403);
    api.delete(&one).await.is_kafka_error(404, 40_403);
}
