//! A walk over the batches of a segment that gets round what is damaged.
//!
//! A batch is taken for one when its header makes sense where it stands: the format, a length that fits,
//! offsets behind those of the batch before and within the segment. Whoever walks by whole batches has
//! the checksum checked too, which does not cover the offset: where a batch leaves offsets out, the one
//! behind it must not say otherwise.
//!
//! What is not a batch is a [`Hole`]: from the end of the batch before to the next whole batch, or to
//! the end. In a log that was never compacted no offset is missing, so one that is makes a hole as well.

use std::ops::Range;

use sluice_protocol::record_batch::{BatchHeader, RawBatch};

use super::StorageError;
use super::batch_walk::{BatchWalk, Step};
use super::damage::DamagedRange;
use super::disk::DiskFile;
use super::resync::{makes_sense, next_whole};

/// The bytes that are walked over.
#[derive(Clone, Debug)]
pub(super) struct Ground<'a> {
    pub(super) file: &'a DiskFile,
    /// Bytes of it.
    pub(super) size: u64,
    /// The segment's first offset.
    pub(super) base_offset: i64,
    /// One past its last, where that is known.
    pub(super) end_offset: Option<i64>,
    /// An offset that some batch ends before, or begins with, where one is known.
    pub(super) border: Option<i64>,
    /// Whether every offset has a record.
    pub(super) is_dense: bool,
    /// Whether what is read is of no use to anybody else.
    pub(super) is_read_once: bool,
}

/// Where a walk may begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Anchor {
    /// A batch begins here.
    pub(super) position: u64,
    /// Its last offset, where that has to be seen yet.
    pub(super) last_offset: Option<i64>,
}

/// Where there is no batch though there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// Where it begins in the file.
    pub(super) position: u64,
    /// The first offset that is lost.
    pub(super) begin: i64,
    /// One past the last, where that is known.
    pub(super) end: Option<i64>,
}

/// What a walk comes to.
#[derive(Debug)]
pub(super) enum Found<T> {
    /// A batch, and its position.
    Batch(u64, T),
    Hole(Hole),
    End,
}

impl Hole {
    /// The offsets that are lost, where it is known up to which.
    pub(super) fn range(self) -> Option<DamagedRange> {
        DamagedRange::new(self.begin, self.end?)
    }
}

/// Stands before a batch, or a hole.
#[derive(Debug)]
pub(super) struct SoundWalk<'a> {
    ground: Ground<'a>,
    walk: BatchWalk<'a>,
    /// One past the last offset so far; `None` where the walk began behind the start.
    next_offset: Option<i64>,
    /// Last offset of the first batch, where that is known.
    first_last: Option<i64>,
}

impl<'a> SoundWalk<'a> {
    /// A walk from the start of the segment.
    pub(super) const fn new(ground: Ground<'a>) -> Self {
        let next_offset = Some(ground.base_offset);
        Self::at(ground, 0, next_offset)
    }

    /// A walk from `anchor` on.
    pub(super) const fn from(ground: Ground<'a>, anchor: Anchor) -> Self {
        let next_offset = match anchor.position {
            0 => Some(ground.base_offset),
            _ => None,
        };
        let mut walk = Self::at(ground, anchor.position, next_offset);
        walk.first_last = anchor.last_offset;
        walk
    }

    /// A walk from `position`, where the batch behind `next_offset` begins, or one that may be any.
    pub(super) const fn at(ground: Ground<'a>, position: u64, next_offset: Option<i64>) -> Self {
        let walk = BatchWalk::new(ground.file, position, ground.size);
        let walk = match ground.is_read_once {
            true => walk.read_once(),
            false => walk,
        };
        Self {
            ground,
            walk,
            next_offset,
            first_last: None,
        }
    }

    /// Where the walk stands.
    pub(super) const fn position(&self) -> u64 {
        self.walk.position()
    }

    /// The file that is walked over.
    pub(super) const fn file(&self) -> &'a DiskFile {
        self.ground.file
    }

    /// One past the last offset that a header ahead tells of, in this segment.
    pub(super) fn end_ahead(&self) -> Result<i64, StorageError> {
        let mut end = self.next_offset.unwrap_or_default();
        let ahead = Self::at(self.ground.clone(), self.position(), self.next_offset);
        ahead.each_header(|_, header| end = header.last_offset().saturating_add(1))?;
        Ok(end)
    }

    /// Reads what follows from the disk again.
    pub(super) fn reread(&mut self) -> Result<(), StorageError> {
        let position = self.position();
        self.ground.file.drop_cache(position)?;
        *self = Self::at(self.ground.clone(), position, self.next_offset);
        Ok(())
    }

    /// The next batch by its header.
    pub(super) fn next_header(&mut self) -> Result<Found<BatchHeader>, StorageError> {
        self.next_of(BatchWalk::next_header, |header| *header, |_| true)
    }

    /// Shows the headers of all batches that are left, and their positions.
    pub(super) fn each_header(
        mut self,
        mut show: impl FnMut(u64, BatchHeader),
    ) -> Result<(), StorageError> {
        loop {
            match self.next_header()? {
                Found::Batch(position, header) => show(position, header),
                Found::Hole(_) => {}
                Found::End => return Ok(()),
            }
        }
    }

    /// The next batch whole and with its checksum.
    pub(super) fn next_batch(&mut self) -> Result<Found<RawBatch>, StorageError> {
        let header = |batch: &RawBatch| *batch.header();
        self.next_of(BatchWalk::next_batch, header, RawBatch::has_valid_crc)
    }

    /// As [`SoundWalk::next_header`], where the batch is whole and has its checksum.
    pub(super) fn next_true_header(&mut self) -> Result<Found<BatchHeader>, StorageError> {
        Ok(match self.next_batch()? {
            Found::Batch(position, batch) => Found::Batch(position, *batch.header()),
            Found::Hole(hole) => Found::Hole(hole),
            Found::End => Found::End,
        })
    }

    fn next_of<T>(
        &mut self,
        step: impl Fn(&mut BatchWalk<'a>) -> Result<Step<(u64, T)>, StorageError>,
        header_of: impl Fn(&T) -> BatchHeader,
        is_true: impl Fn(&T) -> bool,
    ) -> Result<Found<T>, StorageError> {
        loop {
            let position = self.position();
            let batch = match step(&mut self.walk)? {
                Step::End => return Ok(self.end()),
                Step::Torn => None,
                Step::Batch((_, batch)) => Some(batch).filter(|batch| is_true(batch)),
            };
            let expected = self.first_last.take();
            let taken = batch.filter(|batch| {
                let header = header_of(batch);
                self.may_be_next(&header)
                    && expected.is_none_or(|expected| header.last_offset() == expected)
            });
            let Some(batch) = taken else {
                match self.resumed(position)? {
                    Some(hole) => return Ok(Found::Hole(hole)),
                    None => continue,
                }
            };
            let header = header_of(&batch);
            let missing = self.next_offset.filter(|next| *next < header.base_offset);
            if let Some(begin) = missing {
                if self.is_contradicted(&header)? {
                    match self.resumed(position)? {
                        Some(hole) => return Ok(Found::Hole(hole)),
                        None => continue,
                    }
                }
                if self.ground.is_dense {
                    let next = Some(header.base_offset);
                    *self = Self::at(self.ground.clone(), position, next);
                    return Ok(Found::Hole(Hole {
                        position,
                        begin,
                        end: next,
                    }));
                }
            }
            self.next_offset = Some(header.last_offset().saturating_add(1));
            return Ok(Found::Batch(position, batch));
        }
    }

    /// Whether the next batch may have this header.
    fn may_be_next(&self, header: &BatchHeader) -> bool {
        let is_across = |border: i64| header.base_offset < border && header.last_offset() >= border;
        makes_sense(header, &self.offsets()) && !self.ground.border.is_some_and(is_across)
    }

    /// The offsets that the next batch may have.
    fn offsets(&self) -> Range<i64> {
        let begin = self.next_offset.unwrap_or(self.ground.base_offset);
        begin..self.ground.end_offset.unwrap_or(i64::MAX)
    }

    /// At the end: in a dense log offsets may be missing there.
    fn end<T>(&mut self) -> Found<T> {
        let (Some(begin), Some(end)) = (self.next_offset, self.ground.end_offset) else {
            return Found::End;
        };
        if !self.ground.is_dense || begin >= end {
            return Found::End;
        }
        self.next_offset = Some(end);
        Found::Hole(Hole {
            position: self.ground.size,
            begin,
            end: Some(end),
        })
    }

    /// Whether what follows says that the batch with `header`, which the walk stands behind and which
    /// leaves offsets out, has another offset.
    fn is_contradicted(&self, header: &BatchHeader) -> Result<bool, StorageError> {
        let mut ahead = self.walk.clone();
        Ok(match ahead.next_header()? {
            Step::Batch((_, next)) => {
                self.may_be_next(&next) && next.base_offset <= header.last_offset()
            }
            Step::End => {
                let end = self.ground.end_offset.filter(|_| self.ground.is_dense);
                end.is_some_and(|end| header.last_offset().saturating_add(1) != end)
            }
            Step::Torn => false,
        })
    }

    /// Goes on at the next whole batch behind `position`, where there is none. No hole is left where no
    /// offset is lost.
    fn resumed(&mut self, position: u64) -> Result<Option<Hole>, StorageError> {
        let begin = match self.next_offset {
            Some(next_offset) => next_offset,
            None => self.expected_at(position)?,
        };
        self.next_offset = Some(begin);
        let Ground { file, size, .. } = self.ground;
        let whole = next_whole(file, position, size, &self.offsets())?;
        let end = whole.map_or(self.ground.end_offset, |whole| Some(whole.base_offset));
        let resume_at = whole.map_or(size, |whole| whole.position);
        *self = Self::at(self.ground.clone(), resume_at, end.or(Some(begin)));
        Ok((end != Some(begin)).then_some(Hole {
            position,
            begin,
            end,
        }))
    }

    /// One past the last offset before `position`, by the batches from the start of the segment on.
    fn expected_at(&self, position: u64) -> Result<i64, StorageError> {
        let mut walk = SoundWalk::new(self.ground.clone());
        let mut next_offset = self.ground.base_offset;
        while walk.position() < position {
            match walk.next_header()? {
                Found::Batch(_, header) => {
                    next_offset = header.last_offset().saturating_add(1);
                }
                // It may reach beyond the position, and begins before it.
                Found::Hole(hole) if hole.position < position => next_offset = hole.begin,
                Found::Hole(_) | Found::End => break,
            }
        }
        Ok(next_offset)
    }
}
