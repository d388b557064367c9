//! Random requests of every API and version: each is answered in its own version, or ends its
//! connection; the broker goes on.

use std::time::Duration;

use sluice_protocol::ApiKey;
use sluice_protocol::header::{decode_response_header, request_frame};
use sluice_protocol::messages::api_versions::ApiVersionsRequest;
use sluice_protocol::messages::{AnyRequest, AnyResponse};
use sluice_protocol::sample::Sampler;
use sluice_protocol::wire::Reader;

use crate::client::{Client, World};

/// Sends one random request; returns whether the connection lives.
async fn send_sample(client: &mut Client, api: ApiKey, version: i16, seed: u64) -> bool {
    let mut sampler = Sampler::new(seed);
    let request = AnyRequest::sample(api, version, &mut sampler);
    let header = header(api, version);
    let body = request.to_bytes(version).unwrap();
    client.send_frame([&header[..], &body].concat()).await;
    // A random wait may be days, and a random acks may be 0: neither is an answer to wait for.
    let patience = Duration::from_millis(50);
    let Some(frame) = client.frame_within(patience).await else {
        return false;
    };
    let mut reader = Reader::new(frame);
    let correlation_id = decode_response_header(&mut reader, api, version).unwrap();
    assert_eq!(correlation_id, 1, "{api:?} {version} seed {seed}");
    let rest = reader.rest().unwrap();
    let response = AnyResponse::from_bytes(api, version, rest);
    response.unwrap_or_else(|error| panic!("{api:?} {version} seed {seed}: {error}"));
    true
}

/// What precedes the body of a request of any API.
fn header(api: ApiKey, version: i16) -> Vec<u8> {
    let mut header = request_frame(&ApiVersionsRequest::default(), 0, 1, None)
        .unwrap()
        .concat();
    header[..2].copy_from_slice(&api.key().to_be_bytes());
    header[2..4].copy_from_slice(&version.to_be_bytes());
    if api.is_flexible(version) {
        header.push(0);
    }
    header
}

#[tokio::test]
async fn random_requests_are_answered_in_their_own_version_or_end_their_connection() {
    let world = World::configured(|config| config.topics.partitions_max = 100).await;
    let mut bystander = world.tcp().await;
    let served = bystander.ask(&ApiVersionsRequest::default(), 0).await;
    let versions = served.api_keys.iter().flat_map(|api| {
        let key = ApiKey::try_from(api.api_key).unwrap();
        let first = api.min_version.max(*key.versions().start());
        (first..=api.max_version).map(move |version| (key, version))
    });
    let versions = versions.collect::<Vec<_>>();
    let mut client = world.in_process();
    for seed in 0..4 {
        for (key, version) in &versions {
            if !send_sample(&mut client, *key, *version, seed).await {
                client = world.in_process();
            }
        }
    }
    bystander.ask(&ApiVersionsRequest::default(), 0).await;
}
