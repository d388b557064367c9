//! Every error code of the protocol, with its meaning.
//!
//! Codes and which of them a client retries are Kafka's (`Errors` of kafka-clients 4.3.1); the
//! descriptions are ours.

use crate::DecodeError;
use crate::wire::{Reader, Version, Wire, Writer};

macro_rules! error_codes {
    ($($name:ident = $code:literal $(, $retriable:ident)?: $text:literal;)*) => {
        /// What a broker answers instead of, or beside, a result.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(
                #[doc = $text]
                $name,
            )*
            /// No error.
            #[default]
            None,
            /// A code this release does not know, as a newer broker may send.
            Other(i16),
        }

        impl ErrorCode {
            /// Every code with a name.
            pub const ALL: &[Self] = &[Self::None, $(Self::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> i16 {
                match self {
                    Self::None => 0,
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// The error of a number on the wire.
            #[must_use]
            pub const fn from_code(code: i16) -> Self {
                match code {
                    0 => Self::None,
                    $($code => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// Whether Kafka's own client sends the request again on it.
            #[must_use]
            pub const fn is_retriable(self) -> bool {
                match self {
                    Self::None | Self::Other(_) => false,
                    $(Self::$name => error_codes!(@retriable $($retriable)?),)*
                }
            }

            /// What the code means, as a sentence without a full stop.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    Self::None => "no error",
                    $(Self::$name => $text,)*
                    Self::Other(_) => "an error this release does not know",
                }
            }
        }
    };
    (@retriable) => { false };
    (@retriable retriable) => { true };
}

error_codes! {
    UnknownServerError = -1: "the broker met an error it did not expect";
    OffsetOutOfRange = 1: "the offset is outside the range the partition holds";
    CorruptMessage = 2, retriable: "the records failed their checksum or cannot be parsed";
    UnknownTopicOrPartition = 3, retriable: "the broker does not host this topic or partition";
    InvalidFetchSize = 4: "the number of bytes asked for is not valid";
    LeaderNotAvailable = 5, retriable: "the partition has no leader, for now";
    NotLeaderOrFollower = 6, retriable:
        "the broker neither leads the partition nor has a replica of it";
    RequestTimedOut = 7, retriable: "the request was not done in its time";
    BrokerNotAvailable = 8: "the broker is not available";
    ReplicaNotAvailable = 9, retriable: "the replica asked for is not available";
    MessageTooLarge = 10: "the batch is larger than the topic accepts";
    StaleControllerEpoch = 11: "the controller has been replaced by a newer one";
    OffsetMetadataTooLarge = 12: "the note committed with an offset is too long";
    NetworkException = 13, retriable: "the connection broke before the response came";
    CoordinatorLoadInProgress = 14, retriable: "the coordinator is still loading its state";
    CoordinatorNotAvailable = 15, retriable: "there is no coordinator, for now";
    NotCoordinator = 16, retriable: "another broker is the coordinator";
    InvalidTopicException = 17: "no operation is allowed on a topic of this name";
    RecordListTooLarge = 18: "the batch is larger than a segment";
    NotEnoughReplicas = 19, retriable: "too few replicas are in sync to accept the records";
    NotEnoughReplicasAfterAppend = 20, retriable:
        "the records are written, but to too few replicas";
    InvalidRequiredAcks = 21: "the number of acknowledgements asked for is not valid";
    IllegalGeneration = 22: "the generation is not the one the group is in";
    InconsistentGroupProtocol = 23: "the member shares no protocol with the rest of the group";
    InvalidGroupId = 24: "the name of the group is not valid";
    UnknownMemberId = 25: "the group does not have this member";
    InvalidSessionTimeout = 26: "the session timeout is outside the range the broker allows";
    RebalanceInProgress = 27: "the group is rebalancing, and the member must join again";
    InvalidCommitOffsetSize = 28: "the committed offset does not fit a record";
    TopicAuthorizationFailed = 29: "the client may not do this to the topic";
    GroupAuthorizationFailed = 30: "the client may not do this to the group";
    ClusterAuthorizationFailed = 31: "the client may not do this to the cluster";
    InvalidTimestamp = 32: "a timestamp is outside the range the topic accepts";
    UnsupportedSaslMechanism = 33: "the broker does not offer this SASL mechanism";
    IllegalSaslState = 34: "the request does not fit the state of the authentication";
    UnsupportedVersion = 35: "the broker does not serve this version of the API";
    TopicAlreadyExists = 36: "a topic of this name exists";
    InvalidPartitions = 37: "the number of partitions is not valid";
    InvalidReplicationFactor = 38:
        "the replication factor is below one or above the number of brokers";
    InvalidReplicaAssignment = 39: "the assignment of replicas to brokers is not valid";
    InvalidConfig = 40: "a config is unknown or has an invalid value";
    NotController = 41, retriable: "another broker is the controller";
    InvalidRequest = 42: "the request contradicts itself or the protocol";
    UnsupportedForMessageFormat = 43: "the format of the stored records does not allow this";
    PolicyViolation = 44: "a policy of the cluster forbids this";
    OutOfOrderSequenceNumber = 45: "a batch of the producer is missing before this one";
    DuplicateSequenceNumber = 46: "the batch was written before";
    InvalidProducerEpoch = 47: "a newer producer has taken over this producer id";
    InvalidTxnState = 48: "the state of the transaction does not allow this";
    InvalidProducerIdMapping = 49: "the producer id is not the one of this transactional id";
    InvalidTransactionTimeout = 50: "the transaction timeout is larger than the broker allows";
    ConcurrentTransactions = 51, retriable: "another change of this transaction is under way";
    TransactionCoordinatorFenced = 52: "another coordinator has taken over the transaction";
    TransactionalIdAuthorizationFailed = 53: "the client may not use this transactional id";
    SecurityDisabled = 54: "the broker has no security to administer";
    OperationNotAttempted = 55: "an earlier failure kept this from being tried";
    KafkaStorageError = 56, retriable: "the disk under the log failed or is full";
    LogDirNotFound = 57: "the log directory is not among those of the broker";
    SaslAuthenticationFailed = 58: "the credentials are wrong";
    UnknownProducerId = 59: "the broker no longer knows the state of this producer";
    ReassignmentInProgress = 60: "the partition is being moved";
    DelegationTokenAuthDisabled = 61: "delegation tokens are not enabled";
    DelegationTokenNotFound = 62: "the delegation token does not exist";
    DelegationTokenOwnerMismatch = 63: "the delegation token belongs to somebody else";
    DelegationTokenRequestNotAllowed = 64: "delegation tokens need an authenticated connection";
    DelegationTokenAuthorizationFailed = 65: "the client may not do this to the delegation token";
    DelegationTokenExpired = 66: "the delegation token has expired";
    InvalidPrincipalType = 67: "this type of principal is not supported";
    NonEmptyGroup = 68: "the group still has members";
    GroupIdNotFound = 69: "the group does not exist";
    FetchSessionIdNotFound = 70, retriable:
        "the fetch session does not exist, and a new one must be opened";
    InvalidFetchSessionEpoch = 71, retriable: "the fetch session is at another step";
    ListenerNotFound = 72, retriable: "the leader has no listener like the one asked";
    TopicDeletionDisabled = 73: "the broker does not allow topics to be deleted";
    FencedLeaderEpoch = 74, retriable:
        "the leader epoch of the client is older than that of the broker";
    UnknownLeaderEpoch = 75, retriable:
        "the leader epoch of the client is newer than that of the broker";
    UnsupportedCompressionType = 76: "the client cannot read the compression of the topic";
    StaleBrokerEpoch = 77: "the broker has registered again since";
    OffsetNotAvailable = 78, retriable: "the new leader does not know its high watermark yet";
    MemberIdRequired = 79: "the member must join again with the id it now has";
    PreferredLeaderNotAvailable = 80, retriable: "the preferred leader is not available";
    GroupMaxSizeReached = 81: "the group has as many members as it may";
    FencedInstanceId = 82: "another member has taken over this instance id";
    EligibleLeadersNotAvailable = 83, retriable: "no replica that could lead is available";
    ElectionNotNeeded = 84, retriable: "the partition has the leader it should have";
    NoReassignmentInProgress = 85: "the partition is not being moved";
    GroupSubscribedToTopic = 86: "the group is subscribed to the topic, so its offsets stay";
    InvalidRecord = 87: "a record breaks a rule of the topic or of the format";
    UnstableOffsetCommit = 88, retriable: "a transaction may still change the committed offset";
    ThrottlingQuotaExceeded = 89, retriable: "the client has used up its quota";
    ProducerFenced = 90: "a newer producer has taken over this transactional id";
    ResourceNotFound = 91: "the resource does not exist";
    DuplicateResource = 92: "the resource exists, or is named twice";
    UnacceptableCredential = 93: "the credential does not meet the requirements";
    InconsistentVoterSet = 94: "the voters of the controller quorum do not match";
    InvalidUpdateVersion = 95: "the update is based on another version";
    FeatureUpdateFailed = 96: "the features could not be changed";
    PrincipalDeserializationFailure = 97: "the forwarded principal cannot be read";
    SnapshotNotFound = 98: "the snapshot does not exist";
    PositionOutOfRange = 99: "the position lies outside the snapshot";
    UnknownTopicId = 100, retriable: "the broker hosts no topic of this id";
    DuplicateBrokerRegistration = 101: "a broker of this id is registered";
    BrokerIdNotRegistered = 102: "no broker of this id is registered";
    InconsistentTopicId = 103, retriable: "the topic id is not the one in the log";
    InconsistentClusterId = 104: "the request is meant for another cluster";
    TransactionalIdNotFound = 105: "the transactional id does not exist";
    FetchSessionTopicIdError = 106, retriable: "the fetch session mixes topic names and ids";
    IneligibleReplica = 107: "the replica may not be in sync";
    NewLeaderElected = 108: "the partition has a new leader now";
    OffsetMovedToTieredStorage = 109: "the offset is in tiered storage only";
    FencedMemberEpoch = 110: "the epoch of the member is not the one the group knows";
    UnreleasedInstanceId = 111: "another member still uses this instance id";
    UnsupportedAssignor = 112: "the group does not support this assignor";
    StaleMemberEpoch = 113: "the epoch of the member is out of date";
    MismatchedEndpointType = 114: "the request went to the wrong type of endpoint";
    UnsupportedEndpointType = 115: "this type of endpoint is not supported";
    UnknownControllerId = 116: "no controller has this id";
    UnknownSubscriptionId = 117: "the telemetry subscription is not the current one";
    TelemetryTooLarge = 118: "the telemetry is larger than the broker accepts";
    InvalidRegistration = 119: "the registration of the broker is not valid";
    TransactionAbortable = 120: "the transaction failed and must be aborted";
    InvalidRecordState = 121: "the state of the shared record does not allow this";
    ShareSessionNotFound = 122, retriable: "the share session does not exist";
    InvalidShareSessionEpoch = 123, retriable: "the share session is at another step";
    FencedStateEpoch = 124: "a newer coordinator has taken over the share state";
    InvalidVoterKey = 125: "the key of the voter does not match";
    DuplicateVoter = 126: "the voter is in the quorum";
    VoterNotFound = 127: "the voter is not in the quorum";
    InvalidRegularExpression = 128: "the regular expression is not valid";
    RebootstrapRequired = 129: "the client must start again from its bootstrap servers";
    StreamsInvalidTopology = 130: "the topology is not valid";
    StreamsInvalidTopologyEpoch = 131: "the epoch of the topology is not valid";
    StreamsTopologyFenced = 132: "the topology is out of date";
    ShareSessionLimitReached = 133, retriable: "the broker has as many share sessions as it may";
}

impl ErrorCode {
    /// Kafka's name, as its documentation spells it; of a code without one, the number.
    #[must_use]
    pub fn kafka_name(self) -> String {
        if let Self::Other(code) = self {
            return code.to_string();
        }
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        name
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({self:?}, {})", self.description(), self.code())
    }
}

impl Wire for ErrorCode {
    fn encode(&self, writer: &mut Writer, _: Version) {
        writer.i16(self.code());
    }

    fn decode(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        reader.i16().map(Self::from_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_bear_the_names_of_kafkas_documentation() {
        let name = ErrorCode::UnknownTopicOrPartition.kafka_name();
        assert_eq!(name, "UNKNOWN_TOPIC_OR_PARTITION");
        assert_eq!(ErrorCode::None.kafka_name(), "NONE");
        assert_eq!(ErrorCode::Other(999).kafka_name(), "999");
    }
}
