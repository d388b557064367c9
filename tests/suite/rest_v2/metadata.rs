//! The metadata a client of v2 looks at first.

use serde_json::json;
use sluice_e2e::{World, contracts};

use super::Story;

contracts!(
    metadata_is_told_as_confluents_proxy_tells_it: [
        "v2_brokers_list",
        "v2_topics_list",
        "v2_topics_get",
        "v2_partitions_list",
        "v2_partitions_get",
        "v2_partitions_offsets",
    ],
);

async fn metadata_is_told_as_confluents_proxy_tells_it(world: &World) {
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
