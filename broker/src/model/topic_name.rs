//! Topic names.

use std::sync::Arc;

/// The topics that Kafka calls internal: clients may read them, not write, create or delete them.
const INTERNAL: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// A topic name that obeys Kafka's rules. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicName {
    /// No characters.
    #[error("a topic name cannot be empty")]
    Empty,
    /// `.` or `..`, which would name a directory.
    #[error("a topic name cannot be \".\" or \"..\"")]
    Dots,
    /// Longer than 249 characters.
    #[error(
        "a topic name has at most {} characters, this one has {length}",
        TopicName::LENGTH_MAX
    )]
    TooLong {
        /// Bytes of the name.
        length: usize,
    },
    /// A character other than ASCII letters, digits, `.`, `_` and `-`.
    #[error("a topic name consists of ASCII letters, digits, '.', '_' and '-', unlike {name:?}")]
    Character {
        /// The name, not too long.
        name: String,
    },
}

impl TopicName {
    /// Characters of a name, at most (Kafka's `Topic.MAX_NAME_LENGTH`).
    pub const LENGTH_MAX: usize = 249;

    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidTopicName`], which names the rule broken.
    pub fn parse(name: &str) -> Result<Self, InvalidTopicName> {
        match name {
            "" => Err(InvalidTopicName::Empty),
            "." | ".." => Err(InvalidTopicName::Dots),
            _ if name.len() > Self::LENGTH_MAX => {
                Err(InvalidTopicName::TooLong { length: name.len() })
            }
            _ if !name.bytes().all(is_legal) => Err(InvalidTopicName::Character {
                name: name.to_owned(),
            }),
            _ => Ok(Self(name.into())),
        }
    }

    /// Whether the broker keeps its own state in this topic.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        INTERNAL.contains(&self.as_str())
    }

    /// Whether the two names differ only in `.` against `_`, which Kafka refuses because metric
    /// names do not tell them apart.
    #[must_use]
    pub fn collides_with(&self, other: &Self) -> bool {
        self != other && self.collision_key() == other.collision_key()
    }

    /// The same for all names that collide with each other.
    pub(crate) fn collision_key(&self) -> String {
        self.0.replace('.', "_")
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

impl std::fmt::Display for TopicName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::borrow::Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}
