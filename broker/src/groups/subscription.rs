//! What the members of a consumer group are subscribed to: the only place that reads their bytes.

use std::collections::HashSet;

use bytes::Bytes;
use sluice_protocol::records::Schema;
use sluice_protocol::records::consumer::ConsumerProtocolSubscription;

use super::group::Group;
use super::state::State;
use crate::model::TopicName;

/// The protocol type of consumers, and so of members whose metadata can be read.
const CONSUMER: &str = "consumer";

/// Topics the members of a group want.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subscription {
    /// These.
    Topics(HashSet<String>),
    /// Some member's metadata cannot be read, so it may be any.
    Unknown,
}

impl Subscription {
    pub(crate) fn contains(&self, topic: &TopicName) -> bool {
        match self {
            Self::Topics(topics) => topics.contains(topic.as_str()),
            Self::Unknown => true,
        }
    }
}

impl Group {
    pub(super) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// What the members want, under the protocol in force or, before there is one, under any.
    pub(super) fn subscription(&self) -> Subscription {
        if matches!(self.state, State::Empty { .. }) {
            return Subscription::Topics(HashSet::new());
        }
        let protocol = self.state.protocol();
        let mut topics = HashSet::new();
        for member in self.roster.iter() {
            let any = || member.protocols.first().map(|any| any.metadata.clone());
            let metadata = protocol
                .map(|protocol| member.metadata(protocol))
                .or_else(any);
            match parse(metadata.unwrap_or_default()) {
                Some(wanted) => topics.extend(wanted),
                None => return Subscription::Unknown,
            }
        }
        Subscription::Topics(topics)
    }
}

fn parse(metadata: Bytes) -> Option<Vec<String>> {
    let subscription = ConsumerProtocolSubscription::from_bytes(metadata).ok()?;
    Some(subscription.topics)
}
