//! Keys and values of `__consumer_offsets`: committed offsets, and groups of the classic protocol.
//!
//! A key starts with a number for its kind, which tells the schema of the value. Kinds that this
//! release does not know (groups of KIP-848, share and streams groups) are kept as they are, since
//! a reader of the topic must pass over them. A value without bytes (a tombstone) deletes its key.
//!
//! Versions from 4 on are flexible, and newer ones may only add tagged fields (KIP-915).

use bytes::Bytes;

use crate::Uuid;
use crate::error::{DecodeError, EncodeError};
use crate::wire::{Reader, Version, Wire, Writer};

const LEGACY_OFFSET: i16 = 0;
const OFFSET: i16 = 1;
const GROUP: i16 = 2;

/// Keys exist in one version only; their kind took the place of the version number.
const KEY: Version = Version {
    number: 0,
    flexible: false,
};

/// The key of a record in `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRecordKey {
    /// A committed offset as Kafka before 0.8.2 wrote it (kind 0); only ever read.
    LegacyOffset(OffsetCommitKey),
    /// A committed offset (kind 1); the value is an [`OffsetCommitValue`].
    Offset(OffsetCommitKey),
    /// A group (kind 2); the value is a [`GroupMetadataValue`].
    Group(GroupMetadataKey),
    /// Another kind.
    Unknown {
        /// The number of the kind.
        kind: i16,
        /// What follows it.
        body: Bytes,
    },
}

impl GroupRecordKey {
    /// Encodes the kind and the key.
    ///
    /// # Errors
    /// [`EncodeError`] where a name is longer than 32767 bytes.
    pub fn to_bytes(&self) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::new();
        match self {
            Self::LegacyOffset(key) => {
                writer.i16(LEGACY_OFFSET);
                key.encode(&mut writer, KEY);
            }
            Self::Offset(key) => {
                writer.i16(OFFSET);
                key.encode(&mut writer, KEY);
            }
            Self::Group(key) => {
                writer.i16(GROUP);
                key.encode(&mut writer, KEY);
            }
            Self::Unknown { kind, body } => {
                writer.i16(*kind);
                writer.shared(body);
            }
        }
        writer.finish_contiguous()
    }

    /// Decodes a key that fills `bytes`. An unknown kind is not an error.
    ///
    /// # Errors
    /// [`DecodeError`] of the bytes.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let key = match reader.i16()? {
            LEGACY_OFFSET => OffsetCommitKey::decode(&mut reader, KEY).map(Self::LegacyOffset),
            OFFSET => OffsetCommitKey::decode(&mut reader, KEY).map(Self::Offset),
            GROUP => GroupMetadataKey::decode(&mut reader, KEY).map(Self::Group),
            kind => reader.rest().map(|body| Self::Unknown { kind, body }),
        }?;
        reader.finish()?;
        Ok(key)
    }
}

schema!(OffsetCommitValue, versions: 0..=4, flexible: 4, append_only: false);
schema!(GroupMetadataValue, versions: 0..=4, flexible: 4, append_only: false);

wire! {
    /// Whose offset it is.
    pub struct OffsetCommitKey {
        /// Name of the group.
        group: String,
        /// Name of the topic.
        topic: String,
        /// Number of the partition.
        partition: i32,
    }

    /// A committed offset.
    pub struct OffsetCommitValue {
        /// Next offset to consume.
        offset: i64,
        /// Leader epoch of the last consumed record; -1 for unknown.
        leader_epoch: i32 [3..] = -1,
        /// Note of the client.
        metadata: String,
        /// When it was committed, in milliseconds since 1970.
        commit_timestamp: i64,
        /// When it expires, in milliseconds since 1970; -1 for by the rule of the broker.
        expire_timestamp: i64 [1..=1] = -1,
        /// Id of the topic; zero for unknown.
        topic_id: Uuid [4..; tag 0],
    }

    /// Which group it is.
    pub struct GroupMetadataKey {
        /// Name of the group.
        group: String,
    }

    /// A group between two rebalances.
    pub struct GroupMetadataValue {
        /// Kind of the protocol; `consumer` for consumers.
        protocol_type: String,
        /// Generation of the group.
        generation: i32,
        /// The assignor the group chose; null without members.
        protocol: Option<String>,
        /// Id of the member that assigns; null without members.
        leader: Option<String>,
        /// When the group came into this state, in milliseconds since 1970; -1 for unknown.
        current_state_timestamp: i64 [2..] = -1,
        /// The members.
        members: Vec<MemberMetadata>,
    }

    /// A member and its assignment.
    pub struct MemberMetadata {
        /// Id of the member.
        member_id: String,
        /// Name that survives restarts, of a static member (KIP-345).
        group_instance_id: Option<String> [3..],
        /// Name the client gave itself.
        client_id: String,
        /// Host the client is on.
        client_host: String,
        /// Milliseconds a rebalance waits for the member; -1 for the session timeout.
        rebalance_timeout: i32 [1..] = -1,
        /// Milliseconds without a heartbeat after which the member is dead.
        session_timeout: i32,
        /// What the member said of itself to the assignor.
        subscription: Bytes,
        /// What the member got, in the form of the protocol.
        assignment: Bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Schema;

    #[test]
    fn a_key_of_an_unknown_kind_is_passed_over_unchanged() {
        let bytes = Bytes::from_static(&[0, 3, 0, 1, b'g']);
        let key = GroupRecordKey::from_bytes(bytes.clone()).unwrap();
        assert!(matches!(key, GroupRecordKey::Unknown { kind: 3, .. }));
        assert_eq!(key.to_bytes(), Ok(bytes));
    }

    #[test]
    fn a_key_is_its_kind_and_its_names() {
        let key = GroupRecordKey::Offset(OffsetCommitKey {
            group: "g".to_owned(),
            topic: "t".to_owned(),
            partition: 7,
        });
        let bytes = Bytes::from_static(&[0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 7]);
        assert_eq!(key.to_bytes(), Ok(bytes.clone()));
        assert_eq!(GroupRecordKey::from_bytes(bytes.clone()), Ok(key));
        for end in 0..bytes.len() {
            assert!(GroupRecordKey::from_bytes(bytes.slice(..end)).is_err());
        }
    }

    #[test]
    fn a_value_of_a_newer_version_is_refused_by_name() {
        let bytes = OffsetCommitValue::default().to_bytes(5).unwrap();
        assert_eq!(
            OffsetCommitValue::from_bytes(bytes),
            Err(DecodeError::UnsupportedVersion {
                schema: "OffsetCommitValue",
                version: 5
            })
        );
    }
}
