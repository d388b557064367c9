//! Noting what is damaged: in what readers see, in the file `damaged-ranges`, and to whoever is to
//! be told.

use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use super::damage::{DAMAGED_RANGES_FILE, DamagedRange, DamagedRanges};
use super::open_files::SegmentFile;
use super::partition_log::{PartitionLog, View};

/// What there is to tell of damage.
#[derive(Clone, Copy, Debug)]
pub enum DamageNews<'a> {
    /// A damaged range that nobody knew of.
    Found {
        /// The directory of the log.
        directory: &'a Path,
        /// The offsets.
        range: DamagedRange,
    },
    /// There are so many damaged ranges now, in all logs.
    Count(i64),
}

/// Told of damage. Must not take long.
type Observer = Box<dyn Fn(DamageNews<'_>) + Send + Sync>;

/// What is known of the damage in all logs of a data directory.
#[derive(Default)]
pub(crate) struct Damages {
    count: AtomicI64,
    observer: OnceLock<Observer>,
}

impl Damages {
    /// Tells `observer` from now on, at once how much damage there is. The first one stays.
    pub(crate) fn observe(&self, observer: impl Fn(DamageNews<'_>) + Send + Sync + 'static) {
        drop(self.observer.set(Box::new(observer)));
        self.add(0);
    }

    fn add(&self, ranges: i64) {
        let before = self.count.fetch_add(ranges, Ordering::Relaxed);
        self.tell(DamageNews::Count(before.saturating_add(ranges)));
    }

    fn tell(&self, news: DamageNews<'_>) {
        if let Some(observer) = self.observer.get() {
            observer(news);
        }
    }
}

impl Debug for Damages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Damages")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl PartitionLog {
    /// The damaged ranges that are known.
    #[must_use]
    pub fn damaged(&self) -> Vec<DamagedRange> {
        self.view.lock().damaged.as_slice().to_vec()
    }

    /// Takes note of damage found in the file of a segment, unless that is no longer part of the log.
    pub(super) fn note_damage(&self, file: &Arc<SegmentFile>, range: DamagedRange) {
        let mut view = self.view.lock();
        let offsets = view.log_start..view.durable_end;
        let Some(range) = range.within(&offsets).filter(|_| view.has(file)) else {
            return;
        };
        let is_news = self.change_damaged(&mut view, |damaged| damaged.note(range));
        drop(view);
        if is_news {
            self.write_damaged();
            self.context.damages.tell(DamageNews::Found {
                directory: &self.directory,
                range,
            });
        }
    }

    /// Forgets damage, so that it is found anew.
    #[cfg(test)]
    pub(crate) fn forget_damage(&self, ranges: &[DamagedRange]) {
        if ranges.is_empty() {
            return;
        }
        self.change_damaged(&mut self.view.lock(), |damaged| {
            for range in ranges {
                damaged.forget(*range);
            }
        });
        self.write_damaged();
    }

    /// Forgets the damage below the log start, which nobody can ask for any more. The file may still tell of
    /// it: so does nothing that is believed at a start.
    pub(super) fn forget_old_damage(&self) {
        let mut view = self.view.lock();
        let log_start = view.log_start;
        self.change_damaged(&mut view, |damaged| damaged.forget_below(log_start));
    }

    /// Changes what is known and counts it. A log that is closed for good has none.
    pub(super) fn change_damaged<T>(
        &self,
        view: &mut View,
        change: impl FnOnce(&mut DamagedRanges) -> T,
    ) -> T {
        let count = |view: &View| i64::try_from(view.damaged.as_slice().len()).unwrap_or(i64::MAX);
        let before = count(view);
        let changed = change(&mut view.damaged);
        let added = count(view).saturating_sub(before);
        self.context.damages.add(added);
        changed
    }

    /// Writes the file, unless it says the same already. Where that fails, the next call tries it again, and
    /// reads and the scrub after the next start find it all again.
    pub(crate) fn write_damaged(&self) {
        if !self.key.keeps_damage() {
            return;
        }
        let mut written = self.damaged_file.lock();
        let view = self.view.lock();
        let (known, is_closed) = (view.damaged.clone(), view.is_closed);
        drop(view);
        if is_closed || *written == known {
            return;
        }
        let path = self.directory.join(DAMAGED_RANGES_FILE);
        let text = known.to_text();
        if let Ok(()) = self.context.disk.replace_file(&path, text.as_bytes()) {
            *written = known;
        }
    }
}

impl View {
    /// Whether `file` is that of a segment.
    fn has(&self, file: &Arc<SegmentFile>) -> bool {
        let sealed = self.sealed.iter().map(|segment| &segment.file);
        let mut files = sealed.chain(self.active.iter().map(|active| &active.file));
        !self.is_closed && files.any(|known| Arc::ptr_eq(known, file))
    }
}
