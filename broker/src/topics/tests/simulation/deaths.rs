//! Ends of a broker's life, and what the next one must find.

use super::*;

impl Simulation {
    /// A sync fails, or the disk is full: nothing is acknowledged, and the process ends.
    pub(super) fn fail(&mut self) {
        self.settle();
        let is_full = self.rng.bool();
        self.note(format!("fail, full: {is_full}"));
        for topic in TOPICS {
            self.append(topic);
            self.append(topic);
        }
        if self.appending.is_empty() {
            return;
        }
        self.world.storage.set_faults(match is_full {
            true => Faults {
                bytes_left: Some(self.rng.u64(..300)),
                ..Faults::default()
            },
            false => Faults {
                syncs_left: Some(self.rng.u32(1..4)),
                ..Faults::default()
            },
        });
        if self.world.flush() {
            self.world.storage.set_faults(Faults::default());
            return self.settle();
        }
        for (topic, offset, count, appending) in std::mem::take(&mut self.appending) {
            // Where the checkpoint failed, the flush before it did not.
            match appending.map(|appending| self.world.drive(appending.durable())) {
                Some(Ok(_)) => self.acknowledge(topic, offset, count),
                Some(Err(AppendError::Storage(_))) | None => {}
                Some(Err(other)) => panic!("{topic}: {other}"),
            }
            let partition = self.world.partition(topic);
            let again = partition.append(batch(&["too late"]), Acks::All);
            assert!(matches!(
                again,
                Err(AppendError::Storage(_) | AppendError::DiskFull(_))
            ));
        }
        assert!(self.world.topics.close().is_err(), "not a clean stop");
        match self.rng.bool() {
            true => self.die("power cut after the failure", FaultyStorage::cut_power),
            false => self.die("kill after the failure", FaultyStorage::kill),
        }
    }

    pub(super) fn die(&mut self, how: &str, end: fn(&FaultyStorage)) {
        self.note(how);
        if self.rng.bool() {
            self.settle();
        }
        self.notice_change();
        self.appending.clear();
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

    /// A start that comes only so far.
    fn die_while_starting(&mut self) {
        let left = self.rng.u32(..80);
        self.note(format!("death after {left} changes of a start"));
        self.world.storage.set_faults(Faults {
            changes_left: Some(left),
            ..Faults::default()
        });
        self.world.begin_to_open();
        match self.rng.bool() {
            true => self.world.storage.kill(),
            false => self.world.storage.cut_power(),
        }
    }

    pub(super) fn restart(&mut self) {
        self.note("restart");
        self.settle();
        assert!(self.world.flush(), "as closing does");
        let starts = self.starts();
        self.world.topics.close().unwrap();
        match self.rng.bool() {
            true => self.world.storage.kill(),
            false => self.world.storage.cut_power(),
        }
        self.reopen();
        assert_eq!(self.world.topics.recovery().last_stop, LastStop::Clean);
        assert_eq!(self.starts(), starts);
    }

    pub(super) fn starts(&self) -> Vec<i64> {
        let topics = self.expected.keys();
        topics
            .map(|topic| self.world.partition(topic).offsets().log_start.0)
            .collect()
    }

    pub(super) fn reopen(&mut self) {
        self.world.reopen();
        assert!(self.world.topics.recovery().quarantined.len() <= TOPICS.len());
        self.make_segments_small();
        self.notice_change();
        self.change = None;
        for topic in TOPICS {
            self.adopt_survivors(topic);
            self.check(topic);
            self.send_again(topic);
            self.check(topic);
        }
    }

    /// What was sent and not answered may have survived: from the first on, without a hole, each
    /// where it was.
    pub(super) fn adopt_survivors(&mut self, topic: &'static str) {
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
