//! What is stored in internal topics and exchanged by consumers.
//!
//! The first byte of the input draws the schema; the rest is its version and value.

use bytes::Bytes;
use sluice_protocol::records::Schema;
use sluice_protocol::records::consumer::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};
use sluice_protocol::records::group::{
    GroupMetadataKey, GroupMetadataValue, GroupRecordKey, OffsetCommitKey, OffsetCommitValue,
};
use sluice_protocol::sample::{Sample, Sampler};
use sluice_protocol::wire::Version;

/// Decodes a value, and what that encodes to.
pub(crate) fn schemas(input: &[u8]) {
    let [drawn, value @ ..] = input else { return };
    let value = Bytes::copy_from_slice(value);
    match drawn % 5 {
        0 => survives_a_round_trip::<OffsetCommitValue>(value),
        1 => survives_a_round_trip::<GroupMetadataValue>(value),
        2 => survives_a_round_trip::<ConsumerProtocolSubscription>(value),
        3 => survives_a_round_trip::<ConsumerProtocolAssignment>(value),
        _ => key_survives_a_round_trip(value),
    }
}

/// Every schema in every version.
pub(crate) fn samples() -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    collect::<OffsetCommitValue>(0, &mut samples);
    collect::<GroupMetadataValue>(1, &mut samples);
    collect::<ConsumerProtocolSubscription>(2, &mut samples);
    collect::<ConsumerProtocolAssignment>(3, &mut samples);
    let mut sampler = Sampler::new(1);
    let version = Version::new(0, i16::MAX);
    let keys = [
        GroupRecordKey::Offset(OffsetCommitKey::sample(&mut sampler, version)),
        GroupRecordKey::Group(GroupMetadataKey::sample(&mut sampler, version)),
    ];
    let keys = keys.iter().filter_map(|key| key.to_bytes().ok());
    samples.extend(keys.map(|bytes| [&[4], bytes.as_ref()].concat()));
    samples
}

fn collect<S: Schema + Sample>(drawn: u8, samples: &mut Vec<Vec<u8>>) {
    let mut sampler = Sampler::new(1);
    for version in S::VERSIONS {
        let value = S::sample(&mut sampler, Version::new(version, S::FIRST_FLEXIBLE));
        if let Ok(bytes) = value.to_bytes(version) {
            samples.push([&[drawn], bytes.as_ref()].concat());
        }
    }
}

/// Some fields exist in older versions only, so the value is encoded in the version it came in.
fn survives_a_round_trip<S: Schema + PartialEq + std::fmt::Debug>(bytes: Bytes) {
    let Some(named) = bytes.first_chunk().copied() else {
        return;
    };
    let version = i16::from_be_bytes(named).min(*S::VERSIONS.end());
    let Ok(value) = S::from_bytes(bytes) else {
        return;
    };
    match value.to_bytes(version) {
        Ok(bytes) => assert_eq!(S::from_bytes(bytes), Ok(value), "{}", S::NAME),
        Err(error) => panic!("{} decodes and does not encode: {error}", S::NAME),
    }
}

fn key_survives_a_round_trip(bytes: Bytes) {
    let Ok(key) = GroupRecordKey::from_bytes(bytes) else {
        return;
    };
    match key.to_bytes() {
        Ok(bytes) => assert_eq!(GroupRecordKey::from_bytes(bytes), Ok(key)),
        Err(error) => panic!("{key:?} decodes and does not encode: {error}"),
    }
}
