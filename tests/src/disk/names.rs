//! What files and directories are called, now and after a power cut.
//!
//! Changes of names come to the disk in their order, as a journal has them: a sync of a directory brings those that concern it,
//! with all they build on; a power cut keeps a prefix of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use crate::seed::Random;

/// The number of the root directory.
pub(super) const ROOT: u64 = 1;

/// A name in a directory, and what has it afterwards.
#[derive(Debug, Clone)]
struct Entry {
    directory: u64,
    name: OsString,
    inode: Option<u64>,
}

/// What happens at once: one entry, or the two of a rename.
type Change = Vec<Entry>;

/// What directories hold.
#[derive(Debug, Clone, Default)]
struct Tree(BTreeMap<u64, BTreeMap<OsString, u64>>);

/// All names.
#[derive(Debug, Default)]
pub(super) struct Names {
    current: Tree,
    durable: Tree,
    unsynced: Vec<Change>,
}

impl Names {
    /// What has this name now.
    pub(super) fn find(&self, directory: u64, name: &OsStr) -> Option<u64> {
        self.current.0.get(&directory)?.get(name).copied()
    }

    /// Names in a directory now.
    pub(super) fn list(&self, directory: u64) -> impl Iterator<Item = (&OsStr, u64)> {
        let entries = self.current.0.get(&directory).into_iter().flatten();
        entries.map(|(name, inode)| (name.as_os_str(), *inode))
    }

    /// Gives a name to `inode`, or takes it away.
    pub(super) fn set(&mut self, directory: u64, name: &OsStr, inode: Option<u64>) {
        self.change(vec![entry(directory, name, inode)]);
    }

    /// Moves what has the name `from` to the name `to`; whatever had that loses it. Both are a directory and a name.
    pub(super) fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) {
        let inode = self.find(from.0, from.1);
        self.change(vec![entry(from.0, from.1, None), entry(to.0, to.1, inode)]);
    }

    fn change(&mut self, change: Change) {
        self.current.apply(&change);
        self.unsynced.push(change);
    }

    /// Makes the names in a directory durable. Whether the directory itself keeps its name, the one above has to be synced for.
    pub(super) fn sync(&mut self, directory: u64) {
        // A rename takes what happened before in its other directory with it.
        let mut concerned = BTreeSet::from([directory]);
        let mut is_due = |change: &Change| {
            let is_due = change
                .iter()
                .any(|entry| concerned.contains(&entry.directory));
            if is_due {
                concerned.extend(change.iter().map(|entry| entry.directory));
            }
            is_due
        };
        let mut due: Vec<bool> = self.unsynced.iter().rev().map(&mut is_due).collect();
        for change in std::mem::take(&mut self.unsynced) {
            match due.pop() {
                Some(true) => self.durable.apply(&change),
                _ => self.unsynced.push(change),
            }
        }
    }

    /// The power is cut. Gives how many changes were lost.
    pub(super) fn lose_unsynced(&mut self, random: &mut Random) -> usize {
        let changes = std::mem::take(&mut self.unsynced);
        let kept = random.below(changes.len() + 1);
        for change in &changes[..kept] {
            self.durable.apply(change);
        }
        self.current = self.durable.clone();
        changes.len() - kept
    }

    /// All that can be reached from the root now, without the root.
    pub(super) fn reachable(&self) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        let mut ahead = vec![ROOT];
        while let Some(directory) = ahead.pop() {
            for (_, inode) in self.list(directory) {
                found.insert(inode);
                ahead.push(inode);
            }
        }
        found
    }
}

impl Tree {
    fn apply(&mut self, change: &Change) {
        for entry in change {
            let names = self.0.entry(entry.directory).or_default();
            match entry.inode {
                Some(inode) => names.insert(entry.name.clone(), inode),
                None => names.remove(&entry.name),
            };
        }
    }
}

fn entry(directory: u64, name: &OsStr, inode: Option<u64>) -> Entry {
    Entry {
        directory,
        name: name.to_owned(),
        inode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &mut Names, directory: u64, name: &str, inode: u64) {
        names.set(directory, OsStr::new(name), Some(inode));
    }

    fn rename(names: &mut Names, from: (u64, &str), to: (u64, &str)) {
        names.rename((from.0, OsStr::new(from.1)), (to.0, OsStr::new(to.1)));
    }

    /// What seeds leave of the names in a directory, each such as `draft 3, kept 2`.
    fn after_cuts(build: impl Fn(&mut Names), directory: u64) -> BTreeSet<String> {
        let cut = |seed| {
            let mut names = Names::default();
            build(&mut names);
            names.lose_unsynced(&mut Random::new(seed));
            let left = names.list(directory);
            let left: Vec<String> = left
                .map(|(name, inode)| format!("{} {inode}", name.display()))
                .collect();
            left.join(", ")
        };
        (0..50).map(cut).collect()
    }

    fn texts(expected: &[&str]) -> BTreeSet<String> {
        expected.iter().map(|&text| text.to_owned()).collect()
    }

    /// Mutation: `Names::lose_unsynced` that keeps all or nothing.
    #[test]
    fn a_cut_keeps_a_prefix_of_the_changes() {
        let build = |names: &mut Names| {
            set(names, ROOT, "a", 2);
            set(names, ROOT, "b", 3);
        };
        let left = after_cuts(build, ROOT);
        assert_eq!(left, texts(&["", "a 2", "a 2, b 3"]));
    }

    /// Mutation: `Names::sync` that takes every change for due.
    #[test]
    fn a_synced_directory_keeps_its_names_and_no_others() {
        let build = |names: &mut Names| {
            set(names, ROOT, "d", 2);
            set(names, 2, "a", 3);
            names.sync(2);
        };
        assert_eq!(after_cuts(build, 2), texts(&["a 3"]));
        assert_eq!(after_cuts(build, ROOT), texts(&["", "d 2"]));
    }

    /// Mutations: `Names::sync` that concerns its directory alone; `Names::rename` that is two changes.
    #[test]
    fn a_synced_rename_takes_what_it_builds_on_with_it() {
        let build = |names: &mut Names| {
            set(names, 2, "draft", 4);
            rename(names, (2, "draft"), (3, "done"));
            set(names, 2, "next", 5);
            names.sync(3);
        };
        assert_eq!(after_cuts(build, 3), texts(&["done 4"]));
        assert_eq!(after_cuts(build, 2), texts(&["", "next 5"]));
    }

    /// Mutation: `Names::rename` that is two changes, the new name first.
    #[test]
    fn a_rename_over_another_file_leaves_one_of_both() {
        let build = |names: &mut Names| {
            set(names, ROOT, "kept", 2);
            names.sync(ROOT);
            set(names, ROOT, "draft", 3);
            rename(names, (ROOT, "draft"), (ROOT, "kept"));
        };
        let left = after_cuts(build, ROOT);
        assert_eq!(left, texts(&["kept 2", "draft 3, kept 2", "kept 3"]));
    }

    /// Mutation: `Names::reachable` that begins at every directory.
    #[test]
    fn what_lost_its_directory_cannot_be_reached() {
        let mut names = Names::default();
        set(&mut names, ROOT, "d", 2);
        set(&mut names, 2, "a", 3);
        assert_eq!(names.reachable(), [2, 3].into());
        names.sync(2);
        names.unsynced.clear();
        names.lose_unsynced(&mut Random::new(1));
        assert_eq!(names.reachable(), [].into());
    }
}
