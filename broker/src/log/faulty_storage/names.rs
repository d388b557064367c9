//! The names on the faulty disk, and how they change.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    File(usize),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Names(pub(super) BTreeMap<PathBuf, Node>);

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Add(PathBuf, Node),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Names {
    pub(super) fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::Add(path, node) => {
                self.0.insert(path.clone(), *node);
            }
            NameChange::Remove(path) => {
                self.0.retain(|known, _| !known.starts_with(path));
            }
            NameChange::Rename(from, to) => {
                let renamed: Vec<_> = self
                    .0
                    .iter()
                    .filter_map(|(path, node)| Some((path.clone(), moved(path, from, to)?, *node)))
                    .collect();
                for (old, new, node) in renamed {
                    self.0.remove(&old);
                    self.0.insert(new, node);
                }
            }
        }
    }

    /// The names in a directory.
    pub(super) fn list(&self, directory: &Path) -> Vec<String> {
        self.0
            .range::<Path, _>((Bound::Included(directory), Bound::Unbounded))
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(directory))
            .filter(|path| path.parent() == Some(directory))
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    /// The files that have a name.
    pub(super) fn files(&self) -> impl Iterator<Item = usize> {
        self.0.values().filter_map(|node| match node {
            Node::File(inode) => Some(*inode),
            Node::Directory => None,
        })
    }

    pub(super) fn drop_orphans(&mut self) {
        let known: HashSet<_> = self.0.keys().cloned().collect();
        let is_rooted = |path: &Path| {
            path.ancestors()
                .skip(1)
                .filter(|above| !above.as_os_str().is_empty() && *above != Path::new("/"))
                .all(|above| known.contains(above))
        };
        self.0.retain(|path, _| is_rooted(path));
    }
}

/// `path` below `to`, where it was below `from` or the same.
fn moved(path: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    let rest = path.strip_prefix(from).ok()?;
    // Joining nothing would end the path in a slash.
    Some(match rest.as_os_str().is_empty() {
        true => to.to_owned(),
        false => to.join(rest),
    })
}

impl NameChange {
    /// Follows the rename of a directory that holds the name.
    pub(super) fn move_with(&mut self, from: &Path, to: &Path) {
        let follow = |path: &mut PathBuf| {
            if path != from
                && let Some(moved) = moved(path, from, to)
            {
                *path = moved;
            }
        };
        match self {
            Self::Add(path, _) | Self::Remove(path) => follow(path),
            Self::Rename(old, new) => {
                follow(old);
                follow(new);
            }
        }
    }

    /// Whether it is about such a path.
    pub(super) fn names(&self, is_such: &dyn Fn(&Path) -> bool) -> bool {
        match self {
            Self::Add(path, _) | Self::Remove(path) => is_such(path),
            Self::Rename(from, to) => is_such(from) || is_such(to),
        }
    }

    pub(super) fn is_in(&self, directory: &Path) -> bool {
        let is_in = |path: &Path| path.parent() == Some(directory);
        match self {
            Self::Add(path, _) | Self::Remove(path) => is_in(path),
            Self::Rename(from, to) => is_in(from) || is_in(to),
        }
    }
}
