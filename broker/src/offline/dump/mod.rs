//! What files hold, a line a batch, an entry, a frame.
//!
//! A directory is walked through, names in order. What cannot be decoded is a line of the kind `damage`,
//! and the dump goes on behind it.

mod batches;
mod extent;
mod indexes;
mod small;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::file_kind::FileKind;
use super::line::{Form, Line};
use crate::log::disk::DiskFile;
use crate::log::storage::OpenMode;
use crate::log::{Disk, FileSystem, StorageError};

/// Directories below one another that are walked through.
const DEPTH_MAX: usize = 8;

/// What is shown, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct DumpOptions {
    /// A line for each record, too.
    pub records: bool,
    /// How lines are written.
    pub form: Form,
}

/// Why a dump ended early.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// A file or directory cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nobody takes the output any more, or it cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// Writes what the file or directory at `path` holds. Returns whether all of it could be decoded.
///
/// # Errors
/// [`DumpError`].
pub fn dump(path: &Path, options: DumpOptions, out: &mut dyn Write) -> Result<bool, DumpError> {
    let mut dump = Dump {
        disk: Disk::new(FileSystem),
        options,
        out,
        path: PathBuf::new(),
        is_sound: true,
    };
    dump.path(path, 0)?;
    dump.out.flush()?;
    Ok(dump.is_sound)
}

/// A dump under way.
struct Dump<'a> {
    disk: Disk,
    options: DumpOptions,
    out: &'a mut dyn Write,
    /// The file that is read.
    path: PathBuf,
    is_sound: bool,
}

impl Dump<'_> {
    fn path(&mut self, path: &Path, depth: usize) -> Result<(), DumpError> {
        let failed = |error| StorageError::new("look at", path, error);
        let found = match depth {
            0 => fs::metadata(path),
            // Links lead elsewhere, or in circles.
            _ => fs::symlink_metadata(path),
        };
        let found = found.map_err(failed)?;
        if found.is_dir() && depth <= DEPTH_MAX {
            return self.directory(path, depth);
        }
        match found.is_file() {
            true => self.file(path),
            false => Ok(()),
        }
    }

    /// Files before directories, so that what is about the whole comes first.
    fn directory(&mut self, path: &Path, depth: usize) -> Result<(), DumpError> {
        let failed = |error| StorageError::new("list", path, error);
        let mut entries: Vec<(bool, PathBuf)> = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_directory = entry.file_type().map_err(failed)?.is_dir();
            entries.push((is_directory, entry.path()));
        }
        entries.sort_unstable();
        for (_, entry) in entries {
            self.path(&entry, depth.saturating_add(1))?;
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), DumpError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let kind = FileKind::of(&name);
        let file = self.disk.open(path, OpenMode::Read)?;
        let size = file.size()?;
        path.clone_into(&mut self.path);
        self.line(
            &Line::new("file")
                .word("type", kind.word())
                .number("size", size)
                .text("path", path.to_string_lossy()),
        )?;
        match kind {
            FileKind::Segment => self.segment(&name, &file, size),
            FileKind::OffsetIndex => self.offset_index(&name, &file, size),
            FileKind::TimeIndex => self.time_index(&name, &file, size),
            FileKind::TransactionIndex => self.transaction_index(&file, size),
            FileKind::Extent => self.extent(path),
            FileKind::Reserve | FileKind::Mark | FileKind::Unfinished | FileKind::Unknown => Ok(()),
            FileKind::Snapshot
            | FileKind::LeaderEpochs
            | FileKind::DamagedRanges
            | FileKind::RecoveryPoints
            | FileKind::Text => self.small(kind, &file),
        }
    }

    fn line(&mut self, line: &Line) -> Result<(), DumpError> {
        Ok(line.write(self.options.form, self.out)?)
    }

    /// Tells that the bytes from `from` to `to` of the file cannot be decoded.
    fn damage(&mut self, from: u64, to: u64, reason: impl ToString) -> Result<(), DumpError> {
        self.is_sound = false;
        self.line(
            &Line::new("damage")
                .number("position", from)
                .number("size", to.saturating_sub(from))
                .text("reason", reason.to_string())
                .text("path", self.path.to_string_lossy()),
        )
    }

    /// The same of a whole file.
    fn unreadable(&mut self, file: &DiskFile, reason: &str) -> Result<(), DumpError> {
        self.damage(0, file.size()?, reason)
    }
}

#[cfg(test)]
mod tests;
