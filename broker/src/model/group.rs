//! Names and numbers of consumer groups.

use std::borrow::Borrow;
use std::sync::Arc;

/// Bytes of a name, at most: what the length field of a stored key can say.
const LENGTH_MAX: usize = 32_767;

/// Why a name of a group, member or instance is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGroupName {
    /// No characters, where some are needed.
    #[error("the name cannot be empty")]
    Empty,
    /// Longer than 32767 bytes.
    #[error("the name has at most {LENGTH_MAX} bytes, this one has {length}")]
    TooLong {
        /// Bytes of the name.
        length: usize,
    },
}

const fn check_length(name: &str) -> Result<(), InvalidGroupName> {
    if name.len() > LENGTH_MAX {
        return Err(InvalidGroupName::TooLong { length: name.len() });
    }
    Ok(())
}

macro_rules! names {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// Name of a group. May be empty: old clients commit offsets under the empty name.
    GroupId;
    /// Name of a member within its group, given by the coordinator; never empty.
    MemberId;
    /// Name a static member keeps across restarts (KIP-345); never empty.
    InstanceId;
}

impl GroupId {
    /// Checks a name; the empty one is legal, see [`GroupId::is_empty`].
    ///
    /// # Errors
    /// [`InvalidGroupName::TooLong`].
    pub fn parse(name: &str) -> Result<Self, InvalidGroupName> {
        check_length(name).map(|()| Self(name.into()))
    }

    /// Whether this is the empty name, under which nobody can be a member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl MemberId {
    /// Checks a name. On the wire the empty name says "no member": ask for it before.
    ///
    /// # Errors
    /// [`InvalidGroupName`].
    pub fn parse(name: &str) -> Result<Self, InvalidGroupName> {
        match name {
            "" => Err(InvalidGroupName::Empty),
            _ => check_length(name).map(|()| Self(name.into())),
        }
    }
}

impl From<uuid::Uuid> for MemberId {
    fn from(random: uuid::Uuid) -> Self {
        Self(random.to_string().into())
    }
}

impl InstanceId {
    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidGroupName`].
    pub fn parse(name: &str) -> Result<Self, InvalidGroupName> {
        match name {
            "" => Err(InvalidGroupName::Empty),
            _ => check_length(name).map(|()| Self(name.into())),
        }
    }
}

/// Counts the completed rebalances of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub i32);

impl Generation {
    /// The generation after this one; starts again at 1 after the largest.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(next) => Self(next),
            None => Self(1),
        }
    }
}

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_group_may_have_the_empty_name() {
        assert!(GroupId::parse("").is_ok_and(|id| id.is_empty()));
        assert_eq!(MemberId::parse(""), Err(InvalidGroupName::Empty));
        assert_eq!(InstanceId::parse(""), Err(InvalidGroupName::Empty));
    }

    #[test]
    fn a_name_longer_than_a_stored_key_can_say_is_refused() {
        let longest = "g".repeat(LENGTH_MAX);
        assert!(GroupId::parse(&longest).is_ok());
        let length = LENGTH_MAX + 1;
        assert_eq!(
            MemberId::parse(&"m".repeat(length)),
            Err(InvalidGroupName::TooLong { length })
        );
    }
}
