//! Our record batches against Apache Kafka's own classes, in both directions.
//!
//! Random records go through `tests/apache-kafka/oracle/BatchOracle.java`: what we write, its classes
//! read identically, stamped by the broker or not; what they write, we read identically. The seed is
//! in every failure; set `SLUICE_ORACLE_SEED` to draw the same records again.

use std::fmt::Write as _;
use std::fs::File;
use std::process::Stdio;

use bytes::Bytes;
use sluice_protocol::record::{Header, Record};
use sluice_protocol::record_batch::{
    BatchBuilder, BatchHeader, BatchProducer, Compression, NewRecord, Origin, Stamp, StampedBatch,
    ValidatedBatch,
};
use sluice_protocol::sample::{Sample, Sampler};
use sluice_protocol::wire::Version;

use crate::oracle::{java, seed};

/// Batches drawn for each codec.
const DRAWS: usize = 40;
/// No test makes a batch larger than this when decompressed.
const LIMIT: usize = 16 << 20;
const CLIENT: Origin = Origin::Client { produce_version: 9 };

#[test]
fn apache_kafka_reads_the_batches_we_write() {
    let seed = seed();
    let mut sampler = Sampler::new(seed);
    let batches: Vec<_> = draws()
        .map(|(codec, size)| stamp(&build(codec, size, &mut sampler), &mut sampler))
        .collect();
    let questions: Vec<_> = batches
        .iter()
        .map(|bytes| format!("read {}", hex(bytes)))
        .collect();
    for (bytes, answer) in batches.iter().zip(ask(&questions)) {
        assert_same(&answer, &describe(bytes), seed);
    }
}

#[test]
fn we_read_the_batches_apache_kafka_writes() {
    let seed = seed();
    let mut sampler = Sampler::new(seed);
    let descriptions: Vec<_> = draws()
        .map(|(codec, size)| {
            let batch = build(Compression::None, size, &mut sampler);
            let plain = describe(batch.bytes());
            format!("{codec}{}", plain.strip_prefix("none").unwrap())
        })
        .collect();
    let questions: Vec<_> = descriptions
        .iter()
        .map(|description| format!("write {description}"))
        .collect();
    for (description, answer) in descriptions.iter().zip(ask(&questions)) {
        assert_same(&describe(&unhex(&answer)), description, seed);
    }
}

/// Codecs, each with the size of the first value: small ones, and ones around blocks and windows.
fn draws() -> impl Iterator<Item = (Compression, usize)> {
    let sizes = [32 << 10, 64 << 10, (64 << 10) + 1, 1 << 20, 3 << 20];
    let sizes = [0; DRAWS].into_iter().chain(sizes);
    sizes.flat_map(|size| Compression::ALL.iter().map(move |codec| (*codec, size)))
}

fn build(codec: Compression, size: usize, sampler: &mut Sampler) -> ValidatedBatch {
    let mut builder = BatchBuilder::new(codec);
    if sampler.one_in(2) {
        builder = builder.with_producer(BatchProducer {
            id: draw::<i64>(sampler).unsigned_abs().try_into().unwrap_or(7),
            epoch: 3,
            base_sequence: 2_000_000_000,
        });
    }
    let first = NewRecord {
        value: Some(large_value(size, sampler)),
        ..NewRecord::default()
    };
    builder.append(&first).unwrap();
    for _ in 0..sampler.below(80) {
        builder.append(&record(sampler)).unwrap();
    }
    builder.build().unwrap().unwrap()
}

/// Bytes that compress to about half.
fn large_value(size: usize, sampler: &mut Sampler) -> Bytes {
    let mut value = Vec::new();
    while value.len() < size {
        value.extend_from_slice(&sampler.bytes::<16>());
        value.extend_from_slice(&[b'.'; 16]);
    }
    value.truncate(size);
    value.into()
}

fn record(sampler: &mut Sampler) -> NewRecord {
    let timestamp = if sampler.one_in(5) {
        -1
    } else {
        draw::<i64>(sampler) & i64::MAX
    };
    let headers = (0..sampler.below(4)).map(|_| Header {
        key: draw::<String>(sampler).into(),
        value: draw(sampler),
    });
    let headers = headers.collect();
    NewRecord {
        timestamp,
        key: draw(sampler),
        value: draw(sampler),
        headers,
    }
}

fn draw<T: Sample>(sampler: &mut Sampler) -> T {
    T::sample(sampler, Version::new(0, 1))
}

fn stamp(batch: &ValidatedBatch, sampler: &mut Sampler) -> Bytes {
    let stamp = Stamp {
        base_offset: draw::<i64>(sampler) & (i64::MAX >> 1),
        leader_epoch: draw(sampler),
        append_time: sampler.one_in(3).then_some(1_700_000_000_000),
    };
    let mut bytes = Vec::new();
    StampedBatch::new(batch, stamp).write_to(&mut bytes);
    bytes.into()
}

/// What the oracle would say of a batch.
fn describe(bytes: &Bytes) -> String {
    let batch = ValidatedBatch::parse(bytes.clone(), CLIENT).unwrap();
    let BatchHeader {
        base_offset,
        producer_id,
        producer_epoch,
        base_sequence,
        attributes,
        ..
    } = batch.header();
    let codec = attributes.compression().unwrap();
    let mut text = format!("{codec} {base_offset} {producer_id} {producer_epoch} {base_sequence}");
    for record in batch.records(LIMIT).unwrap() {
        describe_record(&record.unwrap(), &mut text);
    }
    text
}

fn describe_record(record: &Record, text: &mut String) {
    let Record {
        offset,
        timestamp,
        key,
        value,
        headers,
    } = record;
    let (key, value) = (field(key.as_ref()), field(value.as_ref()));
    write!(text, "|{offset} {timestamp} {key} {value} ").unwrap();
    for Header { key, value } in headers {
        write!(text, "{}={},", field(Some(&key)), field(value.as_ref())).unwrap();
    }
    if headers.is_empty() {
        text.push('-');
    }
}

fn field(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| format!("x{}", hex(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Bytes {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| {
        let pair = std::str::from_utf8(pair).unwrap();
        u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("the oracle says: {text}"))
    };
    digits.map(byte).collect()
}

fn assert_same(theirs: &str, ours: &str, seed: u64) {
    let differs = theirs.split('|').zip(ours.split('|')).find(|(a, b)| a != b);
    assert!(
        theirs == ours,
        "drawn with SLUICE_ORACLE_SEED={seed}, the first difference is {differs:.200?}",
    );
}

/// Asks Apache Kafka's classes, and gives their answers in the order of the questions.
fn ask(questions: &[String]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("questions");
    std::fs::write(&asked, questions.join("\n")).unwrap();
    let java = java("BatchOracle.java")
        .stdin(File::open(&asked).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .expect("java (a JDK of version 17 or later) must be on the path");
    assert!(java.status.success(), "the oracle failed");
    let answers = String::from_utf8(java.stdout).unwrap();
    let answers: Vec<_> = answers.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len());
    answers
}
