//! Ids: random, and as Kafka writes them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sluice_protocol::Uuid;

/// An id as Kafka writes it: 22 characters of base64, URL-safe.
#[must_use]
pub fn id_text(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.0)
}

/// The id in such a text.
#[must_use]
pub fn parse_id(text: &str) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    bytes.try_into().ok().map(Uuid)
}

/// A random id. Like Kafka's, it does not begin with a dash, which tools would take for an option.
#[must_use]
pub fn random_id() -> Uuid {
    loop {
        let id = Uuid(random_bytes());
        if !id_text(id).starts_with('-') {
            return id;
        }
    }
}

/// Bytes that nobody can guess.
#[cfg(not(test))]
pub(super) fn random_bytes() -> [u8; 16] {
    uuid::Uuid::new_v4().into_bytes()
}

/// Bytes that a test can repeat, where it wants to.
#[cfg(test)]
pub(super) use super::faulty_storage::random_bytes;
