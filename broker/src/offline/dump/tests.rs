use bytes::Bytes;
use sluice_protocol::record_batch::{BatchBuilder, Compression, NewRecord, Stamp, StampedBatch};

use super::*;
use crate::log::index::{OffsetEntry, TimeEntry, encode_entries};

fn segment(codecs: &[Compression]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (codec, base_offset) in codecs.iter().zip((0..).step_by(3)) {
        let mut batch = BatchBuilder::new(*codec);
        for number in 0..3 {
            let record = NewRecord {
                timestamp: 1000 + base_offset,
                key: Some(Bytes::from(format!("key {number}"))),
                value: (number != 1).then(|| Bytes::from(format!("by {codec}"))),
                ..NewRecord::default()
            };
            batch.append(&record).unwrap();
        }
        let stamp = Stamp {
            base_offset,
            leader_epoch: 4,
            append_time: None,
        };
        let batch = StampedBatch::new(&batch.build().unwrap().unwrap(), stamp);
        bytes.extend_from_slice(batch.header_bytes());
        bytes.extend_from_slice(batch.record_bytes());
    }
    bytes
}

/// The first page of an extent, by the page that tells of it.
fn first_page() -> Vec<u8> {
    let mut page = b"sluicecl".to_vec();
    page.extend([0, 0, 0, 3, 0, 0, 0, 2]);
    page.extend(7_u64.to_be_bytes());
    page.extend(9_u64.to_be_bytes());
    page.extend([0x01, 0x02, 0x03, 0x04, 0xca, 0xfe, 0xba, 0xbe]);
    page.extend(8192_u64.to_be_bytes());
    page.extend(crc32c::crc32c(&page).to_be_bytes());
    page.resize(8192, 0);
    page
}

/// A file of each kind, as they may lie in a directory.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let offsets = [10, 20].map(|number| OffsetEntry {
        relative_offset: number,
        position: number,
    });
    let times = [10, 20].map(|number| TimeEntry {
        timestamp: number.into(),
        relative_offset: number,
    });
    let mut states = crate::log::ProducerStates::default();
    let known = crate::log::KnownBatch {
        first_sequence: 0,
        last_sequence: 4,
        last_offset: 4,
        offset_delta: 4,
        timestamp: 1000,
    };
    states.insert(7, 1, known, 0);
    vec![
        ("00000000000000000000.log", segment(Compression::ALL)),
        ("00000000000000000000.index", encode_entries(&offsets)),
        ("00000000000000000000.timeindex", encode_entries(&times)),
        ("00000000000000000000.txnindex", vec![0; 68]),
        (
            "00000000000000000005.snapshot",
            crate::log::producer_snapshot::encode(&states),
        ),
        ("leader-epoch-checkpoint", b"0\n1\n4 0\n".to_vec()),
        ("damaged-ranges", b"0\n1\n7 9\n".to_vec()),
        (
            "recovery-points",
            b"version 2\ncommit-log 1 7\n1\nAAAAAAAAAAAAAAAAAAAAAA -1 5\n".to_vec(),
        ),
        ("partition.metadata", b"version: 0\n".to_vec()),
        ("00000000.extent", vec![0; 8192]),
        ("00000001.extent", first_page()),
    ]
}

fn dumped(path: &Path, records: bool, form: Form) -> (bool, String) {
    let mut out = Vec::new();
    let options = DumpOptions { records, form };
    let is_sound = dump(path, options, &mut out).unwrap();
    (is_sound, String::from_utf8(out).unwrap())
}

/// Mutation: `Dump::extent` without the secret.
#[test]
fn every_kind_of_file_is_decoded_to_the_last_byte() {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files() {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    let (is_sound, text) = dumped(directory.path(), true, Form::Text);
    assert!(is_sound, "{text}");
    for line in [
        "batch base_offset=0 last_offset=2 count=3 size=111 leader_epoch=4 codec=none clock=create \
         base_timestamp=1000 max_timestamp=1000 delete_horizon=-1 producer_id=-1 producer_epoch=-1 \
         base_sequence=-1 last_sequence=-1 transactional=false control=false",
        "record offset=13 timestamp=1012 key_size=5 key=\"key 1\" value_size=-1 value=null\n",
        "record offset=12 timestamp=1012 key_size=5 key=\"key 0\" value_size=7 value=\"by zstd\"\n",
        "offset offset=20 batch_position=20 position=8\n",
        "time timestamp=10 offset=10 position=0\n",
        "aborted producer_id=0 first_offset=0 last_offset=0 last_stable_offset=0 position=34\n",
        "producer producer_id=7 producer_epoch=1 last_sequence=4 last_offset=4 offset_delta=4 \
         timestamp=1000 coordinator_epoch=-1 transaction_start=-1\n",
        "epoch leader_epoch=4 start_offset=0\n",
        "range begin=7 end=9\n",
        "commit_log known=false\n",
        "recovery_point topic_id=AAAAAAAAAAAAAAAAAAAAAA partition=-1 offset=5\n",
        "text line=\"version: 0\"\n",
        "unused size=8192\n",
        "extent version=3 generation=2 number=7 sequence=9 previous_crc=01020304 secret=cafebabe size=8192\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    let (_, json) = dumped(directory.path(), true, Form::Json);
    assert_eq!(json.lines().count(), text.lines().count());
    for line in json.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

/// Fails where a length of a file is believed before the bytes are there, or a slice not checked.
#[test]
fn flipped_cut_and_random_files_are_told_and_never_end_the_dump() {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    let directory = tempfile::tempdir().unwrap();
    for round in 0..300 {
        for (name, mut bytes) in files() {
            for _ in 0..rng.usize(0..4) {
                let at = rng.usize(0..bytes.len());
                bytes[at] ^= 1 << rng.u8(0..8);
            }
            match rng.u8(0..10) {
                0 => bytes.truncate(rng.usize(0..bytes.len())),
                1 => bytes = (0..rng.usize(0..500)).map(|_| rng.u8(..)).collect(),
                _ => {}
            }
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        let mut out = Vec::new();
        let options = DumpOptions {
            records: true,
            form: Form::Text,
        };
        let outcome = dump(directory.path(), options, &mut out);
        assert!(outcome.is_ok(), "round {round} of seed {seed}: {outcome:?}");
        assert!(out.len() < 100_000, "round {round} of seed {seed}");
    }
}

#[test]
fn room_for_more_in_an_index_of_apache_kafka_is_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("00000000000000000000.timeindex");
    let entry = TimeEntry {
        timestamp: 5,
        relative_offset: 0,
    };
    let mut bytes = encode_entries(&[entry]);
    bytes.resize(1200, 0);
    fs::write(&path, bytes).unwrap();
    let (is_sound, text) = dumped(&path, false, Form::Text);
    assert!(
        is_sound && text.ends_with("room position=12 size=1188\n"),
        "{text}"
    );
}

/// Fails where an extent without a header counts as one that was never used.
#[test]
fn an_extent_whose_first_page_is_rotten_is_damaged_and_not_unused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("00000000.extent");
    let mut bytes = vec![0; 8192];
    bytes[4] = 1;
    bytes[516] = 1;
    fs::write(&path, bytes).unwrap();
    let (is_sound, text) = dumped(&path, false, Form::Text);
    assert!(
        !is_sound && text.contains("damage position=0 size=4096 "),
        "{text}"
    );
}
