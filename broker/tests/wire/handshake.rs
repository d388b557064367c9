//! The first request of every client, and its traps.

use bytes::Bytes;
use sluice_protocol::messages::Message;
use sluice_protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use sluice_protocol::wire::Reader;
use sluice_protocol::{ApiKey, ErrorCode};

use crate::client::World;

fn named(name: &str, version: &str) -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: name.to_owned(),
        client_software_version: version.to_owned(),
    }
}

#[tokio::test]
async fn every_version_of_api_versions_tells_the_same_apis() {
    let world = World::start().await;
    for (link, mut client) in world.clients().await {
        for version in 0..=4 {
            let response = client.ask(&named("wire-test", "1.0"), version).await;
            assert_eq!(response.error_code, ErrorCode::None, "{link} {version}");
            let produce = &response.api_keys[0];
            assert_eq!(produce.api_key, ApiKey::Produce.key());
            // librdkafka concludes from the lower end whether a broker compresses (KAFKA-18659).
            assert_eq!((produce.min_version, produce.max_version), (0, 11));
            let epochs = ApiKey::OffsetForLeaderEpoch.key();
            let epochs = response.api_keys.iter().find(|api| api.api_key == epochs);
            assert_eq!(epochs.unwrap().min_version, 2);
            // What is not there is not promised, and no epoch of -1 is written.
            assert!(response.finalized_features.is_empty());
            assert!(response.supported_features.is_empty());
        }
    }
}

#[tokio::test]
async fn a_version_that_is_not_served_is_answered_in_version_0_with_the_whole_list() {
    let world = World::start().await;
    for version in [5_i16, 99, i16::MAX, -1] {
        for (link, mut client) in world.clients().await {
            // A body that only that version could read.
            let header = [
                &[0, 18][..],
                &version.to_be_bytes(),
                &[0, 0, 0, 7, 0xff, 0xff],
            ];
            let body = [0, 0xde, 0xad, 0xbe, 0xef];
            client
                .send_frame([&header.concat()[..], &body].concat())
                .await;
            let frame = client.frame().await.unwrap();
            let mut reader = Reader::new(frame);
            assert_eq!(reader.i32().unwrap(), 7);
            let rest: Bytes = reader.rest().unwrap();
            let response = ApiVersionsResponse::from_bytes(rest, 0).unwrap();
            assert_eq!(response.error_code, ErrorCode::UnsupportedVersion, "{link}");
            assert!(response.api_keys.len() > 20);
            // The connection goes on, as the client expects.
            let response = client.ask(&named("wire-test", "1.0"), 4).await;
            assert_eq!(response.error_code, ErrorCode::None);
        }
    }
}

#[tokio::test]
async fn a_client_whose_name_is_none_is_told_so() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    for (name, version) in [
        ("", "1"),
        ("a", ""),
        ("-a", "1"),
        ("a b", "1"),
        ("a", "1_0"),
    ] {
        let response = client.ask(&named(name, version), 3).await;
        assert_eq!(response.error_code, ErrorCode::InvalidRequest, "{name:?}");
        assert!(response.api_keys.is_empty());
    }
    let response = client.ask(&named("apache-kafka-java", "4.3.1"), 3).await;
    assert_eq!(response.error_code, ErrorCode::None);
}
