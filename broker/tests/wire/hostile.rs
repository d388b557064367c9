//! What no honest client sends: each ends its own connection, and nothing else.

use std::time::Duration;

use sluice_protocol::ApiKey;
use sluice_protocol::messages::metadata::MetadataRequest;

use crate::client::{Client, World, until};

/// The header of a request without a client id, in the old form.
fn header(api: i16, version: i16) -> Vec<u8> {
    let correlation_id = 7_i32;
    let no_client_id = [0xff, 0xff];
    [
        &api.to_be_bytes()[..],
        &version.to_be_bytes(),
        &correlation_id.to_be_bytes(),
        &no_client_id,
    ]
    .concat()
}

/// The same, in the flexible form.
fn flexible_header(api: i16, version: i16) -> Vec<u8> {
    [header(api, version), vec![0]].concat()
}

const METADATA: i16 = 3;

/// Frames that are no requests, by what is wrong with them.
fn hostile_frames() -> Vec<(&'static str, Vec<u8>)> {
    let array_of_all_memory = [0xff, 0xff, 0xff, 0xff, 0x07];
    vec![
        ("half a header", vec![0, 3, 0]),
        (
            "a client id longer than the frame",
            vec![0, 3, 0, 1, 0, 0, 0, 7, 0x7f, 0xff],
        ),
        (
            "a client id that is not UTF-8",
            [&[0, 3, 0, 1, 0, 0, 0, 7, 0, 1][..], &[0xff]].concat(),
        ),
        (
            "13 bytes that announce 2^31 topics",
            [flexible_header(METADATA, 9), array_of_all_memory.to_vec()].concat(),
        ),
        (
            "an array of 2^31 topics in the old form",
            [header(METADATA, 1), vec![0x7f, 0xff, 0xff, 0xff]].concat(),
        ),
        (
            "a negative array",
            [header(METADATA, 1), vec![0xff, 0xff, 0xff, 0xfe]].concat(),
        ),
        ("a missing body", flexible_header(METADATA, 9)),
        (
            "a body too long",
            [header(METADATA, 0), vec![0, 0, 0, 0, 1, 2, 3]].concat(),
        ),
        (
            "tagged fields out of order",
            [flexible_header(METADATA, 9), vec![1, 0, 0, 2, 5, 0, 5, 0]].concat(),
        ),
        ("an unknown api", header(999, 0)),
        ("a negative api", header(-1, 0)),
        (
            "an api of the codec that is not served",
            header(ApiKey::SaslHandshake.key(), 1),
        ),
        ("an api between brokers", header(4, 1)),
        ("a version from the future", flexible_header(METADATA, 99)),
        ("a negative version", header(METADATA, -1)),
        ("a produce of Kafka 0.8", header(ApiKey::Produce.key(), 0)),
        ("a produce of Kafka 0.10", header(ApiKey::Produce.key(), 2)),
        ("a fetch of Kafka 0.10", header(ApiKey::Fetch.key(), 3)),
        (
            "garbage",
            (0..200_u8).map(|byte| byte.wrapping_mul(31)).collect(),
        ),
    ]
}

async fn assert_serves(client: &mut Client, after: &str) {
    let metadata = client.ask(&MetadataRequest::default(), 4).await;
    assert_eq!(metadata.brokers.len(), 1, "after {after}");
}

#[tokio::test]
async fn a_hostile_frame_ends_its_connection_and_no_other() {
    let world = World::start().await;
    let mut bystanders = world.clients().await;
    for (what, frame) in hostile_frames() {
        for (link, mut client) in world.clients().await {
            client.send_frame(frame.clone()).await;
            assert_eq!(client.frame().await, None, "{what} over {link}");
        }
        for (_, bystander) in &mut bystanders {
            assert_serves(bystander, what).await;
        }
    }
    until("connections are given back", async || {
        world.metric("sluice_broker_connections") == 2.0
    })
    .await;
}

#[tokio::test]
async fn hostile_lengths_end_the_connection_and_no_other() {
    let world = World::start().await;
    let mut bystander = world.tcp().await;
    let lengths = [
        ("no length", 0_i32.to_be_bytes()),
        ("a negative length", (-1_i32).to_be_bytes()),
        ("the most negative length", i32::MIN.to_be_bytes()),
        ("a length of 2 GiB", i32::MAX.to_be_bytes()),
        (
            "a length just above the limit",
            (100 * 1024 * 1024 + 1_i32).to_be_bytes(),
        ),
        ("the beginning of an HTTP request", *b"GET "),
        ("the beginning of a TLS handshake", [0x16, 3, 1, 2]),
    ];
    for (what, bytes) in lengths {
        let mut client = world.tcp().await;
        client.send_bytes(&bytes).await;
        assert_eq!(client.frame().await, None, "{what}");
        assert_serves(&mut bystander, what).await;
    }
}

#[tokio::test]
async fn half_a_frame_and_silence_ends_the_connection() {
    let world = World::configured(|config| {
        config.network.stall_timeout = Duration::from_millis(50);
    })
    .await;
    let mut bystander = world.tcp().await;
    for bytes in [&[0][..], &[0, 0, 0, 9], &[0, 0, 0, 9, 0, 3]] {
        let mut client = world.tcp().await;
        client.send_bytes(bytes).await;
        assert_eq!(client.frame().await, None, "{bytes:?}");
        assert_serves(&mut bystander, "half a frame").await;
    }
}

#[tokio::test]
async fn a_frame_in_single_bytes_is_a_frame() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let frame = [header(METADATA, 1), vec![0, 0, 0, 0]].concat();
    let length = i32::try_from(frame.len()).unwrap().to_be_bytes();
    for byte in length.iter().chain(&frame) {
        client.send_bytes(&[*byte]).await;
    }
    let (correlation_id, response) = client.answer::<MetadataRequest>(1).await;
    assert_eq!((correlation_id, response.topics.len()), (7, 0));
}
