//! What configs belong to, as the three APIs about configs name it.

use std::sync::Arc;

use super::call::Call;
use super::error::{Refusal, RequestError};
use crate::model::TopicName;
use crate::topics::Topic;

/// Kafka's numbers for types of resources.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// A resource that has configs.
#[derive(Debug)]
pub(crate) enum ConfigResource {
    /// A topic that exists.
    Topic(Arc<Topic>),
    /// This broker.
    Broker,
    /// What holds for every broker.
    AllBrokers,
}

impl ConfigResource {
    /// The resource of a type and name.
    ///
    /// # Errors
    /// [`Refusal`] where there is none.
    pub(crate) fn of(call: &Call, resource_type: i8, name: &str) -> Result<Self, Refusal> {
        let node_id = call.services.config.node_id;
        match (resource_type, name) {
            (TOPIC, name) => {
                let name = TopicName::parse(name)?;
                Ok(Self::Topic(call.topic(name.as_str())?))
            }
            (BROKER, "") => Ok(Self::AllBrokers),
            (BROKER, name) if name.parse() == Ok(node_id) => Ok(Self::Broker),
            (BROKER, name) => {
                let reason = format!("this is broker {node_id}, not {name:?}");
                Err(RequestError::invalid(reason).into())
            }
            (asked, _) => Err(RequestError::ResourceType { asked }.into()),
        }
    }
}
