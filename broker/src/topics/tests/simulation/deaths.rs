//! Faults, ends of a broker's life, and what the next one must find.

use super::*;

impl Simulation {
    /// Now and then something is about to go wrong, within this step or a later one.
    pub(super) fn draw_faults(&mut self) {
        if self.rng.u8(..8) > 0 {
            return;
        }
        let faults = self.faults(60);
        self.note(format!("{faults:?}"));
        self.world.storage.set_faults(faults);
        if self.rng.u8(..8) == 0 {
            let free = self.rng.u64(..150_000);
            self.note(format!("{free} bytes are free"));
            self.world.storage.leave_free(free);
        }
    }

    fn faults(&mut self, within: u32) -> Faults {
        let none = Faults::default();
        let steps = Some(self.rng.u32(1..within));
        match self.rng.u8(..5) {
            0 => Faults {
                changes_left: steps,
                ..none
            },
            1 => Faults {
                changes_to_error: steps,
                ..none
            },
            2 => Faults {
                reads_to_error: steps,
                ..none
            },
            3 => Faults {
                syncs_left: steps.map(|steps| steps.div_ceil(4)),
                ..none
            },
            _ => Faults {
                bytes_left: Some(self.rng.u64(..4000)),
                ..none
            },
        }
    }

    /// A fault has struck: where it was one of what makes records durable, or a death, the process ends;
    /// else life goes on.
    pub(super) fn struck(&mut self) {
        if self.world.storage.is_dead() {
            return match self.rng.bool() {
                true => self.die("it is killed", FaultyStorage::kill),
                false => self.die("the power goes", FaultyStorage::cut_power),
            };
        }
        if self.world.topics.0.queue.failure().is_some() {
            return self.fail();
        }
        self.note("it is told and goes on");
        self.world.storage.set_faults(Faults::default());
        while self.world.topics.0.changes.try_lock().is_err() {
            self.world.try_to_flush().unwrap();
        }
        self.notice_change();
        self.change = None;
        // There is room again: the first look still heeds what was refused before.
        self.look().unwrap();
        self.look().unwrap();
        assert_eq!(self.world.topics.space().refusal(), None);
    }

    /// Nothing is acknowledged any more, and the process ends.
    fn fail(&mut self) {
        self.note("it fails");
        for sent in std::mem::take(&mut self.appending) {
            let appending = sent.appending;
            // Where the checkpoint failed, the flush before it did not.
            match appending.map(|appending| self.world.drive(appending.durable())) {
                Some(Ok(_)) => self.acknowledge(sent.topic, sent.offset, sent.count),
                Some(Err(AppendError::Storage(_))) | None => {}
                Some(Err(other)) => panic!("{}: {other}", sent.topic),
            }
        }
        // Even if the disk is well again.
        self.world.storage.set_faults(Faults::default());
        for topic in self.world.topics.list() {
            let partition = topic.partition(PartitionId(0)).unwrap();
            let again = partition.append(batch(&["too late"]), Acks::All);
            assert!(matches!(
                again,
                Err(AppendError::Storage(_) | AppendError::DiskFull(_) | AppendError::Deleted)
            ));
        }
        let new = new_topic("late", 1, &[]);
        let created = self.world.drive(self.world.topics.create(new, Commit::Yes));
        created.unwrap_err();
        assert!(self.world.topics.close().is_err(), "not a clean stop");
        match self.rng.bool() {
            true => self.die("power cut after the failure", FaultyStorage::cut_power),
            false => self.die("kill after the failure", FaultyStorage::kill),
        }
    }

    /// Ends, with what is under way or without.
    pub(super) fn end(&mut self, how: &str, end: fn(&FaultyStorage)) -> Lived {
        if self.rng.bool() {
            self.settle()?;
        }
        self.die(how, end);
        Ok(())
    }

    pub(super) fn die(&mut self, how: &str, end: fn(&FaultyStorage)) {
        self.note(how);
        self.notice_change();
        self.appending.clear();
        for (topic, expected) in &mut self.expected {
            if let Some(topic) = self.world.topics.topic(topic) {
                let partition = topic.partition(PartitionId(0)).unwrap();
                let offsets = partition.offsets();
                expected.seen_to = expected.seen_to.max(offsets.high_watermark.0);
                expected.start_max = expected.start_max.max(offsets.log_start.0);
            }
        }
        end(&self.world.storage);
        while self.rng.u8(..3) == 0 {
            self.die_while_starting();
        }
        self.reopen();
        // What could be read after a kill must survive a power cut.
        if self.rng.u8(..4) == 0 {
            self.note("power cut at once");
            self.world.storage.cut_power();
            self.reopen();
        }
    }

    /// A start that comes only so far, or comes to its end and is the last thing for a while.
    fn die_while_starting(&mut self) {
        let faults = self.faults(80);
        self.note(format!("a start with {faults:?}"));
        self.world.storage.set_faults(faults);
        let begun = self.world.begin_to_open();
        drop(self.sound(begun));
        match self.rng.bool() {
            true => self.world.storage.kill(),
            false => self.world.storage.cut_power(),
        }
    }

    pub(super) fn restart(&mut self) -> Lived {
        self.note("restart");
        self.settle()?;
        self.sound(self.world.try_to_flush())?;
        let starts = (!self.has_retained_in_part).then(|| self.starts());
        let closed = self.world.topics.close();
        if self.sound(closed).is_err() {
            self.die("kill after a stop that failed", FaultyStorage::kill);
            return Ok(());
        }
        match self.rng.bool() {
            true => self.world.storage.kill(),
            false => self.world.storage.cut_power(),
        }
        self.reopen();
        assert_eq!(self.world.topics.recovery().last_stop, LastStop::Clean);
        if let Some(starts) = starts {
            assert_eq!(self.starts(), starts);
        }
        Ok(())
    }

    fn starts(&self) -> Vec<i64> {
        let topics = self.expected.keys();
        topics
            .map(|topic| self.world.partition(topic).offsets().log_start.0)
            .collect()
    }

    pub(super) fn reopen(&mut self) {
        self.world.reopen();
        let report = self.world.topics.recovery();
        assert!(report.quarantined.len() <= TOPICS.len());
        let damaged = (report.damaged_logs.len(), report.losses.len());
        assert_eq!(damaged, (0, 0), "nothing durable is missing: {report:?}");
        self.make_segments_small();
        self.notice_change();
        self.change = None;
        self.has_retained_in_part = false;
        for topic in TOPICS {
            self.adopt_survivors(topic);
            self.check(topic).unwrap();
            self.send_again(topic);
            self.check(topic).unwrap();
        }
    }

    /// What was sent and not answered may have survived: from the first on, without a hole, each
    /// where it was.
    fn adopt_survivors(&mut self, topic: &'static str) {
        let Some(expected) = self.expected.get_mut(topic) else {
            return;
        };
        let partition = self.world.partition(topic);
        let end = partition.offsets().high_watermark.0;
        let sent = std::mem::take(&mut expected.sent);
        for (offset, value) in sent.into_iter().take_while(|(offset, _)| *offset < end) {
            expected.acknowledged.insert(offset, value);
        }
    }
}
