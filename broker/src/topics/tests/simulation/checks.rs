//! What must hold at any time.

use super::*;

impl Simulation {
    /// What is visible is what was acknowledged, and it is on the disk.
    pub(super) fn check(&mut self, topic: &'static str) -> Lived {
        self.settle()?;
        let Some(expected) = self.expected.get_mut(topic) else {
            assert!(self.world.topics.topic(topic).is_none());
            return Ok(());
        };
        let partition = self.world.partition(topic);
        assert_eq!(partition.topic_id(), expected.id);
        let found = self.world.topics.topic(topic).unwrap();
        assert_eq!(found.partitions().len(), expected.partitions);
        let offsets = partition.offsets();
        let start = offsets.log_start.0;
        let starts = expected.start_min..=expected.start_max;
        assert!(
            starts.contains(&start),
            "{topic}: {start} not in {starts:?}, {offsets:?}"
        );
        assert_eq!(offsets.high_watermark.0, expected.end().max(start));
        assert!(offsets.high_watermark.0 >= expected.seen_to, "it went back");
        expected.seen_to = offsets.high_watermark.0;
        let mut visible = expected.acknowledged.clone();
        visible.retain(|offset, _| *offset >= start);
        let asked = NOW - self.rng.i64(0..600) * 1000;
        let at = OffsetSpec::At(TimestampMs(asked));
        let found = partition.offset_for(at, Isolation::ReadUncommitted);
        let expected = visible
            .iter()
            .find(|(_, value)| timestamp_of(value) >= asked);
        assert_eq!(
            self.sound(found)?.map(|found| found.offset.0),
            expected.map(|(offset, _)| *offset)
        );
        let visible: Vec<_> = visible.into_iter().collect();
        let read = self.sound(try_values(&partition, start))?;
        assert_eq!(read, visible);
        self.check_epochs(&partition)
    }

    /// The leader epoch of each batch is known, and none goes back.
    fn check_epochs(&self, partition: &Partition) -> Lived {
        let offsets = partition.offsets();
        let mut last = -1;
        let mut from = offsets.log_start.0;
        while from < offsets.high_watermark.0 {
            let outcome = self.sound(partition.read(read_request(from)))?;
            for batch in record_batch::batches(outcome.records.concat().into()) {
                let header = *batch.unwrap().header();
                let epoch = header.leader_epoch;
                assert!(epoch >= last, "{epoch} behind {last}");
                assert_eq!(partition.log.epoch_of(header.last_offset()), Some(epoch));
                last = epoch;
                from = header.last_offset() + 1;
            }
        }
        Ok(())
    }

    /// What can be read now is there if the power goes now and takes with it all that was not synced.
    pub(super) fn check_worst_cut(&mut self) -> Lived {
        self.note("check the worst power cut");
        let mut seen = Vec::new();
        for topic in self.expected.keys() {
            if let Some(found) = self.world.topics.topic(topic) {
                let partition = found.partition(PartitionId(0)).unwrap();
                let start = partition.offsets().log_start.0;
                seen.push((*topic, self.sound(try_values(&partition, start))?));
            }
        }
        let forked = self.world.after_the_worst_cut();
        for (topic, values_seen) in seen {
            let Some((first, _)) = values_seen.first() else {
                continue;
            };
            // A deletion may be durable that nobody was told of yet.
            let Some(found) = forked.topics.topic(topic) else {
                assert!(self.change.is_some());
                continue;
            };
            let partition = found.partition(PartitionId(0)).unwrap();
            let start = partition.offsets().log_start.0.max(*first);
            let mut values_seen = values_seen;
            values_seen.retain(|(offset, _)| *offset >= start);
            let kept = values(&partition, start);
            assert!(
                kept.starts_with(&values_seen),
                "{topic}: {kept:?} of {values_seen:?}"
            );
        }
        Ok(())
    }
}
