//! The cluster and its brokers.

use serde_json::{Value, json};
use sluice_e2e::{World, contracts};

use super::{Answer, Api};

contracts!(
    clusters_and_brokers_are_described: ["v3_cluster_list", "v3_cluster_get", "v3_broker_list", "v3_broker_get"],
);

async fn clusters_and_brokers_are_described(world: &World) {
    let api = Api::of(world).await;
    let cluster = &api.cluster;
    let answer = api.get("").await;
    let told = answer.has_status(200).json();
    let controller = told["controller"]["related"].as_str().unwrap_or_default();
    assert!(controller.starts_with(&api.url("/brokers/")), "{told}");
    let expected = json!({
        "kind": "KafkaCluster",
        "metadata": api.metadata("", ""),
        "cluster_id": cluster,
        "controller": {"related": controller},
        "acls": api.related("/acls"),
        "brokers": api.related("/brokers"),
        "broker_configs": api.related("/broker-configs"),
        "consumer_groups": api.related("/consumer-groups"),
        "topics": api.related("/topics"),
        "partition_reassignments": api.related("/topics/-/partitions/-/reassignment"),
    });
    assert_eq!(told, expected);
    let mut list = api.list("KafkaClusterList", "", &json!([expected]));
    list["metadata"]["self"] = json!(api.http.url("/v3/clusters"));
    assert_eq!(api.http.get("/v3/clusters").await, list);

    brokers(world, &api).await;
    let elsewhere = api.http.request(reqwest::Method::GET, "/v3/clusters/else");
    Answer::to(elsewhere)
        .await
        .is_error(404, 404, "Cluster else cannot be found.");
    let elsewhere = "/v3/clusters/else/consumer-groups";
    let elsewhere = api.http.request(reqwest::Method::GET, elsewhere);
    Answer::to(elsewhere)
        .await
        .is_error(404, 404, "Cluster else could not be found.");
}

async fn brokers(world: &World, api: &Api) {
    let list = api.get("/brokers").await.has_status(200).json();
    let id = &list["data"][0]["broker_id"];
    let (host, port) = world.bootstrap().rsplit_once(':').expect("host:port");
    let port: u16 = port.parse().expect("a number");
    let broker = json!({
        "kind": "KafkaBroker",
        "metadata": api.metadata(&format!("/brokers/{id}"), &format!("/broker={id}")),
        "cluster_id": api.cluster,
        "broker_id": id,
        "host": host,
        "port": port,
        "rack": Value::Null,
        "configs": api.related(&format!("/brokers/{id}/configs")),
        "partition_replicas": api.related(&format!("/brokers/{id}/partition-replicas")),
    });
    assert_eq!(
        list,
        api.list("KafkaBrokerList", "/brokers", &json!([broker]))
    );
    api.get(&format!("/brokers/{id}")).await.is(200, &broker);
    let missing = api.get("/brokers/4711").await;
    missing.is_error(404, 404, "Broker 4711 cannot be found.");
    let no_number = api.get("/brokers/one").await;
    no_number.is_error(404, 404, "HTTP 404 Not Found");
}
