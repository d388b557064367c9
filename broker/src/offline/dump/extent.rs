//! Frames of the commit log.

use std::path::Path;

use sluice_protocol::record_batch::RawBatch;

use super::batches::batch_line;
use super::{Dump, DumpError};
use crate::log::commit_log::{FoundExtent, Loss, LossKind};
use crate::log::id_text;
use crate::offline::line::Line;

impl Dump<'_> {
    pub(super) fn extent(&mut self, path: &Path) -> Result<(), DumpError> {
        let extent = FoundExtent::open(&self.disk, path)?;
        let Some(header) = extent.header() else {
            return match extent.has_damaged_page() {
                false => self.line(&Line::new("unused").number("size", extent.size())),
                true => {
                    let lost = Loss::first_page(&extent);
                    self.damage(lost.bytes.start, lost.bytes.end, lost.kind.reason())
                }
            };
        };
        let line = Line::new("extent")
            .number("version", header.version)
            .number("generation", header.chain.generation)
            .number("number", header.number)
            .number("sequence", header.chain.sequence)
            .checksum("previous_crc", header.chain.crc)
            .checksum("secret", header.chain.secret);
        self.line(&match header.size {
            None => line,
            Some(size) => line.number("size", size),
        })?;
        if let Some(cut) = extent.cut() {
            self.damage(cut.start, cut.end, LossKind::Cut.reason())?;
        }
        let mut walk = extent.walk(header)?;
        loop {
            let next = walk.next();
            if let Some(lost) = walk.take_skipped() {
                self.damage(
                    lost.start,
                    lost.end,
                    "frames are missing before the next flush",
                )?;
            }
            let Some((position, frame)) = next else {
                return Ok(());
            };
            self.line(
                &Line::new("frame")
                    .number("position", position)
                    .number("generation", frame.generation)
                    .number("sequence", frame.sequence)
                    .number("place", frame.place)
                    .word("topic_id", id_text(frame.key.topic))
                    .number("partition", frame.key.partition)
                    .number("size", frame.length)
                    .checksum("previous_crc", frame.previous_crc)
                    .checksum("crc", frame.crc),
            )?;
            let batch = walk.batch(position, &frame);
            let batch = batch.and_then(|mut bytes| RawBatch::take(&mut bytes).ok().flatten());
            if let Some(batch) = batch {
                self.line(&batch_line(batch.header()))?;
                if self.options.records {
                    self.records(&batch, position)?;
                }
            }
        }
    }
}
