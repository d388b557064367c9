//! The description of the API: valid, served as committed, and each operation of it under a test.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_e2e::{Target, World, repository};

/// Operations and the test that holds each to its contract. Those of v2 have theirs elsewhere.
const CONTRACTS: [(&str, &[&str]); 13] = [
    (
        "clusters_and_brokers_are_described",
        &[
            "v3_cluster_list",
            "v3_cluster_get",
            "v3_broker_list",
            "v3_broker_get",
        ],
    ),
    (
        "topics_are_created_listed_grown_and_deleted",
        &[
            "v3_topic_list",
            "v3_topic_create",
            "v3_topic_get",
            "v3_topic_update",
            "v3_topic_remove",
        ],
    ),
    (
        "configs_are_listed_set_altered_and_reset",
        &[
            "v3_topic_config_list",
            "v3_topic_config_get",
            "v3_topic_config_set",
            "v3_topic_config_reset",
            "v3_topic_config_alter",
        ],
    ),
    (
        "partitions_tell_where_they_begin_and_end",
        &[
            "v3_partition_list",
            "v3_partition_get",
            "v3_partition_offsets",
        ],
    ),
    (
        "console_tools_consumers_are_described_with_what_they_own",
        &[
            "v3_consumer_group_list",
            "v3_consumer_group_get",
            "v3_consumer_group_consumers",
            "v3_consumer_group_consumer",
            "v3_consumer_group_assignments",
        ],
    ),
    (
        "console_tools_metrics_and_rest_tell_one_lag_of_a_kcat_group",
        &["v3_lag_list", "v3_lag_get", "v3_lag_summary"],
    ),
    (
        "kcat_sees_what_one_long_request_streams",
        &["v3_record_stream_produce"],
    ),
    (
        "batches_answer_for_each_entry",
        &["v3_record_batch_produce"],
    ),
    (
        "openapi_validator_accepts_what_is_served_and_committed",
        &["description"],
    ),
    (
        "operations_and_pages_answer",
        &["live", "ready", "scrape", "kafka_exporter"],
    ),
    ("operations_and_pages_answer", &["overview", "group"]),
    ("operations_and_pages_answer", &["stylesheet", "script"]),
    ("operations_and_pages_answer", &["index", "file"]),
];

#[tokio::test]
async fn openapi_validator_accepts_what_is_served_and_committed() {
    let world = World::start(Target::Bundled).await;
    let served = world.http().await.text("/openapi.json").await;
    let committed = repository::root().join("openapi/sluice.json");
    let text = std::fs::read_to_string(&committed).expect("it is committed");
    assert_eq!(served, text, "what is served is what is committed");
    let file = world.folder().join("served.json");
    std::fs::write(&file, &served).expect("write to the story's folder");
    let files = [&file, &committed].map(|path| path.display().to_string());
    let files = files.each_ref().map(String::as_str);
    let said = sluice_e2e::python::Python::new("none")
        .run("validate_openapi.py", &files)
        .await;
    assert_eq!(said.ok(), "3.1.0\n3.1.0\n");
}

#[tokio::test]
async fn operations_and_pages_answer() {
    let world = World::start(Target::Bundled).await;
    let http = world.http().await;
    for (path, media) in [
        ("/health/live", "application/json"),
        ("/health/ready", "application/json"),
        ("/metrics", "text/plain"),
        ("/metrics/compat/kafka-exporter", "text/plain"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html"),
        ("/", "text/html"),
    ] {
        let request = http.request(reqwest::Method::GET, path);
        let answer = request.send().await.expect("the gateway answers");
        let kind = answer.headers().get("content-type").cloned();
        let kind = kind.expect("a media type");
        assert_eq!(answer.status(), 200, "{path}");
        assert!(
            kind.to_str().is_ok_and(|kind| kind.starts_with(media)),
            "{path} {kind:?}"
        );
    }
}

#[test]
fn every_operation_that_is_described_has_its_contract() {
    let text = std::fs::read_to_string(repository::root().join("openapi/sluice.json"));
    let api: Value = serde_json::from_str(&text.expect("it is committed")).expect("JSON");
    let paths = api["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|path| path.as_object().expect("methods").values());
    let described: BTreeSet<&str> = operations
        .map(|operation| operation["operationId"].as_str().expect("an id"))
        .filter(|id| !id.starts_with("v2_"))
        .collect();
    let covered: BTreeSet<&str> = CONTRACTS
        .iter()
        .flat_map(|(_, ids)| *ids)
        .copied()
        .collect();
    assert_eq!(described, covered);
    let stories = [
        include_str!("bad_input.rs"),
        include_str!("clusters.rs"),
        include_str!("configs.rs"),
        include_str!("coverage.rs"),
        include_str!("groups.rs"),
        include_str!("lag.rs"),
        include_str!("record_stream.rs"),
        include_str!("records.rs"),
        include_str!("topics.rs"),
    ];
    for (story, _) in CONTRACTS {
        let start = format!("async fn {story}(");
        assert!(
            stories.iter().any(|text| text.contains(&start)),
            "{story} is gone"
        );
    }
}
