//! What the primitives promise about borders and hostile bytes.

use bytes::Bytes;

use super::writer::CHUNK_BYTES_MIN;
use super::*;
use crate::error::EncodeError;

const OLD: Version = Version::new(0, 1);
const FLEXIBLE: Version = Version::new(1, 1);

#[test]
fn a_frame_in_chunks_reads_as_the_same_frame_in_one_piece() {
    let large = Bytes::from(vec![7; CHUNK_BYTES_MIN]);
    let values = vec![large.clone(), Bytes::from_static(b"small"), large];
    let mut writer = Writer::new();
    values.encode(&mut writer, FLEXIBLE);
    let chunks = writer.finish().unwrap();
    assert_eq!(chunks.len(), 4);

    let whole = Bytes::from(chunks.concat());
    let split = whole
        .iter()
        .map(|byte| Bytes::copy_from_slice(&[*byte]))
        .collect();
    for mut reader in [
        Reader::from_chunks(chunks),
        Reader::new(whole),
        Reader::from_chunks(split),
    ] {
        assert_eq!(Vec::<Bytes>::decode(&mut reader, FLEXIBLE).unwrap(), values);
        reader.finish().unwrap();
    }
}

#[test]
fn an_array_longer_than_its_frame_is_refused_before_anything_is_allocated() {
    let mut writer = Writer::new();
    writer.i32(i32::MAX);
    let mut reader = Reader::new(writer.finish_contiguous().unwrap());
    let error = Vec::<i64>::decode(&mut reader, OLD).unwrap_err();
    assert!(
        matches!(error, DecodeError::UnexpectedEnd { remaining: 0, .. }),
        "{error}"
    );
}

#[test]
fn a_string_too_long_for_its_version_fails_the_frame_instead_of_corrupting_it() {
    let text = "x".repeat(40_000);
    let mut writer = Writer::new();
    text.encode(&mut writer, OLD);
    assert_eq!(writer.finish(), Err(EncodeError { length: 40_000 }));
    let mut writer = Writer::new();
    text.encode(&mut writer, FLEXIBLE);
    assert!(writer.finish().is_ok());
}

#[test]
fn varints_keep_their_value_at_every_border() {
    for value in [0, 1, -1, 63, 64, -64, -65, i32::MAX, i32::MIN] {
        let mut writer = Writer::new();
        writer.varint(value);
        writer.varlong(i64::from(value) << 31);
        let mut reader = Reader::new(writer.finish_contiguous().unwrap());
        assert_eq!(reader.varint(), Ok(value));
        assert_eq!(reader.varlong(), Ok(i64::from(value) << 31));
    }
    let mut reader = Reader::new(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x7f]));
    assert_eq!(reader.unsigned_varint(), Err(DecodeError::InvalidVarint));
}

#[test]
fn a_value_that_spans_chunks_leaves_the_rest_of_its_last_chunk_uncopied() {
    let last = Bytes::from_static(&[3, 4, 5, 6, 7]);
    let chunks = vec![Bytes::from_static(&[1, 2]), Bytes::new(), last.clone()];
    let mut reader = Reader::from_chunks(chunks);
    assert_eq!(reader.i32(), Ok(0x0102_0304));
    assert_eq!(reader.remaining(), 3);
    let rest = reader.rest().unwrap();
    assert_eq!(rest.as_ptr(), last[2..].as_ptr());
}

#[test]
fn a_frame_of_cheap_elements_runs_out_of_its_budget() {
    let names = vec![String::new(); 1024 * 1024];
    let mut writer = Writer::new();
    names.encode(&mut writer, FLEXIBLE);
    let mut reader = Reader::new(writer.finish_contiguous().unwrap());
    let error = Vec::<String>::decode(&mut reader, FLEXIBLE).unwrap_err();
    assert!(matches!(error, DecodeError::OverBudget { .. }), "{error}");

    let names = vec!["t".to_owned(); 1024 * 1024];
    let mut writer = Writer::new();
    names.encode(&mut writer, FLEXIBLE);
    let mut reader = Reader::new(writer.finish_contiguous().unwrap());
    assert_eq!(Vec::decode(&mut reader, FLEXIBLE), Ok(names));
}
