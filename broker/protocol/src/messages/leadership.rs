//! What `Produce` and `Fetch` say of a new leader, so that the client need not ask (KIP-951).

wire! {
    /// The leader of a partition.
    pub struct LeaderIdAndEpoch {
        /// Broker that leads; -1 for unknown.
        leader_id: i32 = -1,
        /// Epoch of the leader; -1 for unknown.
        leader_epoch: i32 = -1,
    }

    /// Where the client reaches a leader.
    pub struct NodeEndpoint {
        /// Id of the broker.
        node_id: i32,
        /// Host it listens on.
        host: String,
        /// Port it listens on.
        port: i32,
        /// Rack of the broker, or null.
        rack: Option<String>,
    }
}
