//! Our codec against Apache Kafka's: what we encode, its classes decode and encode to the same bytes.
//!
//! Random values of every message and stored record, in every version, go through
//! `tests/apache-kafka/oracle/Oracle.java` in one stream. The seed is in every failure; set
//! `SLUICE_ORACLE_SEED` to draw the same values again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::{Buf, BufMut, Bytes};
use sluice_e2e::console::jars;
use sluice_protocol::messages::{AnyRequest, AnyResponse};
use sluice_protocol::records::Schema;
use sluice_protocol::records::consumer::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};
use sluice_protocol::records::group::{
    GroupMetadataKey, GroupMetadataValue, GroupRecordKey, OffsetCommitKey, OffsetCommitValue,
};
use sluice_protocol::sample::{Sample, Sampler};
use sluice_protocol::wire::{Reader, Version};
use sluice_protocol::{ApiKey, ErrorCode, header};

/// Values drawn for each message and version.
const DRAWS: usize = 25;

/// Bytes for Apache Kafka's classes.
struct Question {
    subject: String,
    version: i16,
    bytes: Bytes,
}

impl Question {
    fn new(subject: impl Into<String>, version: i16, bytes: Bytes) -> Self {
        Self {
            subject: subject.into(),
            version,
            bytes,
        }
    }
}

/// Runs a program of `tests/apache-kafka/oracle` on the jars of Apache Kafka.
pub(crate) fn java(program: &str) -> Command {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let libs = jars();
    assert!(
        libs.is_dir(),
        "no jars of Apache Kafka in {}: run tests/run once, or set SLUICE_KAFKA_LIBS",
        libs.display()
    );
    let mut java = Command::new("java");
    java.arg("-cp")
        .arg(libs.join("*"))
        .arg(tests.join("apache-kafka/oracle").join(program));
    java
}

/// Asks Apache Kafka's classes, and gives their answers in the order of the questions.
fn ask(questions: &[Question]) -> Vec<Result<Bytes, String>> {
    let mut java = java("Oracle.java")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("java (a JDK of version 17 or later) must be on the path");

    let mut asked = Vec::new();
    for question in questions {
        asked.put_u16(u16::try_from(question.subject.len()).unwrap());
        asked.put_slice(question.subject.as_bytes());
        asked.put_i16(question.version);
        asked.put_u32(u32::try_from(question.bytes.len()).unwrap());
        asked.put_slice(&question.bytes);
    }
    let mut stdin = java.stdin.take().unwrap();
    let asking = std::thread::spawn(move || stdin.write_all(&asked));
    let mut answered = Vec::new();
    java.stdout
        .take()
        .unwrap()
        .read_to_end(&mut answered)
        .unwrap();
    asking.join().unwrap().unwrap();
    assert!(java.wait().unwrap().success(), "the oracle failed");

    let mut answered = Bytes::from(answered);
    let answers: Vec<_> = questions.iter().map(|_| answer(&mut answered)).collect();
    assert!(answered.is_empty());
    answers
}

fn answer(answered: &mut Bytes) -> Result<Bytes, String> {
    let failed = answered.get_u8() != 0;
    let length = usize::try_from(answered.get_u32()).unwrap();
    let bytes = answered.split_to(length);
    if failed {
        return Err(String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(bytes)
}

/// Asks for a table, and gives its lines in columns.
fn table(subject: &str) -> Vec<Vec<String>> {
    let answers = ask(&[Question::new(subject, 0, Bytes::new())]);
    let text = String::from_utf8(answers[0].as_ref().unwrap().to_vec()).unwrap();
    let columns = |line: &str| line.split(' ').map(str::to_owned).collect();
    text.lines().map(columns).collect()
}

/// What the values are drawn with.
pub(crate) fn seed() -> u64 {
    match std::env::var("SLUICE_ORACLE_SEED") {
        Ok(seed) => seed.parse().expect("SLUICE_ORACLE_SEED is a number"),
        Err(_) => RandomState::new().build_hasher().finish(),
    }
}

fn assert_same_bytes(questions: &[Question], seed: u64) {
    for (question, answer) in questions.iter().zip(ask(questions)) {
        assert_eq!(
            answer.as_ref(),
            Ok(&question.bytes),
            "{} in version {}, drawn with SLUICE_ORACLE_SEED={seed}",
            question.subject,
            question.version,
        );
    }
}

#[test]
fn apache_kafka_reads_and_writes_every_message_as_we_do() {
    let seed = seed();
    let mut sampler = Sampler::new(seed);
    let mut questions = Vec::new();
    for &api in ApiKey::ALL {
        let key = api.key();
        for version in api.versions().flat_map(|version| [version; DRAWS]) {
            let request = AnyRequest::sample(api, version, &mut sampler);
            let bytes = request.to_bytes(version).unwrap();
            questions.push(Question::new(format!("request/{key}"), version, bytes));
            let response = AnyResponse::sample(api, version, &mut sampler);
            let bytes = response.to_bytes(version).unwrap();
            questions.push(Question::new(format!("response/{key}"), version, bytes));
        }
    }
    assert_same_bytes(&questions, seed);
}

#[test]
fn apache_kafka_reads_and_writes_every_stored_record_as_we_do() {
    let seed = seed();
    let mut sampler = Sampler::new(seed);
    let mut questions = Vec::new();
    for _ in 0..DRAWS {
        let offset = OffsetCommitKey::sample(&mut sampler, Version::new(0, 1));
        let group = GroupMetadataKey::sample(&mut sampler, Version::new(0, 1));
        let (offset, group) = (GroupRecordKey::Offset(offset), GroupRecordKey::Group(group));
        questions.push(group_record(0, &offset, None));
        questions.push(group_record(0, &group, None));
        for (version, value) in values::<OffsetCommitValue>(&mut sampler) {
            questions.push(group_record(version, &offset, Some(value)));
        }
        for (version, value) in values::<GroupMetadataValue>(&mut sampler) {
            questions.push(group_record(version, &group, Some(value)));
        }
        for (version, value) in values::<ConsumerProtocolSubscription>(&mut sampler) {
            let subject = ConsumerProtocolSubscription::NAME;
            questions.push(Question::new(subject, version, value));
        }
        for (version, value) in values::<ConsumerProtocolAssignment>(&mut sampler) {
            let subject = ConsumerProtocolAssignment::NAME;
            questions.push(Question::new(subject, version, value));
        }
    }
    assert_same_bytes(&questions, seed);
}

/// A value of each version, behind its version.
fn values<S: Schema + Sample>(sampler: &mut Sampler) -> Vec<(i16, Bytes)> {
    let draw = |version| {
        let value = S::sample(sampler, Version::new(version, S::FIRST_FLEXIBLE));
        (version, value.to_bytes(version).unwrap())
    };
    S::VERSIONS.map(draw).collect()
}

/// A record of the offsets topic; without a value, a tombstone.
fn group_record(version: i16, key: &GroupRecordKey, value: Option<Bytes>) -> Question {
    let mut record = Vec::new();
    for part in [Some(key.to_bytes().unwrap()), value] {
        record.put_i32(
            part.as_ref()
                .map_or(-1, |part| part.len().try_into().unwrap()),
        );
        record.put_slice(&part.unwrap_or_default());
    }
    Question::new("group-record", version, record.into())
}

#[test]
fn versions_and_headers_are_those_of_apache_kafka() {
    let mut ours = Vec::new();
    for &api in ApiKey::ALL {
        for version in api.versions() {
            let request_header = if api.is_flexible(version) { 2 } else { 1 };
            // What the header leaves of a correlation id and a zero: the zero, unless it takes tags.
            let mut response = Reader::new(Bytes::from_static(&[0, 0, 0, 7, 0]));
            header::decode_response_header(&mut response, api, version).unwrap();
            let response_header = 1 - response.remaining();
            let columns = format!("{} {version} {request_header} {response_header}", api.key());
            ours.push(columns);
        }
    }
    let known =
        |columns: &Vec<String>| ApiKey::try_from(columns[0].parse::<i16>().unwrap()).is_ok();
    let theirs: Vec<_> = table("apis")
        .into_iter()
        .filter(known)
        .map(|columns| columns.join(" "))
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn error_codes_are_those_of_apache_kafka() {
    let mut ours: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|error| (error.code(), format!("{error:?}"), error.is_retriable()))
        .collect();
    ours.sort_unstable();
    let mut theirs: Vec<_> = table("errors")
        .iter()
        .map(|columns| {
            let words = columns[1].split('_').map(|word| word.split_at(1));
            let name = words.map(|(first, rest)| first.to_owned() + &rest.to_lowercase());
            (
                columns[0].parse().unwrap(),
                name.collect::<String>(),
                columns[2] == "true",
            )
        })
        .collect();
    theirs.sort_unstable();
    assert_eq!(ours, theirs);
}
