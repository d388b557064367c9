//! Changes of topics in a life of a broker: begun, given up as by a client that goes away, and then
//! carried out wholly, or not at all where the broker dies first.

use super::*;

/// A change that was begun and given up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Create(&'static str),
    Delete(&'static str),
    AddPartitions(&'static str, usize),
}

impl Simulation {
    pub(super) fn create(&mut self, topic: &'static str) -> Lived {
        if self.expected.contains_key(topic) {
            return Ok(());
        }
        self.note(format!("create {topic}"));
        self.change = Some(Change::Create(topic));
        let created = self.world.topics.create(new(topic), Commit::Yes);
        self.sound(self.world.drive(created))?;
        self.notice_change();
        assert!(self.change.is_none(), "it is there");
        Ok(())
    }

    pub(super) fn delete(&mut self, topic: &'static str) -> Lived {
        if !self.expected.contains_key(topic) {
            return Ok(());
        }
        self.note(format!("delete {topic}"));
        self.settle()?;
        let name = TopicName::parse(topic).unwrap();
        self.change = Some(Change::Delete(topic));
        self.sound(self.world.drive(self.world.topics.delete(&name)))?;
        self.notice_change();
        assert!(self.change.is_none(), "it is gone");
        Ok(())
    }

    /// Begins a change of topics and gives it up.
    pub(super) fn begin_change(&mut self, topic: &'static str) -> Lived {
        let name = TopicName::parse(topic).unwrap();
        let topics = self.world.topics.clone();
        let change = match self.expected.get(topic) {
            None => {
                let created = topics.create(new(topic), Commit::Yes);
                self.world.give_up(created);
                Change::Create(topic)
            }
            Some(_) if self.rng.u8(..3) == 0 => {
                self.world.give_up(topics.delete(&name));
                Change::Delete(topic)
            }
            Some(expected) => {
                let count = expected.partitions + self.rng.usize(1..3);
                if count > PARTITIONS_MAX {
                    return Ok(());
                }
                let asked = i32::try_from(count).unwrap();
                let added = topics.add_partitions(&name, asked, Commit::Yes);
                self.world.give_up(added);
                Change::AddPartitions(topic, count)
            }
        };
        self.note(format!("begin {change:?}"));
        self.change = Some(change);
        if self.rng.bool() {
            // One behind it that is given up before its turn has never been.
            let other = self
                .world
                .topics
                .create(new_topic("d", 1, &[]), Commit::Yes);
            self.world.give_up(other);
        }
        Ok(())
    }

    /// Lets the change that was begun come to its end.
    pub(super) fn resolve(&mut self) -> Lived {
        self.settle()?;
        while self.world.topics.0.changes.try_lock().is_err() {
            self.sound(self.world.try_to_flush())?;
        }
        self.notice_change();
        assert!(
            self.change.is_none() || self.was_short,
            "a change is carried out"
        );
        self.change = None;
        self.was_short = false;
        self.check_catalog();
        Ok(())
    }

    /// Takes note of a change that can be seen.
    pub(super) fn notice_change(&mut self) {
        let Some(change) = self.change else {
            return;
        };
        let found = |topic| self.world.topics.topic(topic);
        match change {
            Change::Create(topic) => {
                let Some(found) = found(topic) else {
                    return;
                };
                self.expected.insert(topic, Expected::new(found.id()));
                self.make_segments_small();
            }
            Change::Delete(topic) => {
                if found(topic).is_some() {
                    return;
                }
                self.expected.remove(topic);
            }
            Change::AddPartitions(topic, count) => {
                if found(topic).unwrap().partitions().len() != count {
                    return;
                }
                self.expected.get_mut(topic).unwrap().partitions = count;
            }
        }
        self.change = None;
    }

    /// What is in memory is what the next start will find.
    fn check_catalog(&self) {
        let state = self.world.topics.0.metadata.state();
        let recorded = state.topics.iter();
        let recorded = recorded.map(|(id, topic)| (*id, topic.name.clone(), topic.partitions));
        let recorded: BTreeSet<_> = recorded.collect();
        let known = self.world.topics.list().into_iter().map(|topic| {
            let partitions = i32::try_from(topic.partitions().len()).unwrap();
            (topic.id(), topic.name().clone(), partitions)
        });
        assert_eq!(known.collect::<BTreeSet<_>>(), recorded);
    }

    /// Deletions of records that are under way at once, of which only the last one is waited for.
    pub(super) fn delete_records(&mut self, topic: &'static str) -> Lived {
        self.settle()?;
        let Some(expected) = self.expected.get_mut(topic) else {
            return Ok(());
        };
        let partition = self.world.partition(topic);
        let end = partition.offsets().high_watermark.0;
        let given_up: Vec<i64> = (0..self.rng.usize(..3))
            .map(|_| self.rng.i64(0..=end))
            .collect();
        let to = self.rng.i64(0..=end);
        self.trace.push(format!(
            "delete records of {topic} to {given_up:?} and {to}"
        ));
        for offset in given_up {
            expected.start_max = expected.start_max.max(offset);
            let deleted = partition.delete_records(Some(Offset(offset)));
            self.world.give_up(deleted);
        }
        expected.start_max = expected.start_max.max(to);
        let start = self.world.drive(partition.delete_records(Some(Offset(to))));
        let start = self.sound(start)?;
        assert!(start.0 >= to);
        let expected = self.expected.get_mut(topic).unwrap();
        expected.start_min = expected.start_min.max(to);
        Ok(())
    }
}

/// A topic to be created.
fn new(topic: &str) -> NewTopic {
    let compacted = [
        ("cleanup.policy", "compact,delete"),
        ("min.cleanable.dirty.ratio", "0.1"),
    ];
    match topic {
        COMPACTED => new_topic(topic, 1, &compacted),
        _ => new_topic(topic, 1, &[]),
    }
}
