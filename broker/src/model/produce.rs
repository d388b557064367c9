//! What a producer asks of an append.

/// When an append counts as done for its producer (`acks`).
///
/// `Leader` and `All` mean the same here: one node, and both answer after the flush. They differ in
/// that only `All` looks at `min.insync.replicas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acks {
    /// Nobody waits for an answer (0).
    None,
    /// The leader has it (1).
    Leader,
    /// Every in-sync replica has it (-1).
    All,
}
