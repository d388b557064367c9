//! Who waits for which partition of one broker, and which parked fetch covers it.
//!
//! Pure: waits and answers come in, fetches to park and readers to wake come out. A partition stays on
//! the board after its readers were woken, because they come back in a moment; it goes when it has
//! news for which nobody waits, or when nobody has waited for some time. Invariants:
//! * a partition somebody waits for is parked, or in `fresh` for the next fetch that can be;
//! * a reader is woken no later than the answer that passes its position, or fails its partition.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Waiter;
use crate::model::TopicPartition;

/// How long a partition stays on the board without a reader.
const LINGER: Duration = Duration::from_secs(30);

/// Number of a link, and of the fetch parked on it. The first is for the session.
pub(super) type Slot = usize;

/// The slot of the fetch that covers everything sooner or later.
pub(super) const MAIN: Slot = 0;

/// A wait for some partitions.
#[derive(Debug)]
pub(super) struct Wait {
    number: u64,
    partitions: Vec<TopicPartition>,
}

/// A partition on the board.
#[derive(Debug)]
struct Row {
    /// Offset to fetch from: where the log ended as far as is known.
    offset: i64,
    cover: Option<Slot>,
    waits: HashMap<u64, (i64, Arc<Waiter>)>,
    last_wait: Instant,
}

/// A fetch to park.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Park {
    pub(super) slot: Slot,
    /// Partitions the request must name, if it may leave out what did not change.
    pub(super) changed: Vec<(TopicPartition, i64)>,
    /// Partitions that leave the session.
    pub(super) forgotten: Vec<TopicPartition>,
}

/// What an answer says of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The offset behind the last record readers may see.
    End(i64),
    /// Something a read will meet too.
    Error,
}

/// The board of one broker.
#[derive(Debug)]
pub(super) struct Board {
    rows: HashMap<TopicPartition, Row>,
    /// Partitions waited for that no parked fetch covers.
    fresh: HashSet<TopicPartition>,
    /// Partitions that the main fetch must name next time, or leave out.
    dirty: HashSet<TopicPartition>,
    is_main_parked: bool,
    /// What the other fetches cover, each with its slot; the slots that are not here are free.
    others: BTreeMap<Slot, Vec<TopicPartition>>,
    slots: usize,
    next_number: u64,
    swept: Instant,
}

impl Board {
    pub(super) fn new(slots: usize, now: Instant) -> Self {
        Self {
            rows: HashMap::new(),
            fresh: HashSet::new(),
            dirty: HashSet::new(),
            is_main_parked: false,
            others: BTreeMap::new(),
            slots: slots.max(1),
            next_number: 0,
            swept: now,
        }
    }

    /// Adds a reader. One whose position is passed already is woken at once.
    pub(super) fn wait(
        &mut self,
        positions: &[(TopicPartition, i64)],
        waiter: &Arc<Waiter>,
        now: Instant,
    ) -> Wait {
        self.next_number += 1;
        let number = self.next_number;
        for (at, offset) in positions {
            let row = self.rows.entry(at.clone()).or_insert_with(|| {
                self.fresh.insert(at.clone());
                Row {
                    offset: *offset,
                    cover: None,
                    waits: HashMap::new(),
                    last_wait: now,
                }
            });
            row.last_wait = now;
            if *offset < row.offset {
                waiter.0.notify_one();
            }
            row.waits.insert(number, (*offset, Arc::clone(waiter)));
        }
        let partitions = positions.iter().map(|(at, _)| at.clone());
        Wait {
            number,
            partitions: partitions.collect(),
        }
    }

    /// Removes a reader.
    pub(super) fn end(&mut self, wait: &Wait) {
        for at in &wait.partitions {
            if let Some(row) = self.rows.get_mut(at) {
                row.waits.remove(&wait.number);
            }
        }
    }

    /// Whether partitions wait for a fetch to cover them.
    pub(super) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// How many partitions are on the board.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The next fetch to park, if there is one and a slot for it. The main one only where it `may`.
    pub(super) fn plan(&mut self, may_main: bool, now: Instant) -> Option<Park> {
        if may_main && !self.is_main_parked {
            self.sweep(now);
            return self.plan_main();
        }
        if self.fresh.is_empty() {
            return None;
        }
        let slot = (MAIN + 1..self.slots).find(|slot| !self.others.contains_key(slot))?;
        let covered: Vec<TopicPartition> = std::mem::take(&mut self.fresh).into_iter().collect();
        let mut changed = Vec::with_capacity(covered.len());
        for at in &covered {
            if let Some(row) = self.rows.get_mut(at) {
                row.cover = Some(slot);
                changed.push((at.clone(), row.offset));
            }
        }
        self.others.insert(slot, covered);
        Some(Park {
            slot,
            changed,
            forgotten: Vec::new(),
        })
    }

    /// The main fetch takes over what is parked elsewhere, or nowhere yet.
    fn plan_main(&mut self) -> Option<Park> {
        if self.rows.is_empty() {
            self.dirty.clear();
            return None;
        }
        let others = self.others.values().flatten().cloned();
        let outside: Vec<TopicPartition> = std::mem::take(&mut self.fresh)
            .into_iter()
            .chain(others)
            .collect();
        for at in outside {
            if let Some(row) = self.rows.get_mut(&at)
                && row.cover != Some(MAIN)
            {
                row.cover = Some(MAIN);
                self.dirty.insert(at);
            }
        }
        let mut park = Park {
            slot: MAIN,
            changed: Vec::with_capacity(self.dirty.len()),
            forgotten: Vec::new(),
        };
        for at in std::mem::take(&mut self.dirty) {
            match self.rows.get(&at) {
                Some(row) => park.changed.push((at, row.offset)),
                None => park.forgotten.push(at),
            }
        }
        self.is_main_parked = true;
        Some(park)
    }

    /// Everything the main fetch covers, for a request that must name it all.
    pub(super) fn covered(&self) -> Vec<(TopicPartition, i64)> {
        let rows = self.rows.iter();
        rows.filter(|(_, row)| row.cover == Some(MAIN))
            .map(|(at, row)| (at.clone(), row.offset))
            .collect()
    }

    /// Takes in the answer to the fetch of a slot.
    pub(super) fn answered(
        &mut self,
        slot: Slot,
        news: impl IntoIterator<Item = (TopicPartition, News)>,
    ) {
        for (at, news) in news {
            let Some(row) = self.rows.get_mut(&at) else {
                continue;
            };
            let end = match news {
                News::End(end) if end <= row.offset => continue,
                News::End(end) => Some(end),
                News::Error => None,
            };
            let had_readers = !row.waits.is_empty();
            row.waits.retain(|_, (offset, waiter)| {
                let is_passed = end.is_none_or(|end| *offset < end);
                if is_passed {
                    waiter.0.notify_one();
                }
                !is_passed
            });
            self.dirty.insert(at.clone());
            match end {
                Some(end) if had_readers => row.offset = end,
                Some(_) | None => drop(self.rows.remove(&at)),
            }
        }
        self.release(slot);
    }

    /// Takes in the failure of the fetch of a slot: its readers must see for themselves.
    pub(super) fn failed(&mut self, slot: Slot) {
        let failed = self.rows.extract_if(|_, row| row.cover == Some(slot));
        for (_, row) in failed {
            for (_, waiter) in row.waits.into_values() {
                waiter.0.notify_one();
            }
        }
        self.release(slot);
    }

    /// Frees a slot. What another fetch than the main one covered alone needs a new one; the rows of
    /// the main one stay with it.
    fn release(&mut self, slot: Slot) {
        if slot == MAIN {
            self.is_main_parked = false;
            return;
        }
        for at in self.others.remove(&slot).unwrap_or_default() {
            if let Some(row) = self.rows.get_mut(&at)
                && row.cover == Some(slot)
            {
                row.cover = None;
                self.fresh.insert(at);
            }
        }
    }

    /// Has the next main fetch begin anew.
    pub(super) fn restart(&mut self) {
        self.dirty.clear();
        self.is_main_parked = false;
    }

    /// Takes partitions off the board for which nobody has waited for some time.
    fn sweep(&mut self, now: Instant) {
        if now < self.swept + LINGER {
            return;
        }
        self.swept = now;
        let idle = self
            .rows
            .extract_if(|_, row| row.waits.is_empty() && row.last_wait + LINGER <= now);
        for (at, row) in idle {
            if row.cover == Some(MAIN) {
                self.dirty.insert(at);
            }
        }
    }
}

#[cfg(test)]
mod tests;
