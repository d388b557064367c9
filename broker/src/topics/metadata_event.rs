//! What happens to topics, as it is recorded, and the state that follows from it.
//!
//! An event is one JSON object, the value of one record in the metadata log, with the version of its
//! schema and its type. [`MetadataState::apply`] is pure; replaying the log from an empty state
//! gives the state of now.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::topic_config::Settings;
use crate::limits;
use crate::log::{id_text, parse_id};
use crate::model::{TopicName, Uuid};

/// Version of the schema of events. Later ones are refused, since what they mean is not known.
const VERSION: u32 = 1;

/// A change of topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum MetadataEvent {
    /// What follows in the same batch is everything there is.
    SnapshotBegun {},
    /// A topic exists from here on.
    TopicCreated {
        id: String,
        name: String,
        partitions: i32,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        configs: Settings,
        /// Partitions with their first readable offsets, in a snapshot.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        log_starts: Vec<(i32, i64)>,
    },
    /// A topic exists no more.
    TopicDeleted { id: String },
    /// A topic has more partitions.
    PartitionsAdded { id: String, partitions: i32 },
    /// A topic has other settings of its own.
    ConfigsReplaced { id: String, configs: Settings },
    /// Records below an offset were deleted; one below what was deleted before changes nothing.
    LogStartMoved {
        id: String,
        partition: i32,
        offset: i64,
    },
    /// The broker leads with another epoch.
    EpochBegun { epoch: i32 },
}

#[derive(Serialize, Deserialize)]
struct Recorded<E> {
    version: u32,
    #[serde(flatten)]
    event: E,
}

#[derive(Deserialize)]
struct RecordedVersion {
    version: u32,
}

/// What there is, by the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MetadataState {
    pub(crate) epoch: i32,
    pub(crate) topics: BTreeMap<Uuid, TopicRecord>,
    /// Topics deleted since the last snapshot, whose directories may still be there.
    pub(crate) deleted: BTreeSet<Uuid>,
    /// Names of the topics.
    names: BTreeSet<TopicName>,
}

/// A topic, by the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicRecord {
    pub(crate) name: TopicName,
    pub(crate) partitions: i32,
    pub(crate) configs: Settings,
    pub(crate) log_starts: BTreeMap<i32, i64>,
}

/// An event that cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownEvent {
    #[error("an event has version {found}, this version of Sluice reads up to {VERSION}")]
    LaterVersion { found: u32 },
    #[error("an event is not one of ours: {reason}")]
    Unreadable { reason: String },
    #[error("an event is about topic {id}, which does not exist")]
    NoTopic { id: String },
    #[error("an event creates another topic {name} while there is one")]
    NameTaken { name: TopicName },
}

impl MetadataEvent {
    /// The value of its record.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let recorded = Recorded {
            version: VERSION,
            event: self,
        };
        // Texts and numbers with text keys: nothing that JSON could refuse.
        serde_json::to_vec(&recorded).unwrap_or_default()
    }

    /// The event in the value of a record.
    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self, UnknownEvent> {
        let unreadable = |error: serde_json::Error| UnknownEvent::Unreadable {
            reason: error.to_string(),
        };
        let version: RecordedVersion = serde_json::from_slice(bytes).map_err(unreadable)?;
        let found = version.version;
        if found > VERSION {
            return Err(UnknownEvent::LaterVersion { found });
        }
        let recorded: Recorded<Self> = serde_json::from_slice(bytes).map_err(unreadable)?;
        Ok(recorded.event)
    }
}

impl MetadataState {
    /// What there is after `event`.
    pub(crate) fn apply(&mut self, event: &MetadataEvent) -> Result<(), UnknownEvent> {
        match event {
            MetadataEvent::SnapshotBegun {} => *self = Self::default(),
            MetadataEvent::EpochBegun { epoch } => self.epoch = *epoch,
            MetadataEvent::TopicCreated {
                id,
                name,
                partitions,
                configs,
                log_starts,
            } => {
                let name = TopicName::parse(name).map_err(|invalid| UnknownEvent::Unreadable {
                    reason: invalid.to_string(),
                })?;
                let id = read_id(id)?;
                let partitions = checked(*partitions)?;
                if !self.names.insert(name.clone()) {
                    return Err(UnknownEvent::NameTaken { name });
                }
                let record = TopicRecord {
                    name,
                    partitions,
                    configs: configs.clone(),
                    log_starts: log_starts.iter().copied().collect(),
                };
                self.topics.insert(id, record);
            }
            MetadataEvent::TopicDeleted { id } => {
                let key = read_id(id)?;
                let topic = self.topics.remove(&key).ok_or_else(|| no_topic(id))?;
                self.names.remove(&topic.name);
                self.deleted.insert(key);
            }
            MetadataEvent::PartitionsAdded { id, partitions } => {
                self.topic(id)?.partitions = checked(*partitions)?;
            }
            MetadataEvent::ConfigsReplaced { id, configs } => {
                self.topic(id)?.configs = configs.clone();
            }
            MetadataEvent::LogStartMoved {
                id,
                partition,
                offset,
            } => {
                // Two that were asked for at once may come in any order.
                let start = self.topic(id)?.log_starts.entry(*partition).or_default();
                *start = (*start).max(*offset);
            }
        }
        Ok(())
    }

    /// The events that lead from nothing to here.
    pub(crate) fn snapshot(&self) -> Vec<MetadataEvent> {
        let topics = self
            .topics
            .iter()
            .map(|(id, topic)| MetadataEvent::TopicCreated {
                id: id_text(*id),
                name: topic.name.as_str().to_owned(),
                partitions: topic.partitions,
                configs: topic.configs.clone(),
                log_starts: topic.log_starts.clone().into_iter().collect(),
            });
        let begin = [
            MetadataEvent::SnapshotBegun {},
            MetadataEvent::EpochBegun { epoch: self.epoch },
        ];
        begin.into_iter().chain(topics).collect()
    }

    fn topic(&mut self, id: &str) -> Result<&mut TopicRecord, UnknownEvent> {
        let key = read_id(id)?;
        self.topics.get_mut(&key).ok_or_else(|| no_topic(id))
    }
}

/// A number of partitions that a topic may have, whatever the configuration is.
fn checked(partitions: i32) -> Result<i32, UnknownEvent> {
    let is_possible =
        usize::try_from(partitions).is_ok_and(|count| count <= limits::PARTITIONS_MAX);
    match is_possible {
        true => Ok(partitions),
        false => Err(UnknownEvent::Unreadable {
            reason: format!("no topic has {partitions} partitions"),
        }),
    }
}

fn read_id(id: &str) -> Result<Uuid, UnknownEvent> {
    parse_id(id).ok_or_else(|| UnknownEvent::Unreadable {
        reason: format!("{id} is not a topic id"),
    })
}

fn no_topic(id: &str) -> UnknownEvent {
    UnknownEvent::NoTopic { id: id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<MetadataEvent> {
        let id = |byte| id_text(Uuid([byte; 16]));
        let settings = || Settings::from([("retention.ms".to_owned(), "5".to_owned())]);
        let created = |byte, name: &str| MetadataEvent::TopicCreated {
            id: id(byte),
            name: name.to_owned(),
            partitions: 3,
            configs: settings(),
            log_starts: Vec::new(),
        };
        vec![
            MetadataEvent::EpochBegun { epoch: 4 },
            created(1, "orders"),
            created(2, "payments"),
            MetadataEvent::PartitionsAdded {
                id: id(1),
                partitions: 5,
            },
            MetadataEvent::ConfigsReplaced {
                id: id(1),
                configs: Settings::new(),
            },
            MetadataEvent::LogStartMoved {
                id: id(1),
                partition: 2,
                offset: 77,
            },
            MetadataEvent::TopicDeleted { id: id(2) },
        ]
    }

    fn replayed(events: &[MetadataEvent]) -> MetadataState {
        let mut state = MetadataState::default();
        for event in events {
            let recorded = MetadataEvent::from_json(&event.to_json()).unwrap();
            assert_eq!(&recorded, event);
            state.apply(&recorded).unwrap();
        }
        state
    }

    #[test]
    fn events_replay_to_what_there_is() {
        let state = replayed(&events());
        assert_eq!(state.epoch, 4);
        assert_eq!(state.deleted, [Uuid([2; 16])].into());
        let topic = &state.topics[&Uuid([1; 16])];
        assert_eq!((topic.name.as_str(), topic.partitions), ("orders", 5));
        assert_eq!(topic.log_starts, [(2, 77)].into());
        assert!(topic.configs.is_empty());
    }

    #[test]
    fn a_snapshot_replays_to_the_same_whatever_was_before() {
        let mut state = replayed(&events());
        let snapshot = state.snapshot();
        let again = replayed(&[events(), snapshot].concat());
        state.deleted.clear();
        assert_eq!(again, state);
    }

    #[test]
    fn events_of_the_future_and_of_nobody_are_refused() {
        let later = br#"{"version":2,"type":"topic_renamed"}"#;
        assert_eq!(
            MetadataEvent::from_json(later),
            Err(UnknownEvent::LaterVersion { found: 2 })
        );
        for bytes in [&b"{}"[..], b"", br#"{"version":1,"type":"topic_renamed"}"#] {
            assert!(MetadataEvent::from_json(bytes).is_err());
        }
        let mut state = MetadataState::default();
        assert!(state.apply(&events()[6]).is_err());
    }

    #[test]
    fn two_topics_of_one_name_never_live_at_once() {
        let mut state = replayed(&events());
        let before = state.clone();
        let again = |byte, name: &str| MetadataEvent::TopicCreated {
            id: id_text(Uuid([byte; 16])),
            name: name.to_owned(),
            partitions: 1,
            configs: Settings::new(),
            log_starts: Vec::new(),
        };
        let refusal = state.apply(&again(3, "orders"));
        assert!(matches!(refusal, Err(UnknownEvent::NameTaken { .. })));
        assert_eq!(state, before);
        state.apply(&again(3, "payments")).unwrap();
    }

    #[test]
    fn a_number_of_partitions_that_nobody_could_open_is_refused() {
        let mut state = replayed(&events());
        for partitions in [-1, 1_000_001, i32::MAX] {
            let id = id_text(Uuid([1; 16]));
            let added = MetadataEvent::PartitionsAdded { id, partitions };
            assert!(state.apply(&added).is_err(), "{partitions}");
            let created = MetadataEvent::TopicCreated {
                id: id_text(Uuid([7; 16])),
                name: format!("new{partitions}"),
                partitions,
                configs: Settings::new(),
                log_starts: Vec::new(),
            };
            assert!(state.apply(&created).is_err(), "{partitions}");
        }
    }
}
