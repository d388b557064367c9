//! Whose credentials a request is sent with.
//!
//! Every link, cache, producer and coordinator look-up is keyed by it, so that two identities never
//! share a connection or see each other's metadata. There is one value for now: the gateway's own.

/// Whose credentials a request is sent with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Identity {
    /// The credentials of the gateway's own configuration.
    #[default]
    Gateway,
}
