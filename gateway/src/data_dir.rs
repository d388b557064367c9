//! The gateway's part of the data directory: one running program, one format.
//!
//! `<data-dir>/gateway` holds a lock file and `meta.properties` with the version of everything else in
//! it. The bundled broker keeps its own part, with its own lock and version, in `<data-dir>/broker`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// The version this program writes, and the only one it reads.
const FORMAT_VERSION: &str = "1";

/// The name and value of the version in the file, as Kafka's own `meta.properties` has them.
const FORMAT_KEY: &str = "format.version=";

/// Where the version is, and where Apache Kafka and the bundled broker have theirs.
const META_FILE: &str = "meta.properties";

/// The directory cannot be used. Every message names the path.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another program holds the lock.
    #[error(
        "{path} is in use by another sluice; stop it, or choose another directory with --data-dir"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It was written by another version of the program.
    #[error(
        "{path} has format version {found}, and this sluice knows only {FORMAT_VERSION}; start the \
         version that wrote it, or choose another directory with --data-dir"
    )]
    OtherFormat {
        /// The directory.
        path: PathBuf,
        /// The version it has.
        found: String,
    },
    /// The version cannot be found in the file.
    #[error(
        "{path} has no line {FORMAT_KEY}; the file is damaged, or the directory belongs to something \
         else: choose another one with --data-dir"
    )]
    NoFormat {
        /// The file.
        path: PathBuf,
    },
    /// It is Apache Kafka's, which takes nothing but partitions in it, or the broker's part of one.
    #[error(
        "{path} is there, so its directory is one of Apache Kafka's log.dirs, or the broker's part of a data directory; \
         choose the one above, or another one, with --data-dir"
    )]
    NotOurs {
        /// The file that says so.
        path: PathBuf,
    },
    /// The disk is full.
    #[error(
        "cannot write {path}: {cause}; make room on its disk, some KiB for the gateway and at least broker.disk_reserve for the broker, and start again"
    )]
    NoRoom {
        /// What was written.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The system refuses.
    #[error(
        "cannot use {path}: {cause}; make it readable and writable, or choose another directory with --data-dir"
    )]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

/// The gateway's directory, locked until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates or opens `<data_dir>/gateway` and locks it. In a directory that is somebody else's nothing is made.
    ///
    /// # Errors
    /// It is in use, has another format, is somebody else's, or the system refuses.
    pub fn open(data_dir: &Path) -> Result<Self, DataDirError> {
        check_owner(data_dir)?;
        let path = data_dir.join("gateway");
        fs::create_dir_all(&path).map_err(at(&path))?;
        let lock = lock(&path)?;
        check_format(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    |cause| {
        let is_full = matches!(
            cause.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        match is_full {
            true => DataDirError::NoRoom { path, cause },
            false => DataDirError::Io { path, cause },
        }
    }
}

fn lock(dir: &Path) -> Result<File, DataDirError> {
    let path = dir.join(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(at(&path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(DataDirError::InUse {
            path: dir.to_owned(),
        }),
        Err(error) => Err(at(&path)(error.into())),
    }
}

/// Refuses a directory that says of itself whose it is: a data directory's two parts do, and it does not.
fn check_owner(data_dir: &Path) -> Result<(), DataDirError> {
    let path = data_dir.join(META_FILE);
    match path.symlink_metadata() {
        Ok(_) => Err(DataDirError::NotOurs { path }),
        Err(_) => Ok(()),
    }
}

/// Checks the version, or writes it into a new directory.
fn check_format(dir: &Path) -> Result<(), DataDirError> {
    let path = dir.join(META_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return write_format(dir, &path);
        }
        Err(error) => return Err(at(&path)(error)),
    };
    match text.lines().find_map(|line| line.strip_prefix(FORMAT_KEY)) {
        Some(FORMAT_VERSION) => Ok(()),
        Some(found) => Err(DataDirError::OtherFormat {
            path: dir.to_owned(),
            found: found.to_owned(),
        }),
        None => Err(DataDirError::NoFormat { path }),
    }
}

/// Writes the version, whole or not at all and durably: a crash leaves no directory that nobody opens, and
/// a start after a power cut need not write it again on a disk that may be full by then.
fn write_format(dir: &Path, path: &Path) -> Result<(), DataDirError> {
    let draft = dir.join("meta.properties.tmp");
    fs::write(&draft, format!("{FORMAT_KEY}{FORMAT_VERSION}\n")).map_err(at(&draft))?;
    sync(&draft)?;
    fs::rename(&draft, path).map_err(at(path))?;
    sync(dir)?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), sync)
}

fn sync(path: &Path) -> Result<(), DataDirError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_once_and_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(&dir.path().join("deep/er")).unwrap();
        assert_eq!(first.path(), dir.path().join("deep/er/gateway"));
        drop(first);
        DataDir::open(&dir.path().join("deep/er")).unwrap();
    }

    #[test]
    fn a_directory_in_use_is_refused_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let _first = DataDir::open(dir.path()).unwrap();
        let error = DataDir::open(dir.path()).unwrap_err();
        assert!(matches!(error, DataDirError::InUse { .. }));
        assert!(error.to_string().contains("--data-dir"), "{error}");
    }

    #[test]
    fn another_format_is_refused_with_both_versions() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::open(dir.path()).unwrap());
        let meta = dir.path().join("gateway/meta.properties");
        fs::write(&meta, "format.version=7\n").unwrap();
        let error = DataDir::open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("format version 7, and this sluice knows only 1"),
            "{error}"
        );
        fs::write(&meta, "").unwrap();
        let error = DataDir::open(dir.path()).unwrap_err();
        assert!(matches!(error, DataDirError::NoFormat { .. }), "{error}");
    }

    /// Apache Kafka does not start where there is a directory of another kind among its own.
    ///
    /// Mutations: `open` without `check_owner`, or with it behind `create_dir_all`.
    #[test]
    fn a_directory_of_apache_kafka_or_of_the_broker_is_refused_and_nothing_is_made_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let meta = dir.path().join("meta.properties");
        for text in ["version=1\nnode.id=1\n", "sluice.format=4\n"] {
            fs::write(&meta, text).unwrap();
            let error = DataDir::open(dir.path()).unwrap_err().to_string();
            assert!(error.starts_with(&meta.display().to_string()), "{error}");
            assert!(error.contains("log.dirs"), "{error}");
            assert!(error.contains("--data-dir"), "{error}");
            let names = fs::read_dir(dir.path()).unwrap().count();
            assert_eq!(names, 1, "nothing is made");
        }
    }

    /// Mutation: where `at` makes `Io` of it, the directory is to be made writable, which it is.
    #[test]
    fn a_full_disk_is_told_as_one() {
        let full = at(Path::new("data"))(io::ErrorKind::StorageFull.into());
        assert!(matches!(full, DataDirError::NoRoom { .. }), "{full}");
        assert!(full.to_string().contains("make room on its disk"), "{full}");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = DataDir::open(&file).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot use {}", file.join("gateway").display())),
            "{error}"
        );
    }
}
