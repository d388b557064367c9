//! What coordinators and consumers store or exchange in Kafka's schemas, apart from requests.
//!
//! * [`group`]: keys and values of the topic `__consumer_offsets`;
//! * [`consumer`]: what consumers put into the opaque fields of `JoinGroup` and `SyncGroup`.
//!
//! Each value is preceded by its version as a 16-bit number. Coordinators and clients may use these
//! types, unlike [`crate::messages`]: they outlive a connection.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::wire::{Reader, Version, Wire, Writer};

pub mod consumer;
pub mod group;

/// A value that is preceded by its version.
pub trait Schema: Wire {
    /// Kafka's name of the schema.
    const NAME: &'static str;
    /// Versions the codec knows.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields; `i16::MAX` for none.
    const FIRST_FLEXIBLE: i16;
    /// Whether versions only ever append fields, so that a newer one is read as the newest known
    /// one and the rest ignored.
    const APPEND_ONLY: bool;

    /// Encodes the version and the value in it.
    ///
    /// # Errors
    /// [`EncodeError`] where a length does not fit this version.
    fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::new();
        writer.i16(version);
        self.encode(&mut writer, Version::new(version, Self::FIRST_FLEXIBLE));
        writer.finish_contiguous()
    }

    /// Decodes a value in the version it names. It must fill `bytes`, unless versions only append.
    ///
    /// # Errors
    /// [`DecodeError`] of the bytes or the version.
    fn from_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let named = reader.i16()?;
        let newest = *Self::VERSIONS.end();
        let version = if Self::APPEND_ONLY {
            named.min(newest)
        } else {
            named
        };
        if !Self::VERSIONS.contains(&version) {
            return Err(DecodeError::UnsupportedVersion {
                schema: Self::NAME,
                version,
            });
        }
        let value = Self::decode(&mut reader, Version::new(version, Self::FIRST_FLEXIBLE))?;
        if !Self::APPEND_ONLY {
            reader.finish()?;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::consumer::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
    use super::group::{GroupMetadataValue, OffsetCommitValue};
    use super::*;
    use crate::sample::{Sample, Sampler};

    fn assert_round_trips_and_truncation<S: Schema + Sample + PartialEq + std::fmt::Debug>() {
        for seed in 0..50 {
            for version in S::VERSIONS {
                let mut sampler = Sampler::new(seed);
                let value = S::sample(&mut sampler, Version::new(version, S::FIRST_FLEXIBLE));
                let bytes = value.to_bytes(version).unwrap();
                assert_eq!(
                    S::from_bytes(bytes.clone()),
                    Ok(value),
                    "{} {version}",
                    S::NAME
                );
                for end in 0..bytes.len() {
                    let cut = S::from_bytes(bytes.slice(..end));
                    assert!(cut.is_err(), "{} {version} {end}", S::NAME);
                }
            }
        }
    }

    #[test]
    fn every_schema_survives_a_round_trip_and_no_truncation_in_every_version() {
        assert_round_trips_and_truncation::<OffsetCommitValue>();
        assert_round_trips_and_truncation::<GroupMetadataValue>();
        assert_round_trips_and_truncation::<ConsumerProtocolSubscription>();
        assert_round_trips_and_truncation::<ConsumerProtocolAssignment>();
    }
}
