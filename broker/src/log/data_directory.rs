//! The data directory: whose it is, which format it has, how it was left.
//!
//! ```text
//! meta.properties   cluster id, node id, format version
//! lock              locked by the process that has the directory
//! clean-shutdown    there only while the directory is closed and whole
//! metadata/         the log of topics, ids and settings
//! commit-log/       what makes all logs durable
//! recovery-points   how far each log is durable without it
//! disk-reserve      room set aside for a full disk
//! producer-ids      the first producer id that was never reserved
//! topics/           a directory <topic>-<partition> for each partition that ever held a record
//! deleted/          partitions of deleted topics, on their way out
//! quarantine/       what was in topics/ and is no partition's directory; nothing reads or removes it
//!
//! cleaner-offset-checkpoint   how far each compacted log is compacted
//! ```

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::commit_log::DAMAGED_DIRECTORY;
use super::recovery::LastStop;
use super::space;
use super::{Disk, StorageError, id_text, parse_id, random_id};

/// Name of the file that says whose the directory is.
pub(crate) const META_FILE: &str = "meta.properties";
const LOCK_FILE: &str = "lock";
const CLEAN_FILE: &str = "clean-shutdown";
const METADATA_DIRECTORY: &str = "metadata";
const TOPICS_DIRECTORY: &str = "topics";
const COMMIT_LOG_DIRECTORY: &str = "commit-log";
const DELETED_DIRECTORY: &str = "deleted";
const QUARANTINE_DIRECTORY: &str = "quarantine";
/// What a new directory may hold: what a start left that ended before its first file was whole, and
/// what a file system of its own brings along.
const NOT_FOREIGN: [&str; 3] = [LOCK_FILE, "meta.tmp", "lost+found"];
/// The format that this module reads and writes. It grows with every change that an older version
/// could not read.
pub(crate) const FORMAT_VERSION: u32 = 4;
/// The node whose directory is looked at where nobody says which it is: the only one there is.
const NODE_ID: i32 = 1;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the data directory {} is in use by another process; stop that one or name another directory",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A later version of Sluice wrote it.
    #[error(
        "the data directory {} has the format {found}, this version of Sluice reads up to {FORMAT_VERSION}; use the version that wrote it",
        path.display()
    )]
    LaterFormat {
        /// The directory.
        path: PathBuf,
        /// Its format version.
        found: u32,
    },
    /// It belongs to a broker of another id.
    #[error(
        "the data directory {} belongs to node {found}, this is node {node_id}; name another directory",
        path.display()
    )]
    OtherNode {
        /// The directory.
        path: PathBuf,
        /// The id in it.
        found: i32,
        /// The id configured.
        node_id: i32,
    },
    /// Something in it is not what Sluice wrote.
    #[error("{} is not what Sluice wrote: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Nothing can be written into it.
    #[error(
        "the data directory {} takes no files: {cause}; make it writable or name another directory",
        path.display()
    )]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// What failed.
        cause: StorageError,
    },
    /// The disk has no room for what a start writes.
    #[error(
        "the disk is too full to start: {cause}; make at least {} MiB free on it (broker.disk_reserve), and {} inodes (df -i), and start again",
        needed.div_ceil(1024 * 1024),
        space::INODES_FLOOR
    )]
    NoRoom {
        /// What failed.
        cause: StorageError,
        /// Bytes with which a start goes well.
        needed: u64,
    },
    /// A topic setting of the broker's configuration is invalid.
    #[error("the configuration of topic defaults is invalid: {reason}")]
    InvalidDefaults {
        /// What is wrong.
        reason: String,
    },
    /// The system grants no threads.
    #[error("cannot start the threads that write to the disk: {0}")]
    Threads(std::io::Error),
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl OpenError {
    /// The same, or that there are not the bytes `needed` on the disk, where that is why.
    pub(crate) fn or_no_room(self, needed: u64) -> Self {
        if let Self::Storage(cause) | Self::NotWritable { cause, .. } = &self
            && cause.is_full()
        {
            let cause = cause.clone();
            return Self::NoRoom { cause, needed };
        }
        self
    }
}

/// A data directory that this process has.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    disk: Disk,
    cluster_id: String,
    last_stop: LastStop,
    is_new: bool,
    node_id: i32,
    earlier_format: Option<u32>,
    _lock: Box<dyn Debug + Send + Sync>,
}

impl DataDirectory {
    /// Takes a directory, making it if need be. In one that is refused for what its properties say, or for files in
    /// the place of directories, nothing is changed. It stays marked as clean until [`DataDirectory::begin`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(disk: &Disk, path: &Path, node_id: i32) -> Result<Self, OpenError> {
        if let Some(bytes) = disk.read_file(&path.join(META_FILE))? {
            meta_of(path, node_id, &String::from_utf8_lossy(&bytes))?;
            check_directories(disk, path)?;
        }
        disk.create_dir(path)?;
        let lock_path = path.join(LOCK_FILE);
        let lock = disk.lock(&lock_path).map_err(|error| {
            if error.kind() == ErrorKind::WouldBlock {
                let path = path.to_owned();
                return OpenError::InUse { path };
            }
            StorageError::new("lock", &lock_path, error).into()
        })?;
        space::make_room_to_start(disk, path)?;
        let found = disk.read_file(&path.join(META_FILE))?;
        let is_new = found.is_none();
        let mut earlier_format = None;
        let cluster_id = match found {
            Some(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let found = meta_of(path, node_id, &text)?;
                prove_writable(disk, path, &text)?;
                earlier_format = Some(found.format).filter(|format| *format < FORMAT_VERSION);
                found.cluster_id
            }
            None => create(disk, path, node_id)?,
        };
        let last_stop = match is_new || is_marked_clean(disk, path)? {
            true => LastStop::Clean,
            false => LastStop::Unclean,
        };
        Ok(Self {
            path: path.to_owned(),
            disk: disk.clone(),
            cluster_id,
            last_stop,
            is_new,
            node_id,
            earlier_format,
            _lock: lock,
        })
    }

    /// Says that the directory is in use from now on, before anything is written that a clean stop does
    /// not leave, and of this format. A start that fails before that has changed nothing.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn begin(&self) -> Result<(), StorageError> {
        if self.earlier_format.is_some() {
            let text = meta(&self.cluster_id, self.node_id);
            let path = self.path.join(META_FILE);
            self.disk.replace_file(&path, text.as_bytes())?;
        }
        self.disk.remove_file(&self.path.join(CLEAN_FILE))?;
        self.disk.sync_dir(&self.path)
    }

    /// Id of the cluster: 22 characters.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// How it was left.
    #[must_use]
    pub const fn last_stop(&self) -> LastStop {
        self.last_stop
    }

    /// Whether it was made just now.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether a file said how far logs were durable whenever something was acknowledged.
    #[must_use]
    pub fn always_had_points(&self) -> bool {
        self.earlier_format.is_none_or(has_points_always)
    }

    /// The format it was found in, where that is an earlier one than it is in once it has
    /// [begun](DataDirectory::begin).
    #[must_use]
    pub const fn earlier_format(&self) -> Option<u32> {
        self.earlier_format
    }

    /// Where the metadata log is.
    #[must_use]
    pub fn metadata(&self) -> PathBuf {
        self.path.join(METADATA_DIRECTORY)
    }

    /// Where the partitions are.
    #[must_use]
    pub fn topics(&self) -> PathBuf {
        self.path.join(TOPICS_DIRECTORY)
    }

    /// Where the commit log is.
    #[must_use]
    pub fn commit_log(&self) -> PathBuf {
        self.path.join(COMMIT_LOG_DIRECTORY)
    }

    /// Where extents of the commit log are kept that are damaged.
    #[must_use]
    pub fn damaged_extents(&self) -> PathBuf {
        self.commit_log().join(DAMAGED_DIRECTORY)
    }

    /// Where deleted partitions go.
    #[must_use]
    pub fn deleted(&self) -> PathBuf {
        self.path.join(DELETED_DIRECTORY)
    }

    /// Where goes what was in [`topics`](Self::topics) and is no partition's directory.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.path.join(QUARANTINE_DIRECTORY)
    }

    /// Makes everything durable and says so, as the last thing before the process ends.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn mark_clean(&self) -> Result<(), StorageError> {
        self.disk.sync_all(&self.path)?;
        self.disk.replace_file(&self.path.join(CLEAN_FILE), b"")
    }
}

/// The file that is locked by the process that has the directory.
pub(crate) fn lock_path(directory: &Path) -> PathBuf {
    directory.join(LOCK_FILE)
}

/// Whether the directory is closed and whole.
pub(crate) fn is_marked_clean(disk: &Disk, directory: &Path) -> Result<bool, StorageError> {
    let mark = disk.read_file(&directory.join(CLEAN_FILE))?;
    Ok(mark.is_some())
}

fn create(disk: &Disk, path: &Path, node_id: i32) -> Result<String, OpenError> {
    let names = disk.list(path)?;
    let is_foreign = |name: &&String| !NOT_FOREIGN.contains(&name.as_str());
    if let Some(name) = names.iter().find(is_foreign) {
        return Err(OpenError::Unreadable {
            path: path.to_owned(),
            reason: lacks_meta(&names, name, node_id),
        });
    }
    // Before it is one that is not new: a start that is killed in between has the next do this again.
    disk.sync_way_to(path)?;
    let cluster_id = id_text(random_id());
    let text = meta(&cluster_id, node_id);
    disk.replace_file(&path.join(META_FILE), text.as_bytes())?;
    Ok(cluster_id)
}

/// Refuses a data directory with a file in the place of one of its directories: some are needed only when a topic is
/// deleted, and nothing can be served any more then.
fn check_directories(disk: &Disk, path: &Path) -> Result<(), OpenError> {
    let commit_log = path.join(COMMIT_LOG_DIRECTORY);
    let damaged = commit_log.join(DAMAGED_DIRECTORY);
    let others = [
        METADATA_DIRECTORY,
        TOPICS_DIRECTORY,
        DELETED_DIRECTORY,
        QUARANTINE_DIRECTORY,
    ];
    let others = others.map(|name| path.join(name));
    for directory in others.into_iter().chain([commit_log, damaged]) {
        // Whatever else is wrong is told by who needs it.
        if disk.is_directory(&directory).is_ok_and(|is_one| !is_one) {
            return Err(OpenError::Unreadable {
                path: directory,
                reason: "it is no directory, and one belongs there; move it away and start again"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

/// What is to be done in a directory that does not say whose it is, with these names in it. Nothing else in a
/// data directory tells the id of its cluster, so that any will do.
fn lacks_meta(names: &[String], holds: &str, node_id: i32) -> String {
    let lacks = format!("it has no {META_FILE} but holds {holds}");
    if !names.iter().any(|name| name == METADATA_DIRECTORY) {
        return format!("{lacks}; name an empty directory");
    }
    format!(
        "{lacks}; {}",
        how_to_restore(&id_text(random_id()), node_id)
    )
}

/// How a directory gets its properties back.
fn how_to_restore(cluster_id: &str, node_id: i32) -> String {
    let lines = meta(cluster_id, node_id).replace('\n', "\\n");
    format!(
        "if this is a data directory of Sluice restore {META_FILE} from a backup, \
         or write it anew by: printf '{lines}' > {META_FILE}"
    )
}

/// Writes the properties as they are: a directory that takes no files would else be noticed only at the end, when it
/// is to be marked as clean. On a full disk that is passed over.
fn prove_writable(disk: &Disk, path: &Path, found: &str) -> Result<(), OpenError> {
    match disk.replace_file(&path.join(META_FILE), found.as_bytes()) {
        Err(cause) if !cause.is_full() => Err(OpenError::NotWritable {
            path: path.to_owned(),
            cause,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// As [`DataDirectory::always_had_points`], by the text of its properties.
pub(crate) fn says_that_it_always_had_points(text: &str) -> bool {
    let format = properties(text).get("sluice.format").copied();
    let format = format.and_then(|format| format.parse().ok());
    format.is_none_or(has_points_always)
}

/// Format 1 had no recovery point of the metadata, and the first builds of format 2 acknowledged before they wrote
/// any.
const fn has_points_always(format: u32) -> bool {
    format >= 3
}

/// What the file says that tells whose the directory is.
fn meta(cluster_id: &str, node_id: i32) -> String {
    format!(
        "version=1\ncluster.id={cluster_id}\nnode.id={node_id}\nsluice.format={FORMAT_VERSION}\n"
    )
}

/// Whether the text of such a file is of a data directory of ours, of whatever format. Apache Kafka's
/// file of that name is none.
pub(crate) fn is_ours(text: &str) -> bool {
    properties(text).contains_key("sluice.format")
}

/// Whether this version may look at the directory at `path`, whose `meta.properties` has this text.
pub(crate) fn check_meta(path: &Path, text: &str) -> Result<(), OpenError> {
    Meta::parse(path, text, NODE_ID).map(drop)
}

/// The cluster of the directory at `path`, which must be this node's.
fn meta_of(path: &Path, node_id: i32, text: &str) -> Result<Meta, OpenError> {
    let found = Meta::parse(path, text, node_id)?;
    match found.node_id == node_id {
        true => Ok(found),
        false => Err(OpenError::OtherNode {
            path: path.to_owned(),
            found: found.node_id,
            node_id,
        }),
    }
}

fn properties(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect()
}

/// Whose a directory is.
struct Meta {
    cluster_id: String,
    node_id: i32,
    format: u32,
}

impl Meta {
    /// What the text says of the directory at `path`. Where it does not say all, it is to be written anew with what it
    /// does, and this `node_id`.
    fn parse(path: &Path, text: &str, node_id: i32) -> Result<Self, OpenError> {
        let properties = properties(text);
        let unreadable = |reason: &str| {
            let is_id = |id: &&str| parse_id(id).is_some();
            let cluster_id = properties.get("cluster.id").copied().filter(is_id);
            let cluster_id = cluster_id.map_or_else(|| id_text(random_id()), str::to_owned);
            let restore = how_to_restore(&cluster_id, node_id);
            OpenError::Unreadable {
                path: path.join(META_FILE),
                reason: format!("{reason}; {restore}; else name another directory"),
            }
        };
        let property = |key: &str| {
            let missing = || unreadable(&format!("{key} is missing"));
            properties.get(key).copied().ok_or_else(missing)
        };
        let found: u32 = property("sluice.format")?
            .parse()
            .map_err(|_invalid| unreadable("sluice.format is not a number"))?;
        if found > FORMAT_VERSION {
            let path = path.to_owned();
            return Err(OpenError::LaterFormat { path, found });
        }
        let node_id = property("node.id")?
            .parse()
            .map_err(|_invalid| unreadable("node.id is not a number"))?;
        let cluster_id = property("cluster.id")?;
        match parse_id(cluster_id) {
            Some(_) => Ok(Self {
                cluster_id: cluster_id.to_owned(),
                node_id,
                format: found,
            }),
            None => Err(unreadable("cluster.id is not 22 characters of base64")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Faults, FaultyStorage, FileSystem};
    use super::*;

    fn open(path: &Path) -> Result<DataDirectory, OpenError> {
        DataDirectory::open(&Disk::new(FileSystem), path, 1)
    }

    #[test]
    fn a_directory_that_takes_no_files_is_refused_before_anything_is_served() {
        let storage = FaultyStorage::new(1);
        let disk = Disk::new(storage.clone());
        drop(DataDirectory::open(&disk, "/data".as_ref(), 1).unwrap());
        storage.set_faults(Faults {
            changes_to_error: Some(1),
            ..Faults::default()
        });
        let refusal = DataDirectory::open(&disk, "/data".as_ref(), 1);
        let error = refusal.unwrap_err().to_string();
        assert!(error.contains("takes no files"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn the_cluster_id_stays_and_an_unclean_stop_is_noticed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let directory = open(&path).unwrap();
        assert!(directory.is_new());
        let cluster_id = directory.cluster_id().to_owned();
        assert_eq!(cluster_id.len(), 22);
        drop(directory);
        let directory = open(&path).unwrap();
        assert_eq!(directory.cluster_id(), cluster_id);
        assert_eq!(directory.last_stop(), LastStop::Unclean);
        directory.mark_clean().unwrap();
        drop(directory);
        assert_eq!(open(&path).unwrap().last_stop(), LastStop::Clean);
        let directory = open(&path).unwrap();
        assert_eq!(directory.last_stop(), LastStop::Clean, "none had begun");
        directory.begin().unwrap();
        drop(directory);
        assert_eq!(open(&path).unwrap().last_stop(), LastStop::Unclean);
    }

    #[test]
    fn a_directory_in_use_or_not_ours_is_refused_by_name() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let directory = open(&path).unwrap();
        let in_use = open(&path).unwrap_err();
        assert!(matches!(in_use, OpenError::InUse { .. }));
        assert!(in_use.to_string().contains("is in use by another process"));
        drop(directory);
        let other = DataDirectory::open(&Disk::new(FileSystem), &path, 2).unwrap_err();
        assert!(matches!(other, OpenError::OtherNode { found: 1, .. }));

        let meta = path.join(META_FILE);
        let text = std::fs::read_to_string(&meta).unwrap();
        std::fs::write(&meta, text.replace("format=4", "format=5")).unwrap();
        let lock = path.join(LOCK_FILE);
        std::fs::remove_file(&lock).unwrap();
        let later = open(&path).unwrap_err();
        assert!(matches!(later, OpenError::LaterFormat { found: 5, .. }));
        assert!(!lock.exists(), "nothing is changed");
        std::fs::write(&meta, "version=1\ncluster.id=x\nnode.id=1\n").unwrap();
        assert!(matches!(open(&path), Err(OpenError::Unreadable { .. })));
        std::fs::remove_file(&meta).unwrap();
        std::fs::write(path.join("precious"), "").unwrap();
        let foreign = open(&path).unwrap_err();
        assert!(foreign.to_string().contains("holds precious"), "{foreign}");
    }

    /// Mutations: `open` without `check_directories`, and one that has the lock before.
    #[test]
    fn a_file_in_the_place_of_a_directory_is_refused_by_name_before_anything_is_changed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        drop(open(&path).unwrap());
        std::fs::remove_file(path.join(LOCK_FILE)).unwrap();
        std::fs::create_dir(path.join("commit-log")).unwrap();
        let directories = ["metadata", "topics", "commit-log/damaged", "deleted"];
        for name in directories.into_iter().chain(["quarantine", "commit-log"]) {
            let place = path.join(name);
            if place.is_dir() {
                std::fs::remove_dir(&place).unwrap();
            }
            std::fs::write(&place, "a note").unwrap();
            let refusal = open(&path).unwrap_err().to_string();
            let named = format!("{} is not what Sluice wrote: ", place.display());
            assert!(refusal.starts_with(&named), "{refusal}");
            assert!(refusal.contains("move it away"), "{refusal}");
            assert!(!path.join(LOCK_FILE).exists(), "nothing is changed");
            std::fs::remove_file(&place).unwrap();
        }
        open(&path).unwrap();
    }

    /// Mutation: `lacks_meta` without what follows its first condition gives all data up.
    #[test]
    fn a_directory_that_lost_its_properties_opens_with_those_that_the_refusal_names() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        drop(open(&path).unwrap());
        std::fs::create_dir(path.join(METADATA_DIRECTORY)).unwrap();
        std::fs::remove_file(path.join(META_FILE)).unwrap();
        make_good_as_told(&path);
        let text = std::fs::read_to_string(path.join(META_FILE)).unwrap();
        std::fs::write(path.join(META_FILE), text.replace("format=4", "format=x")).unwrap();
        make_good_as_told(&path);
        let found = std::fs::read_to_string(path.join(META_FILE)).unwrap();
        assert_eq!(found, text, "what could be read stays");
        std::fs::write(path.join(META_FILE), "").unwrap();
        make_good_as_told(&path);
    }

    /// Does what the refusal says.
    fn make_good_as_told(path: &Path) {
        let refusal = open(path).unwrap_err().to_string();
        assert!(!refusal.contains("name an empty directory"), "{refusal}");
        let (_, command) = refusal.split_once("anew by: printf '").unwrap();
        let (lines, target) = command.split_once("' > ").unwrap();
        let (target, _) = target.split_once(';').unwrap_or((target, ""));
        // As printf(1) does. A shell would hold the locks of other tests for a moment.
        std::fs::write(path.join(target), lines.replace("\\n", "\n")).unwrap();
        assert!(!open(path).unwrap().is_new());
    }

    #[test]
    fn a_first_start_that_was_killed_is_made_good_by_the_next() {
        let path = Path::new("/data");
        for syncs in 1..10 {
            let storage = FaultyStorage::new(1);
            let disk = Disk::new(storage.clone());
            storage.set_faults(Faults {
                syncs_left: Some(syncs),
                ..Faults::default()
            });
            let first = DataDirectory::open(&disk, path, 1).map(drop);
            storage.kill();
            let next = DataDirectory::open(&disk, path, 1);
            next.unwrap_or_else(|error| panic!("after {first:?} at sync {syncs}: {error}"));
        }
    }

    /// Mutation: `create` that syncs the directory above alone.
    #[test]
    fn a_new_directory_in_new_ones_is_there_after_a_power_cut() {
        let path = Path::new("/new/newer/data");
        let storage = FaultyStorage::new(1);
        let disk = Disk::new(storage.clone());
        let cluster_id = DataDirectory::open(&disk, path, 1).map(|first| first.cluster_id);
        storage.cut_power_and_forget();
        let second = DataDirectory::open(&disk, path, 1).unwrap();
        assert_eq!(second.cluster_id(), cluster_id.unwrap());
    }

    /// Mutation: `Disk::sync_way_to` that takes every error for one.
    #[test]
    fn a_file_system_above_that_syncs_no_directories_is_no_obstacle() {
        let storage = FaultyStorage::new(1);
        let disk = Disk::new(storage.clone());
        storage.set_faults(Faults {
            never_synced: Some("/automounted"),
            ..Faults::default()
        });
        let path = Path::new("/automounted/new/data");
        assert!(DataDirectory::open(&disk, path, 1).unwrap().is_new());
        storage.cut_power_and_forget();
        storage.set_faults(Faults::default());
        assert!(disk.list("/automounted/new".as_ref()).is_ok());
    }

    #[test]
    fn a_file_system_of_its_own_is_a_new_directory() {
        let parent = tempfile::tempdir().unwrap();
        std::fs::create_dir(parent.path().join("lost+found")).unwrap();
        assert!(open(parent.path()).unwrap().is_new());
    }
}
