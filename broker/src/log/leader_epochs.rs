//! Where each leader epoch of a partition begins (KIP-101).
//!
//! An epoch begins with the first batch appended under it. The list is kept in
//! `leader-epoch-checkpoint`, in Kafka's text format: the version 0, the number of entries, and a
//! line `epoch start-offset` for each.

use std::fmt::Write;

/// Name of the file.
pub(crate) const FILE_NAME: &str = "leader-epoch-checkpoint";

/// The epochs of a partition, each with its first offset; both strictly increase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeaderEpochs(Vec<(i32, i64)>);

impl LeaderEpochs {
    /// Reads the file's text; `None` where it is not one of ours or Kafka's.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()?.trim() != "0" {
            return None;
        }
        let count: usize = lines.next()?.trim().parse().ok()?;
        let mut epochs = Self::default();
        for line in lines {
            let (epoch, start) = line.trim().split_once(' ')?;
            if !epochs.push(epoch.parse().ok()?, start.parse().ok()?) {
                return None;
            }
        }
        (epochs.0.len() == count).then_some(epochs)
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("0\n{}\n", self.0.len());
        for (epoch, start) in &self.0 {
            // Writing to a string cannot fail.
            writeln!(text, "{epoch} {start}").ok();
        }
        text
    }

    /// Adds an epoch that begins at `start`, and says whether it is new and in order.
    pub(crate) fn push(&mut self, epoch: i32, start: i64) -> bool {
        let is_next = match self.0.last() {
            Some((last_epoch, last_start)) => epoch > *last_epoch && start >= *last_start,
            None => epoch >= 0,
        };
        if is_next {
            // An epoch without a record leaves no trace.
            self.0.retain(|(_, begun)| *begun < start);
            self.0.push((epoch, start));
        }
        is_next
    }

    /// The epochs with their first offsets, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i32, i64)> {
        self.0.iter().copied()
    }

    /// Forgets what begins at `end` or behind it, where the log was cut.
    pub(crate) fn cut(&mut self, end: i64) {
        self.0.retain(|(_, start)| *start < end);
    }

    /// The last epoch.
    pub(crate) fn last(&self) -> Option<i32> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn epoch_of(&self, offset: i64) -> Option<i32> {
        let count = self.0.partition_point(|(_, start)| *start <= offset);
        let (epoch, _) = self.0.get(count.checked_sub(1)?)?;
        Some(*epoch)
    }

    /// The largest epoch up to `asked`, and where it ends; the last one ends at `log_end`.
    pub(crate) fn end_of(&self, asked: i32, log_end: i64) -> Option<(i32, i64)> {
        let count = self.0.partition_point(|(epoch, _)| *epoch <= asked);
        let (epoch, _) = self.0.get(count.checked_sub(1)?)?;
        let end = self.0.get(count).map_or(log_end, |(_, start)| *start);
        Some((*epoch, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for (epoch, start) in entries {
            assert!(epochs.push(*epoch, *start));
        }
        epochs
    }

    /// Mutation: `parse` that does not count.
    #[test]
    fn the_text_is_kafkas_and_reads_back() {
        let epochs = epochs(&[(0, 0), (3, 17)]);
        assert_eq!(epochs.to_text(), "0\n2\n0 0\n3 17\n");
        assert_eq!(LeaderEpochs::parse(&epochs.to_text()), Some(epochs));
        for broken in [
            "",
            "1\n0\n",
            "0\n2\n0 0\n",
            "0\n1\nx 0\n",
            "0\n2\n3 0\n1 5\n",
        ] {
            assert_eq!(LeaderEpochs::parse(broken), None, "{broken:?}");
        }
    }

    /// Mutation: `end_of` that lets every epoch end with the log.
    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        let epochs = epochs(&[(1, 10), (4, 20)]);
        assert_eq!(epochs.end_of(0, 30), None);
        assert_eq!(epochs.end_of(1, 30), Some((1, 20)));
        assert_eq!(epochs.end_of(3, 30), Some((1, 20)));
        assert_eq!(epochs.end_of(4, 30), Some((4, 30)));
        assert_eq!(epochs.end_of(9, 30), Some((4, 30)));
        assert_eq!(epochs.epoch_of(9), None);
        assert_eq!(epochs.epoch_of(19), Some(1));
        assert_eq!(epochs.epoch_of(20), Some(4));
    }

    /// Mutation: `cut` that keeps the epoch that begins there.
    #[test]
    fn a_cut_takes_the_epochs_that_begin_behind_it() {
        let mut epochs = epochs(&[(1, 10), (4, 20)]);
        epochs.cut(20);
        assert_eq!(epochs.last(), Some(1));
        assert!(!epochs.push(1, 25), "not a new epoch");
        assert!(epochs.push(5, 25));
    }

    /// Mutation: `push` that keeps all epochs before.
    #[test]
    fn an_epoch_without_a_record_leaves_no_trace() {
        let epochs = epochs(&[(1, 10), (2, 10)]);
        assert_eq!(epochs.to_text(), "0\n1\n2 10\n");
    }
}
