//! Codes of what goes wrong with groups and their offsets.

use sluice_protocol::ErrorCode;

use super::Refused;
use crate::groups::{
    CommitError, DeleteGroupError, DeleteOffsetsError, HeartbeatError, IllegalGeneration,
    JoinError, LeaveError, NotMember, PartitionCommitError, SubscribedToTopic, SyncError,
    Unavailable,
};

impl Refused for Unavailable {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Stopping | Self::Storage => ErrorCode::CoordinatorNotAvailable,
        }
    }
}

impl Refused for NotMember {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown => ErrorCode::UnknownMemberId,
            Self::Fenced { .. } => ErrorCode::FencedInstanceId,
        }
    }
}

impl Refused for IllegalGeneration {
    fn code(&self) -> ErrorCode {
        ErrorCode::IllegalGeneration
    }
}

impl Refused for JoinError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidGroupId => ErrorCode::InvalidGroupId,
            Self::InvalidSessionTimeout { .. } => ErrorCode::InvalidSessionTimeout,
            Self::MemberIdRequired { .. } => ErrorCode::MemberIdRequired,
            Self::NotMember(error) => error.code(),
            Self::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
            Self::LimitReached(_) => ErrorCode::GroupMaxSizeReached,
            Self::Superseded => ErrorCode::RebalanceInProgress,
            Self::Unavailable(error) => error.code(),
        }
    }
}

impl Refused for SyncError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidGroupId => ErrorCode::InvalidGroupId,
            Self::NotMember(error) => error.code(),
            Self::IllegalGeneration(error) => error.code(),
            Self::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
            Self::RebalanceInProgress => ErrorCode::RebalanceInProgress,
            Self::LimitReached(_) => ErrorCode::GroupMaxSizeReached,
            Self::Unavailable(error) => error.code(),
        }
    }
}

impl Refused for HeartbeatError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidGroupId => ErrorCode::InvalidGroupId,
            Self::NotMember(error) => error.code(),
            Self::IllegalGeneration(error) => error.code(),
            Self::RebalanceInProgress => ErrorCode::RebalanceInProgress,
            Self::Unavailable(error) => error.code(),
        }
    }
}

impl Refused for LeaveError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidGroupId => ErrorCode::InvalidGroupId,
            Self::Unavailable(error) => error.code(),
        }
    }
}

impl Refused for CommitError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotMember(error) => error.code(),
            Self::IllegalGeneration(error) => error.code(),
            Self::RebalanceInProgress => ErrorCode::RebalanceInProgress,
            Self::LimitReached(_) => ErrorCode::PolicyViolation,
            Self::Unavailable(error) => error.code(),
        }
    }
}

impl Refused for PartitionCommitError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::MetadataTooLarge { .. } => ErrorCode::OffsetMetadataTooLarge,
            Self::LimitReached(_) => ErrorCode::PolicyViolation,
        }
    }
}

impl Refused for DeleteOffsetsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidGroupId => ErrorCode::InvalidGroupId,
            Self::GroupNotFound { .. } => ErrorCode::GroupIdNotFound,
            Self::NotEmpty { .. } => ErrorCode::NonEmptyGroup,
            Self::Unavailable(error) => error.code(),
        }
    }
}

impl Refused for SubscribedToTopic {
    fn code(&self) -> ErrorCode {
        ErrorCode::GroupSubscribedToTopic
    }
}

impl Refused for DeleteGroupError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::GroupNotFound { .. } => ErrorCode::GroupIdNotFound,
            Self::NotEmpty { .. } => ErrorCode::NonEmptyGroup,
            Self::Unavailable(error) => error.code(),
        }
    }
}
