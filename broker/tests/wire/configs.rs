//! Configs of topics and of the broker.

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::alter_configs::{
    self, AlterConfigsRequest, AlterConfigsResourceResponse,
};
use sluice_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResult,
};
use sluice_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};

use crate::admin::create;
use crate::client::{Client, World};

const TOPIC: i8 = 2;
pub(crate) const BROKER: i8 = 4;

async fn describe(
    client: &mut Client,
    resource_type: i8,
    name: &str,
    keys: Option<Vec<String>>,
) -> DescribeConfigsResult {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type,
            resource_name: name.to_owned(),
            configuration_keys: keys,
        }],
        include_synonyms: true,
        include_documentation: true,
    };
    client.ask(&request, 4).await.results.remove(0)
}

pub(crate) async fn value_of(
    client: &mut Client,
    resource_type: i8,
    name: &str,
    key: &str,
) -> String {
    let described = describe(client, resource_type, name, Some(vec![key.to_owned()])).await;
    assert_eq!(described.configs.len(), 1, "{key}");
    described.configs[0].value.clone().unwrap()
}

/// A change of one key of the topic `t`.
fn change(key: &str, operation: i8, value: Option<&str>) -> IncrementalAlterConfigsRequest {
    IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".to_owned(),
            configs: vec![AlterableConfig {
                name: key.to_owned(),
                config_operation: operation,
                value: value.map(str::to_owned),
            }],
        }],
        validate_only: false,
    }
}

#[tokio::test]
async fn configs_are_described_whole() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    let all = describe(&mut client, TOPIC, "t", None).await;
    assert!(all.configs.len() > 30);
    for config in &all.configs {
        assert!(config.value.is_some() && config.documentation.is_some());
        assert!(
            !config.synonyms.is_empty() && config.config_type > 0,
            "{config:?}"
        );
    }
}

#[tokio::test]
async fn configs_are_changed_one_by_one() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    for (request, code, policy) in [
        (
            change("cleanup.policy", 2, Some("compact")),
            ErrorCode::None,
            "delete,compact",
        ),
        (
            change("cleanup.policy", 3, Some("delete")),
            ErrorCode::None,
            "compact",
        ),
        (
            change("cleanup.policy", 0, Some("nothing")),
            ErrorCode::InvalidConfig,
            "compact",
        ),
        (
            change("cleanup.policy", 9, None),
            ErrorCode::InvalidRequest,
            "compact",
        ),
        (
            change("nope", 0, Some("1")),
            ErrorCode::InvalidConfig,
            "compact",
        ),
        (change("cleanup.policy", 1, None), ErrorCode::None, "delete"),
    ] {
        let altered = client.ask(&request, 1).await.responses.remove(0);
        assert_eq!(altered.error_code, code, "{request:?}");
        assert_eq!(
            value_of(&mut client, TOPIC, "t", "cleanup.policy").await,
            policy
        );
    }
}

#[tokio::test]
async fn replacing_configs_resets_what_is_not_named() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    client.ask(&change("retention.ms", 0, Some("5")), 1).await;
    let replace = AlterConfigsRequest {
        resources: vec![alter_configs::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".to_owned(),
            configs: vec![alter_configs::AlterableConfig {
                name: "cleanup.policy".to_owned(),
                value: Some("compact".to_owned()),
            }],
        }],
        validate_only: false,
    };
    client.ask(&replace, 2).await;
    assert_eq!(
        value_of(&mut client, TOPIC, "t", "retention.ms").await,
        "604800000"
    );
}

#[tokio::test]
async fn resources_without_configs_and_read_only_ones_are_refused() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    for (resource_type, name, code) in [
        (TOPIC, "missing", ErrorCode::UnknownTopicOrPartition),
        (TOPIC, "a b", ErrorCode::InvalidTopicException),
        (BROKER, "2", ErrorCode::InvalidRequest),
        (BROKER, "one", ErrorCode::InvalidRequest),
        (8, "1", ErrorCode::InvalidRequest),
        (99, "", ErrorCode::InvalidRequest),
    ] {
        let described = describe(&mut client, resource_type, name, None).await;
        assert_eq!(described.error_code, code, "{resource_type} {name}");
    }
    let request = IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: BROKER,
            resource_name: "1".to_owned(),
            configs: vec![AlterableConfig {
                name: "num.partitions".to_owned(),
                config_operation: 0,
                value: Some("2".to_owned()),
            }],
        }],
        validate_only: false,
    };
    let refused: AlterConfigsResourceResponse = client.ask(&request, 1).await.responses.remove(0);
    assert_eq!(refused.error_code, ErrorCode::InvalidRequest);
    assert_eq!(
        value_of(&mut client, BROKER, "1", "num.partitions").await,
        "1"
    );
}
