//! Batches whose header does not tell the truth about their records: refused, with nothing stored.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluice_protocol::ErrorCode;
use sluice_protocol::messages::api_versions::ApiVersionsRequest;
use sluice_protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest,
};
use sluice_protocol::record_batch::{
    Attributes, BatchHeader, Compression, HEADER_BYTES, RawBatch, batches,
};
use sluice_protocol::wire::Writer;

use crate::admin::create;
use crate::client::{Client, World};
use crate::records::{batch, fetch, only_partition, produce};

/// 2025-01-01.
const THEN: i64 = 1_735_689_600_000;
const FAR_FUTURE: i64 = THEN * 3;

/// A record with neither key nor headers, and the value `v`.
fn record(offset_delta: u8) -> Vec<u8> {
    vec![14, 0, 0, offset_delta * 2, 1, 2, b'v', 0]
}

/// A record with a value of so many zeros.
fn record_of(zeros: usize) -> Vec<u8> {
    let mut body = Writer::new();
    body.raw(&[0, 0, 0, 1]);
    body.varint(zeros.try_into().unwrap());
    body.raw(&vec![0; zeros]);
    body.raw(&[0]);
    framed(&body.finish_contiguous().unwrap())
}

/// A record without key and value, with so many headers without key and value.
pub(crate) fn record_of_headers(count: usize) -> Vec<u8> {
    let mut body = Writer::new();
    body.raw(&[0, 0, 0, 1, 1]);
    body.varint(count.try_into().unwrap());
    body.raw(&[0, 1].repeat(count));
    framed(&body.finish_contiguous().unwrap())
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut framed = Writer::new();
    framed.varint(body.len().try_into().unwrap());
    framed.raw(body);
    framed.finish_contiguous().unwrap().to_vec()
}

/// What a batch says of itself.
#[derive(Clone, Copy)]
struct Claim {
    codec: Compression,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

const PLAIN: Claim = Claim {
    codec: Compression::None,
    count: 1,
    base_timestamp: THEN,
    max_timestamp: THEN,
};

/// A batch that claims something of content that is what it is.
fn claimed(claim: Claim, content: &[u8]) -> Bytes {
    let length = HEADER_BYTES - 12 + content.len();
    let mut header = BatchHeader {
        base_offset: 0,
        batch_length: length.try_into().unwrap(),
        leader_epoch: -1,
        magic: 2,
        crc: 0,
        attributes: Attributes::default().with_compression(claim.codec),
        last_offset_delta: claim.count - 1,
        base_timestamp: claim.base_timestamp,
        max_timestamp: claim.max_timestamp,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count: claim.count,
    };
    let with_header =
        |header: &BatchHeader| Bytes::from([header.to_bytes().as_slice(), content].concat());
    let raw = RawBatch::take(&mut with_header(&header)).unwrap().unwrap();
    header.crc = raw.computed_crc();
    with_header(&header)
}

fn compressed(claim: Claim, content: &[u8]) -> Bytes {
    let mut output = Vec::new();
    claim.codec.compress(content, &mut output).unwrap();
    claimed(claim, &output)
}

/// A batch that tells the truth about its one record.
pub(crate) fn batch_of_one(codec: Compression, record: &[u8]) -> Bytes {
    compressed(Claim { codec, ..PLAIN }, record)
}

/// Batches that lie, by what they lie about.
fn lies() -> Vec<(String, Bytes, ErrorCode)> {
    let mut lies = Vec::new();
    for codec in Compression::ALL.iter().copied() {
        let claim = Claim { codec, ..PLAIN };
        let mut lie =
            |what: &str, bytes, code| lies.push((format!("{codec}: {what}"), bytes, code));
        let invalid = ErrorCode::InvalidRecord;
        for count in [2, 1000, i32::MAX] {
            let claim = Claim { count, ..claim };
            let content = record(0);
            lie(
                "more records than there are",
                compressed(claim, &content),
                invalid,
            );
        }
        let two = [record(0), record(1)].concat();
        lie(
            "fewer records than there are",
            compressed(claim, &two),
            invalid,
        );
        lie("no content", claimed(claim, &[]), invalid);
        lie("garbage", claimed(claim, &[0xff; 30]), invalid);
        lie("garbage inside", compressed(claim, &[0xff; 30]), invalid);
        let twice = Claim { count: 2, ..claim };
        let same = [record(0), record(0)].concat();
        lie(
            "one offset for two records",
            compressed(twice, &same),
            invalid,
        );
        for (base_timestamp, max_timestamp) in [
            (FAR_FUTURE, FAR_FUTURE),
            (FAR_FUTURE, 0),
            (FAR_FUTURE, -1),
            (i64::MIN, i64::MIN),
        ] {
            let claim = Claim {
                base_timestamp,
                max_timestamp,
                ..claim
            };
            let bytes = compressed(claim, &record(0));
            lie("a time that cannot be", bytes, ErrorCode::InvalidTimestamp);
        }
    }
    lies
}

async fn ask(client: &mut Client, topic: &str, records: Bytes) -> PartitionProduceResponse {
    let mut response = client.ask(&produce(topic, 0, records, -1), 9).await;
    response.responses.remove(0).partition_responses.remove(0)
}

#[tokio::test]
async fn a_batch_that_lies_about_its_records_is_refused_and_takes_no_offset() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    for (what, bytes, code) in lies() {
        let answer = ask(&mut client, "t", bytes).await;
        assert_eq!(
            answer.error_code, code,
            "{what}: {:?}",
            answer.error_message
        );
    }
    let answer = ask(&mut client, "t", batch(&["a"])).await;
    assert_eq!(
        (answer.error_code, answer.base_offset),
        (ErrorCode::None, 0)
    );
}

/// On the runtime of the binary, where large ones are checked on another thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_grows_beyond_all_bounds_is_too_large() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    for codec in [Compression::Gzip, Compression::Zstd] {
        let claim = Claim { codec, ..PLAIN };
        let bomb = compressed(claim, &record_of(70 << 20));
        assert!(bomb.len() < 1 << 20);
        let answer = ask(&mut client, "t", bomb).await;
        assert_eq!(answer.error_code, ErrorCode::MessageTooLarge, "{codec}");
    }
    let answer = ask(&mut client, "t", batch(&["a"])).await;
    assert_eq!(
        (answer.error_code, answer.base_offset),
        (ErrorCode::None, 0)
    );
}

/// On one thread, which serves all connections. Mutations: `append_light` without its limit; `Glance::at` that
/// never lets go.
#[tokio::test]
async fn small_batches_with_much_in_them_hold_up_no_other_connection() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 40), 7).await;
    for (batches, headers) in [(1, 4 << 20), (40, 100 << 10)] {
        let bomb = batch_of_one(Compression::Zstd, &record_of_headers(headers));
        assert!(bomb.len() < 16 << 10);
        let mut request = produce("t", 0, bomb.clone(), -1);
        let data = (0..batches).map(|index| PartitionProduceData {
            index,
            records: Some(bomb.clone()),
        });
        request.topic_data[0].partition_data = data.collect();
        let began = Instant::now();
        client.send(&request, 9).await;
        let mut other = world.tcp().await;
        let mut longest = Duration::ZERO;
        let versions = ApiVersionsRequest::default();
        let answered = client.answer::<ProduceRequest>(9);
        let mut answered = pin!(answered);
        let response = loop {
            let asked = Instant::now();
            let ask = other.ask(&versions, 3);
            tokio::select! {
                (_, response) = &mut answered => break response,
                _ = ask => longest = longest.max(asked.elapsed()),
            }
        };
        assert!(longest * 3 < began.elapsed(), "{batches}: {longest:?}");
        let partitions = &response.responses[0].partition_responses;
        assert!(partitions.iter().all(|it| it.error_code == ErrorCode::None));
    }
}

#[tokio::test]
async fn the_largest_timestamp_is_that_of_the_records_whatever_the_header_says() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    for (offset, max_timestamp) in (0..).zip([FAR_FUTURE, 0, -1, i64::MIN, THEN]) {
        let claim = Claim {
            max_timestamp,
            ..PLAIN
        };
        let answer = ask(&mut client, "t", claimed(claim, &record(0))).await;
        assert_eq!(answer.error_code, ErrorCode::None, "{max_timestamp}");
        let fetched = only_partition(client.ask(&fetch("t", 0, offset), 12).await);
        let stored = batches(fetched.records.unwrap().into_bytes())
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(stored.header().max_timestamp, THEN, "{max_timestamp}");
        assert!(stored.has_valid_crc());
    }
}
