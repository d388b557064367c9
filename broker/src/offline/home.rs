//! Where the logs are that are to be checked: a data directory that no process has, or one partition.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sluice_protocol::Uuid;
use sluice_protocol::record_batch::BatchHeader;

use super::metadata::MetadataReading;
use crate::log::backing::Backing;
use crate::log::commit_log::{FoundExtent, walk_row};
use crate::log::producer_snapshot;
use crate::log::segment::base_offsets;
use crate::log::{
    Disk, LogKey, META_FILE, OpenError, PointsState, RECOVERY_POINTS_FILE, RecoveryPoints,
    StorageError, check_meta, is_marked_clean, is_ours, lock_path, says_that_it_always_had_points,
};
use crate::topics::CleanedLogs;

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A process has the directory.
    #[error("{} is in use by a running sluice; stop it, then try again", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// There are no logs.
    #[error(
        "{} is neither a data directory of Sluice nor the directory of a partition; name one of them",
        path.display()
    )]
    NoLogs {
        /// The directory.
        path: PathBuf,
    },
    /// One file of a log says little.
    #[error(
        "{} is a file; name the data directory or the directory of a partition, or show the file with sluice log dump",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
    },
    /// The partition asked for is not there.
    #[error("{} has no partition {name}; partitions are named <topic>-<number>", path.display())]
    NoPartition {
        /// The directory.
        path: PathBuf,
        /// The partition.
        name: String,
    },
    /// The next start would find in the commit log what is missing, and cut what is too much.
    #[error(
        "{} was not closed: a crash, a kill, a power cut or a start that failed ended its broker; start and stop it first, which settles \
         what that left, and where it does not start do what it says",
        path.display()
    )]
    NotClosed {
        /// The directory.
        path: PathBuf,
    },
    /// It is of a later format, or not what Sluice wrote.
    #[error(transparent)]
    Meta(OpenError),
    /// A partition by itself is not mended.
    #[error(
        "what belongs to no data directory of Sluice is not mended, for nobody says how far it was durable"
    )]
    Homeless,
    /// The disk failed, or nothing may be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What a directory is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Nothing is changed.
    Look,
    /// Something may be.
    Mend,
}

/// A data directory, locked until this is dropped, and what it says of its logs.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) disk: Disk,
    /// The data directory; `None` for a partition that lies in none.
    pub(super) root: Option<PathBuf>,
    /// Whether the last process that had it ended well: nothing is to be settled by a start.
    pub(super) is_clean: bool,
    /// `None` where the file is not whole, or gone.
    pub(super) points: Option<RecoveryPoints>,
    pub(super) metadata: MetadataReading,
    cleaned: CleanedLogs,
    /// What the commit log has of each log, where what else said how far they were durable is lost.
    backings: Option<HashMap<LogKey, Backing>>,
    _lock: Option<Box<dyn Debug + Send + Sync>>,
}

/// Whose the id of a topic is, by the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A topic's.
    Topics,
    /// That of a topic that was deleted lately.
    Deleted,
    /// Nobody's that is known.
    Nobodys,
}

/// A log to be checked.
#[derive(Clone, Debug)]
pub(super) struct LogSite {
    /// `<topic>-<partition>`, or `metadata`.
    pub(super) name: String,
    pub(super) directory: PathBuf,
    /// `None` where nobody says whose it is.
    pub(super) key: Option<LogKey>,
    /// An offset up to which it was durable.
    pub(super) point: i64,
    /// What else tells whether it was durable.
    pub(super) backing: Backing,
    /// The first offset that may be read, by the metadata.
    pub(super) log_start: i64,
    /// Whether it may have been compacted, whatever its directory says.
    pub(super) may_be_compacted: bool,
}

impl LogSite {
    /// Whether a start cuts nothing off from `begin` on, where the end is not whole.
    pub(super) fn keeps_end(&self, begin: i64, is_readable: bool) -> bool {
        let backing = &self.backing;
        self.key
            .is_some_and(|key| backing.may_have_lost_end(begin, key, is_readable))
    }
}

impl Home {
    /// Finds the logs at `path`: a data directory, what the broker or the whole program was told, or a
    /// partition's directory.
    pub(super) fn open(
        disk: &Disk,
        path: &Path,
        purpose: Purpose,
    ) -> Result<(Self, Vec<LogSite>), HomeError> {
        match disk.list(path) {
            Err(error) if error.cause.kind() == ErrorKind::NotADirectory => {
                let path = path.to_owned();
                return Err(HomeError::File { path });
            }
            listed => drop(listed?),
        }
        for root in [path.to_owned(), path.join("broker")] {
            if is_root(disk, &root)? {
                let home = Self::of(disk, &root, purpose)?;
                let sites = home.sites(&root)?;
                return Ok((home, sites));
            }
        }
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let above = [path.parent(), path.parent().and_then(Path::parent)];
        for root in above.into_iter().flatten() {
            if is_root(disk, root)? {
                let home = Self::of(disk, root, purpose)?;
                let sites = Self::only(home.sites(root)?, root, &name)?;
                return Ok((home, sites));
            }
        }
        if base_offsets(&disk.list(&path)?).is_empty() {
            return Err(HomeError::NoLogs { path });
        }
        let site = LogSite {
            name: name.into_owned(),
            directory: path,
            key: None,
            point: 0,
            backing: Backing::default(),
            log_start: 0,
            may_be_compacted: true,
        };
        let home = Self {
            disk: disk.clone(),
            root: None,
            is_clean: true,
            points: Some(RecoveryPoints::default()),
            metadata: MetadataReading::default(),
            cleaned: CleanedLogs::Unknown,
            backings: None,
            _lock: None,
        };
        Ok((home, vec![site]))
    }

    /// Whether what the logs lack is lost, so that they can be mended.
    pub(super) fn check_mendable(&self) -> Result<(), HomeError> {
        match &self.root {
            Some(_) if self.is_clean => Ok(()),
            Some(root) => Err(HomeError::NotClosed { path: root.clone() }),
            None => Err(HomeError::Homeless),
        }
    }

    /// Forgets where a log that is about to be mended was left, so that the next start takes it as it is then.
    pub(super) fn forget_place(&mut self, key: LogKey) -> Result<(), StorageError> {
        let (Some(root), Some(points)) = (&self.root, &mut self.points) else {
            return Ok(());
        };
        match points.forget_place(key) {
            true => {
                let path = root.join(RECOVERY_POINTS_FILE);
                self.disk.replace_file(&path, points.to_text().as_bytes())
            }
            false => Ok(()),
        }
    }

    /// A link by which a log, or a file of it but for those of `leaving`, lies elsewhere than it seems to.
    pub(super) fn link_in(
        &self,
        directory: &Path,
        leaving: &[PathBuf],
    ) -> Result<Option<PathBuf>, StorageError> {
        let names = self.disk.list(directory)?;
        let inside = names.iter().map(|name| directory.join(name));
        let inside = inside.filter(|path| !leaving.contains(path));
        for path in inside.chain(directory.ancestors().take(2).map(Path::to_owned)) {
            if self.disk.is_link(&path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// The log of the partition `name` among `sites`.
    pub(super) fn only(
        sites: Vec<LogSite>,
        path: &Path,
        name: &str,
    ) -> Result<Vec<LogSite>, HomeError> {
        let found: Vec<_> = sites.into_iter().filter(|site| site.name == name).collect();
        match found.is_empty() {
            false => Ok(found),
            true => Err(HomeError::NoPartition {
                path: path.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    fn of(disk: &Disk, root: &Path, purpose: Purpose) -> Result<Self, HomeError> {
        let meta = read_text(disk, &root.join(META_FILE))?.unwrap_or_default();
        check_meta(root, &meta).map_err(HomeError::Meta)?;
        let lock = lock(disk, root, purpose)?;
        let is_clean = is_marked_clean(disk, root)?;
        let text = read_derived_text(disk, &root.join(RECOVERY_POINTS_FILE))?;
        let found = text.as_deref().and_then(RecoveryPoints::parse);
        let live = found.as_ref().and_then(RecoveryPoints::live);
        let always_had_points = says_that_it_always_had_points(&meta);
        let metadata = MetadataReading::of(disk, root, is_clean, live)?;
        // The first start of a directory may have been killed before it wrote any.
        let may_lack_points = metadata.is_empty || !always_had_points;
        let are_none_yet = text.is_none() && may_lack_points;
        let points = found.or_else(|| are_none_yet.then(RecoveryPoints::default));
        let none = RecoveryPoints::default();
        let state = points.as_ref().unwrap_or(&none).state(always_had_points);
        let are_points_lost = !is_clean && state == PointsState::Lost;
        Ok(Self {
            metadata,
            disk: disk.clone(),
            root: Some(root.to_owned()),
            is_clean,
            points,
            cleaned: CleanedLogs::read(disk, root)?,
            backings: match are_points_lost {
                true => Some(backings(disk, root)?),
                false => None,
            },
            _lock: lock,
        })
    }

    /// The metadata log, the partitions there are, and those that should be there and are not.
    fn sites(&self, root: &Path) -> Result<Vec<LogSite>, HomeError> {
        let mut sites = vec![LogSite {
            name: "metadata".to_owned(),
            directory: root.join("metadata"),
            key: Some(LogKey::METADATA),
            point: self.point(LogKey::METADATA),
            backing: self.backing(LogKey::METADATA),
            log_start: 0,
            may_be_compacted: false,
        }];
        let topics = root.join("topics");
        let mut expected: BTreeMap<String, LogSite> = BTreeMap::new();
        for (id, topic) in &self.metadata.state.topics {
            let policy = topic.configs.get("cleanup.policy");
            let is_compacted = policy.is_some_and(|policy| policy.contains("compact"));
            for partition in 0..topic.partitions {
                let key = LogKey {
                    topic: *id,
                    partition,
                };
                let name = format!("{}-{partition}", topic.name);
                let log_start = topic.log_starts.get(&partition).copied();
                let site = LogSite {
                    directory: topics.join(&name),
                    name: name.clone(),
                    key: Some(key),
                    point: self.point(key).max(self.last_snapshot(&topics.join(&name))),
                    backing: self.backing(key),
                    log_start: log_start.unwrap_or_default(),
                    may_be_compacted: is_compacted || self.cleaned.may_have(key),
                };
                expected.insert(name, site);
            }
        }
        let mut found = self.disk.list(&topics)?;
        found.sort_unstable();
        for name in found {
            let directory = topics.join(&name);
            let stranger = || LogSite {
                name: name.clone(),
                directory,
                key: None,
                point: 0,
                backing: Backing::default(),
                log_start: 0,
                may_be_compacted: true,
            };
            sites.push(expected.remove(&name).unwrap_or_else(stranger));
        }
        // A partition that never held a record has no directory.
        let gone = expected.into_values();
        sites.extend(gone.filter(|site| site.point > site.log_start));
        Ok(sites)
    }

    /// An offset up to which a log was durable, as a start knows it.
    fn point(&self, key: LogKey) -> i64 {
        self.backing(key).point().max(self.noted_point(key))
    }

    fn noted_point(&self, key: LogKey) -> i64 {
        let points = self.points.as_ref();
        points.map_or(0, |points| points.of(key).offset)
    }

    /// How far a log went at least after a clean stop, by its snapshots.
    fn last_snapshot(&self, directory: &Path) -> i64 {
        if !self.is_clean {
            return 0;
        }
        // What cannot be read is told by the check of the log.
        let names = self.disk.list(directory).unwrap_or_default();
        producer_snapshot::last_whole(&self.disk, directory, &names, 0).unwrap_or_default()
    }

    /// What the commit log says of a log whose recovery point is lost; nothing of another.
    fn backing(&self, key: LogKey) -> Backing {
        match &self.backings {
            Some(backings) if self.noted_point(key) == 0 => {
                let found = backings.get(&key).cloned().unwrap_or_default();
                found.without_point()
            }
            Some(_) | None => Backing::default(),
        }
    }

    /// Whose the id of a topic is.
    pub(super) fn whose(&self, topic: Uuid) -> Whose {
        let state = &self.metadata.state;
        match (
            state.topics.contains_key(&topic),
            state.deleted.contains(&topic),
        ) {
            (true, _) => Whose::Topics,
            (false, true) => Whose::Deleted,
            (false, false) => Whose::Nobodys,
        }
    }
}

/// What the commit log has of each log, where it is not known from where on it is needed.
fn backings(disk: &Disk, root: &Path) -> Result<HashMap<LogKey, Backing>, StorageError> {
    let directory = root.join("commit-log");
    let extents = FoundExtent::all(disk, &directory)?;
    let mut backings: HashMap<LogKey, Backing> = HashMap::new();
    walk_row(&directory, &extents, None, |frame| {
        if let Ok(batch) = BatchHeader::decode(&frame.batch) {
            let backing = backings.entry(frame.header.key).or_default();
            backing.add(batch.base_offset, batch.last_offset());
        }
    })?;
    Ok(backings)
}

/// The text of a file, where there is one.
fn read_text(disk: &Disk, path: &Path) -> Result<Option<String>, StorageError> {
    Ok(disk.read_file(path)?.map(text_of))
}

/// The text of a file that can be done without; an empty one where something has its name and cannot be read.
pub(super) fn read_derived_text(disk: &Disk, path: &Path) -> Result<Option<String>, StorageError> {
    Ok(disk.read_doubtful(path)?.map(text_of))
}

fn text_of(bytes: Bytes) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_root(disk: &Disk, path: &Path) -> Result<bool, StorageError> {
    let meta = read_text(disk, &path.join(META_FILE))?;
    Ok(meta.is_some_and(|meta| is_ours(&meta)))
}

/// Takes the directory for as long as it is looked at. Nobody has one whose lock was never made, or was
/// left out of a copy, and in one that cannot be written nobody can be at work; to look at them takes none.
fn lock(
    disk: &Disk,
    root: &Path,
    purpose: Purpose,
) -> Result<Option<Box<dyn Debug + Send + Sync>>, HomeError> {
    let path = lock_path(root);
    if purpose == Purpose::Look && disk.read_file(&path)?.is_none() {
        return Ok(None);
    }
    match disk.lock(&path) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(HomeError::InUse {
            path: root.to_owned(),
        }),
        Err(error) if purpose == Purpose::Look && error.kind() == ErrorKind::ReadOnlyFilesystem => {
            Ok(None)
        }
        Err(error) => Err(StorageError::new("lock", &path, error).into()),
    }
}
