//! The description of the API: valid, served as committed, and each operation of it under a story that calls it; and the
//! operations beside v2 and v3.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use sluice_e2e::{Target, World, contract, contracts, repository};

use crate::{rest_v2, rest_v3};

contracts!(
    operations_and_pages_answer: [
        "description", "file", "group", "index", "kafka_exporter", "live", "overview", "ready", "scrape", "script",
        "stylesheet",
    ],
);

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

async fn operations_and_pages_answer(world: &World) {
    let http = world.http().await;
    let (topic, group) = (world.unique("paged"), world.unique("shown"));
    http.create_topic(&topic, 1).await;
    http.produce(&topic, &[json!({"value": 1})]).await;
    let reader = http.instance(&group, "one").await;
    reader.subscribe(&topic).await;
    assert_eq!(reader.values(1).await, [1]);
    reader.commit().await;
    // A group that nobody was told of yet is looked for.
    let path = format!("{}/consumer-groups/{group}", http.cluster().await);
    assert_eq!(http.get(&path).await["consumer_group_id"], group);
    let page = format!("/groups/{group}");
    for (path, media, part) in [
        ("/health/live", "application/json", "live"),
        ("/health/ready", "application/json", "ready"),
        ("/metrics", "text/plain", "sluice_group_lag{"),
        (
            "/metrics/compat/kafka-exporter",
            "text/plain",
            "kafka_consumergroup_lag{",
        ),
        ("/openapi.json", "application/json", "3.1.0"),
        ("/docs", "text/html", "swagger-ui"),
        ("/docs/swagger-ui-bundle.js", "text/javascript", "function"),
        ("/", "text/html", &topic),
        (&page, "text/html", &group),
        ("/assets/style.css", "text/css", "{"),
        ("/assets/page.js", "text/javascript", "fetch("),
    ] {
        let answer = http.request(Method::GET, path).send().await;
        let answer = answer.expect("the gateway answers");
        assert_eq!(answer.status(), 200, "{path}");
        let kind = answer.headers().get("content-type").cloned();
        let kind = kind.expect("a media type");
        let is_right = kind.to_str().is_ok_and(|kind| kind.starts_with(media));
        assert!(is_right, "{path} is {kind:?}");
        let text = answer.text().await.expect("the whole body arrives");
        assert!(text.contains(part), "{part} is missing from {path}");
    }
    reader.delete().await;
}

#[test]
fn every_operation_that_is_described_has_its_story() {
    let described: BTreeSet<String> = contract::described().into_keys().collect();
    let stories = rest_v2::CONTRACTS.into_iter().chain(rest_v3::CONTRACTS);
    let held = stories.chain([CONTRACTS]).flatten().copied().flatten();
    let held: BTreeSet<String> = held.map(|id| (*id).to_owned()).collect();
    assert_eq!(described, held);
}
