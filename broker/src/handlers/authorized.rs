//! What a client may do, as a bit field per kind of resource (KIP-430).
//!
//! Without access control everything a resource knows is allowed. The bits are Kafka's codes of
//! operations: 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action,
//! 10 describe configs, 11 alter configs, 12 idempotent write.

/// Of a topic.
pub(crate) const TOPIC: i32 =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
/// Of a group.
pub(crate) const GROUP: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
/// Of the cluster.
pub(crate) const CLUSTER: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

/// The operations where the client asks for them, or the value that says it did not.
pub(crate) const fn if_asked(is_asked: bool, operations: i32) -> i32 {
    if is_asked { operations } else { i32::MIN }
}
