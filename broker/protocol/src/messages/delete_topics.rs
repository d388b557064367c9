//! `DeleteTopics` (20): deletes topics.
//!
//! * 5 has error messages and can throttle (KIP-599); 6 deletes by topic id too (KIP-516).

use crate::{ErrorCode, Uuid};

api!(DeleteTopics, versions: 1..=6, flexible: 4,
    request: DeleteTopicsRequest, response: DeleteTopicsResponse);

wire! {
    /// Deletes topics, by name until version 5, by name or id from version 6 on.
    pub struct DeleteTopicsRequest {
        /// The topics to delete.
        topics: Vec<DeleteTopicState> [6..],
        /// Names of the topics to delete.
        topic_names: Vec<String> [..=5],
        /// Milliseconds the broker may take.
        timeout_ms: i32,
    }

    /// A topic to delete.
    pub struct DeleteTopicState {
        /// Name of the topic; null where `topic_id` names it (KIP-516).
        name: Option<String>,
        /// Id of the topic; zero where `name` names it.
        topic_id: Uuid,
    }

    /// Which topics are deleted.
    pub struct DeleteTopicsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per topic.
        responses: Vec<DeletableTopicResult>,
    }

    /// The answer for one topic.
    pub struct DeletableTopicResult {
        /// Name of the topic; null where its id is unknown.
        name: Option<String> [..; null 6..],
        /// Id of the topic.
        topic_id: Uuid [6..],
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String> [5..],
    }
}
