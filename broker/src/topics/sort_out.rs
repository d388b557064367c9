//! Comparing what there is in `topics/` with the partitions there should be.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::change::{directory_name, label};
use super::metadata_event::MetadataState;
use super::open::RECOVERY_THREADS;
use super::registry::Registry;
use super::side_by_side::side_by_side;
use crate::log::{
    Disk, LastStop, LogKey, RecoveryPoints, StorageError, directory_label, end_of_name, id_text,
    is_nearly, labelled_topic, random_id,
};
use crate::model::{PartitionId, Uuid};

/// The directory there should be.
struct Home {
    topic: Uuid,
    /// Whether something of its log is known to be durable, and so its label is.
    is_known: bool,
}

impl Registry {
    /// Moves away what is no partition's directory: those of deleted topics to be removed, others, and files, to be kept.
    /// Returns the names of the directories that say whose they are, letter for letter.
    pub(super) fn sort_out(
        &mut self,
        disk: &Disk,
        state: &MetadataState,
        points: &RecoveryPoints,
    ) -> Result<HashSet<String>, StorageError> {
        let topics = self.directory.topics();
        disk.create_dir(&topics)?;
        disk.sync_dir(topics.parent().unwrap_or(&topics))?;
        let homes = homes(state, points);
        let names = disk.list(&topics)?;
        let label_of = |name: &String| {
            let trust = match homes.get(name) {
                Some(home) if home.is_known => LastStop::Clean,
                Some(_) | None => self.directory.last_stop(),
            };
            directory_label(disk, &topics.join(name), trust)
        };
        let found = side_by_side(RECOVERY_THREADS, &names, label_of, || self.thread_died())?;
        let mut labelled = HashSet::new();
        let mut strangers = Vec::new();
        for (name, found) in names.into_iter().zip(found) {
            let topic = found.as_deref().and_then(labelled_topic);
            match (homes.get(&name), topic) {
                (Some(home), Some(_)) if found.as_ref() == Some(&label(home.topic)) => {
                    labelled.insert(name);
                }
                // A power cut may have taken the label, or the disk changed it.
                (Some(_), None) if disk.is_directory(&topics.join(&name))? => {}
                (Some(home), Some(topic)) if is_nearly(topic, home.topic) => {}
                (Some(_) | None, _) => strangers.push((name, found)),
            }
        }
        self.move_away(disk, state, strangers)?;
        Ok(labelled)
    }

    /// Moves directories and files, each with its label.
    fn move_away(
        &mut self,
        disk: &Disk,
        state: &MetadataState,
        strangers: Vec<(String, Option<String>)>,
    ) -> Result<(), StorageError> {
        let deleted: HashSet<String> = state.deleted.iter().map(|id| label(*id)).collect();
        let topics = self.directory.topics();
        let mut changed = BTreeSet::new();
        for (name, found) in strangers {
            let is_deleted = found.is_some_and(|found| deleted.contains(&found));
            let home = match is_deleted {
                true => self.directory.deleted(),
                false => self.directory.quarantine(),
            };
            if !changed.contains(&home) {
                // Without its name what is moved there is nowhere.
                disk.create_dir(&home)?;
                disk.sync_dir(home.parent().unwrap_or(&home))?;
            }
            let mark = format!("{}-", id_text(random_id()));
            let unique = format!("{mark}{}", end_of_name(&name, mark.len()));
            disk.rename(&topics.join(&name), &home.join(unique))?;
            changed.insert(home);
            if !is_deleted {
                self.report.quarantined.push(name);
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        // Where they went before where they were. A journaling file system has both halves of a rename or none,
        // whatever is synced first; others may lose the new name after the old one.
        changed.iter().try_for_each(|home| disk.sync_dir(home))?;
        disk.sync_dir(&topics)
    }
}

/// The directories there should be, by name.
fn homes(state: &MetadataState, points: &RecoveryPoints) -> HashMap<String, Home> {
    let of_topics = state.topics.iter().flat_map(|(id, topic)| {
        (0..topic.partitions).map(move |partition| {
            let key = LogKey {
                topic: *id,
                partition,
            };
            let home = Home {
                topic: *id,
                is_known: points.of(key).offset > 0,
            };
            (directory_name(&topic.name, PartitionId(partition)), home)
        })
    });
    of_topics.collect()
}
