//! What is done to files from time to time: retention, compaction, a snapshot of the metadata.

use super::*;
use crate::log::compaction::CompactError;

impl Simulation {
    pub(super) fn retain(&mut self) -> Lived {
        self.note("retain");
        self.settle()?;
        let start_of = |topic| self.world.partition(topic).offsets().log_start.0;
        let aging = self.expected.contains_key(AGING).then(|| start_of(AGING));
        let retained = self.world.topics.retention_check();
        for (topic, expected) in &mut self.expected {
            // Where it failed half way, the next start may find that one more segment is gone.
            let start = match retained.is_ok() {
                true => start_of(topic),
                false => expected.end(),
            };
            expected.start_max = expected.start_max.max(start);
        }
        if let Some(start) = aging {
            let youngest = self.world.clock.wall().0 - RETENTION_MS;
            let dropped = self.expected[AGING]
                .acknowledged
                .range(start..start_of(AGING));
            for (offset, value) in dropped {
                assert!(timestamp_of(value) <= youngest, "{offset} was too young");
            }
        }
        self.world.clock.advance(Duration::from_secs(30));
        self.has_retained_in_part |= retained.is_err();
        self.sound(retained)
    }

    /// Looks how much room there is, as a thread does from time to time.
    pub(super) fn look(&mut self) -> Lived {
        let queued = self.world.topics.0.queue.queued_bytes();
        let facts = self
            .world
            .topics
            .space()
            .look(u64::try_from(queued).unwrap());
        let facts = self.sound(facts)?;
        self.note(format!("{:?}", facts.room));
        Ok(())
    }

    /// Compacts whatever is due.
    pub(super) fn compact(&mut self) -> Lived {
        self.note("compact");
        self.settle()?;
        loop {
            let look = self.world.topics.compact_dirtiest(1 << 20, &mut |_| true);
            let Some(run) = self.sound(look)?.run else {
                return Ok(());
            };
            self.note(format!("compacted {}", run.topic));
            match run.outcome {
                // It is tried again later.
                Ok(()) | Err(CompactError::DiskFull(_)) => {}
                Err(error @ (CompactError::Storage(_) | CompactError::Unsettled(_))) => {
                    return self.sound(Err(error));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// A snapshot of the metadata, with changes queued around it, and perhaps a death in between.
    pub(super) fn replace_metadata(&mut self) -> Lived {
        self.note("replace metadata");
        self.settle()?;
        let metadata = Arc::clone(&self.world.topics.0.metadata);
        let (start, durable) = self.sound(metadata.begin_snapshot())?;
        match self.rng.bool() {
            true => self.delete_records(TOPICS[0])?,
            false => self.begin_change(TOPICS[0])?,
        }
        self.sound(self.world.drive(durable).unwrap())?;
        match self.rng.bool() {
            true => self.sound(metadata.end_snapshot(start, &self.world.topics.0.checkpoint)),
            false => {
                let how = "power cut before the old metadata goes";
                self.end(how, FaultyStorage::cut_power)
            }
        }
    }
}
