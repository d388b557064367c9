//! The batches of one partition: in which order, when, and with which sequence numbers.
//!
//! Pure: answers and time come in, batches to send come out. Rules:
//! * one batch is on its way, and what arrives meanwhile is the next one; while much is waiting,
//!   up to five are, since an idempotent producer's order survives that (KIP-98);
//! * before the broker has acknowledged something, only one is: a broker that does not know the
//!   producer would accept a later batch without the earlier one;
//! * after any answer but success nothing new leaves until every answer is in. Then whatever may be
//!   in the log is sent again unchanged, until that is certain. Only then do batches that certainly
//!   are not get new numbers, behind the last acknowledged one;
//! * numbering starts anew, in a new epoch (KIP-360), when the broker lost the state or a batch
//!   was given up without certainty.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ProduceError;
use super::batch::{Batch, Flight, ProducerId};
use super::call::Parcel;
use super::verdict::Verdict;
use crate::retry::Backoff;

/// Batches of one partition on their way, at most: what brokers remember of a producer.
const IN_FLIGHT_MAX: usize = 5;
/// Bytes waiting for which a further batch leaves before the one on its way is acknowledged.
const PIPELINE_BYTES: usize = 64 * 1024;
/// How long an acknowledgement proves that the broker knows the producer; brokers forget one after
/// a day (`producer.id.expiration.ms`).
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// Smallest limit that refusals can bring a partition's batches down to.
const BATCH_BYTES_MIN: usize = 1024;

/// What a queue does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing until something arrives.
    Idle,
    /// Send the batch of this number; it counts as sent.
    Send(u64),
    /// Nothing before this time.
    Pause(Instant),
    /// A new producer id is needed first.
    NeedsId,
}

/// What an answer tells beside the fate of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    None,
    /// The partition may have another leader.
    Moved,
    /// The producer id cannot be used any more.
    IdIsOver,
}

/// The batches of one partition.
#[derive(Debug)]
pub(super) struct Queue {
    partition: i32,
    is_idempotent: bool,
    producer: Option<ProducerId>,
    waiting: VecDeque<Parcel>,
    waiting_bytes: usize,
    batches: VecDeque<Batch>,
    batch_bytes_max: usize,
    next_number: u64,
    next_sequence: i32,
    /// Sequence number the broker expects.
    acked_sequence: i32,
    acked_at: Option<Instant>,
    is_troubled: bool,
    needs_new_epoch: bool,
    needs_new_id: bool,
    backoff: Backoff,
    not_before: Option<Instant>,
    /// What the broker wrote when it last asked to try again.
    said: Option<String>,
}

impl Queue {
    pub(super) fn new(partition: i32, is_idempotent: bool, batch_bytes_max: usize) -> Self {
        Self {
            partition,
            is_idempotent,
            producer: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            batches: VecDeque::new(),
            batch_bytes_max,
            next_number: 0,
            next_sequence: 0,
            acked_sequence: 0,
            acked_at: None,
            is_troubled: false,
            needs_new_epoch: false,
            needs_new_id: false,
            backoff: Backoff::default(),
            not_before: None,
            said: None,
        }
    }

    /// Adds records behind those added before.
    pub(super) fn push(&mut self, parcel: Parcel) {
        self.waiting_bytes += parcel.bytes;
        self.waiting.push_back(parcel);
    }

    /// Whether nothing is to be sent and nothing on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.waiting.is_empty()
    }

    /// The producer id batches carry, where there is one.
    pub(super) const fn producer(&self) -> Option<ProducerId> {
        self.producer
    }

    /// The batch of a number.
    pub(super) fn batch(&self, number: u64) -> Option<&Batch> {
        self.batches.iter().find(|batch| batch.number == number)
    }

    /// What to do now. `id` is the producer id for a partition that has none.
    pub(super) fn next(&mut self, id: Option<ProducerId>, now: Instant) -> Next {
        self.expire(now);
        if self.is_empty() {
            return Next::Idle;
        }
        if let Some(not_before) = self.not_before
            && not_before > now
        {
            return Next::Pause(not_before);
        }
        let sent = self.count(Flight::Sent);
        if self.is_troubled {
            if sent > 0 {
                return Next::Idle;
            }
            if let Some(number) = self.send_first(Flight::Uncertain) {
                return Next::Send(number);
            }
            self.renumber();
        }
        if self.is_idempotent && self.producer.is_none() {
            match id {
                Some(id) => self.producer = Some(id),
                None => return Next::NeedsId,
            }
        }
        self.next_ready(sent, now)
    }

    fn next_ready(&mut self, sent: usize, now: Instant) -> Next {
        if sent > 0 && (sent >= IN_FLIGHT_MAX || !self.may_pipeline(now)) {
            return Next::Idle;
        }
        if let Some(number) = self.send_first(Flight::Ready) {
            return Next::Send(number);
        }
        if self.waiting.is_empty() || (sent > 0 && !self.has_much_waiting()) {
            return Next::Idle;
        }
        let parcels = self.take_waiting();
        let mut batch = self.batch_of(parcels, Flight::Sent);
        batch.sequence = self.next_sequence;
        self.next_sequence = batch.next_sequence();
        let number = batch.number;
        self.batches.push_back(batch);
        Next::Send(number)
    }

    /// Whether so much waits that it need not become more before it leaves.
    fn has_much_waiting(&self) -> bool {
        self.waiting_bytes >= PIPELINE_BYTES.min(self.batch_bytes_max)
    }

    fn may_pipeline(&self, now: Instant) -> bool {
        let acked = self.acked_at;
        self.is_idempotent && acked.is_some_and(|acked| now < acked + KNOWN_FOR)
    }

    fn count(&self, flight: Flight) -> usize {
        let batches = self.batches.iter();
        batches.filter(|batch| batch.flight == flight).count()
    }

    fn send_first(&mut self, flight: Flight) -> Option<u64> {
        let mut batches = self.batches.iter_mut();
        let batch = batches.find(|batch| batch.flight == flight)?;
        batch.flight = Flight::Sent;
        Some(batch.number)
    }

    /// Takes parcels for one batch: as many as it may hold, and at least one.
    fn take_waiting(&mut self) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        let mut bytes = 0;
        while let Some(parcel) = self.waiting.front() {
            if !parcels.is_empty() && bytes + parcel.bytes > self.batch_bytes_max {
                break;
            }
            bytes += parcel.bytes;
            parcels.extend(self.waiting.pop_front());
        }
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        parcels
    }

    fn batch_of(&mut self, parcels: Vec<Parcel>, flight: Flight) -> Batch {
        self.next_number += 1;
        Batch {
            number: self.next_number,
            parcels,
            flight,
            sequence: 0,
            may_be_written: false,
        }
    }

    /// Numbers what is certainly not in the log behind what certainly is.
    fn renumber(&mut self) {
        if self.needs_new_epoch {
            self.needs_new_epoch = false;
            self.acked_sequence = 0;
            self.acked_at = None;
            // The id is used up when its last epoch is; the next one comes with its own.
            let is_over = std::mem::take(&mut self.needs_new_id);
            let producer = self.producer.filter(|_| !is_over);
            self.producer = producer.and_then(|producer| {
                let epoch = producer.epoch.checked_add(1)?;
                Some(ProducerId { epoch, ..producer })
            });
        }
        self.next_sequence = self.acked_sequence;
        for batch in &mut self.batches {
            batch.flight = Flight::Ready;
            batch.sequence = self.next_sequence;
            batch.may_be_written = false;
            self.next_sequence = batch.next_sequence();
        }
        self.is_troubled = false;
    }

    /// Takes in the answer to a batch, and says what else it tells.
    pub(super) fn answered(&mut self, number: u64, verdict: Verdict, now: Instant) -> News {
        let place = self.batches.iter().position(|batch| batch.number == number);
        let Some((place, mut batch)) =
            place.and_then(|place| Some((place, self.batches.remove(place)?)))
        else {
            return News::None;
        };
        if let Verdict::Written {
            base_offset,
            log_append_time,
        } = verdict
        {
            self.acked_sequence = batch.next_sequence();
            self.acked_at = Some(now);
            self.backoff.reset();
            self.said = None;
            batch.written(self.partition, base_offset, log_append_time);
            return News::None;
        }
        self.is_troubled = true;
        match verdict {
            Verdict::Written { .. } => {}
            Verdict::Uncertain { error, is_moved } => {
                tracing::debug!(partition = self.partition, %error, "a batch is sent again");
                self.said = error.message().map(str::to_owned);
                batch.flight = Flight::Uncertain;
                batch.may_be_written = true;
                self.batches.insert(place, batch);
                self.not_before = Some(now + self.backoff.pause());
                return if is_moved { News::Moved } else { News::None };
            }
            Verdict::OutOfOrder => {
                // The next in line is not out of order: the broker forgot those before it.
                self.needs_new_epoch |= place == 0 && batch.sequence == self.acked_sequence;
                self.put_back(place, vec![batch.parcels]);
            }
            Verdict::UnknownProducer => {
                self.needs_new_epoch = true;
                self.put_back(place, vec![batch.parcels]);
            }
            Verdict::Fenced => {
                self.needs_new_epoch = true;
                self.needs_new_id = true;
                self.put_back(place, vec![batch.parcels]);
                return News::IdIsOver;
            }
            Verdict::TooLarge(error) => {
                self.needs_new_epoch |= batch.may_be_written;
                self.shrink(&batch);
                self.bisect(place, batch, &error);
            }
            Verdict::Invalid { error, records } => {
                self.needs_new_epoch |= batch.may_be_written;
                if records.is_empty() {
                    self.bisect(place, batch, &error);
                } else {
                    let kept = batch.without(&records);
                    self.put_back(place, vec![kept]);
                }
            }
            Verdict::Refused(error) => {
                self.needs_new_epoch |= batch.may_be_written;
                batch.fail(&error);
            }
        }
        News::None
    }

    /// Fails a refused batch of one record; cuts a larger one in two.
    fn bisect(&mut self, place: usize, batch: Batch, error: &ProduceError) {
        if batch.record_count() <= 1 {
            return batch.fail(error);
        }
        let (first, second) = batch.halves();
        self.put_back(place, vec![first, second]);
    }

    /// Keeps what was refused as too large from being gathered again.
    fn shrink(&mut self, batch: &Batch) {
        if batch.record_count() > 1 {
            let bytes: usize = batch.parcels.iter().map(|parcel| parcel.bytes).sum();
            let limit = (bytes / 2).max(BATCH_BYTES_MIN);
            self.batch_bytes_max = self.batch_bytes_max.min(limit);
        }
    }

    fn put_back(&mut self, place: usize, pieces: Vec<Vec<Parcel>>) {
        let pieces = pieces.into_iter().filter(|parcels| !parcels.is_empty());
        for (offset, parcels) in pieces.enumerate() {
            let batch = self.batch_of(parcels, Flight::Unwritten);
            self.batches.insert(place + offset, batch);
        }
    }

    /// Gives up what has been waiting too long.
    pub(super) fn expire(&mut self, now: Instant) {
        let is_due = |parcel: &Parcel| parcel.call.deadline <= now;
        if !self.waiting.front().is_some_and(is_due)
            && !self
                .batches
                .iter()
                .any(|batch| batch.parcels.iter().any(is_due))
        {
            return;
        }
        for parcel in std::mem::take(&mut self.waiting) {
            if is_due(&parcel) {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(parcel.bytes);
                parcel.fail(&ProduceError::TimedOut {
                    may_be_written: false,
                    said: self.said.clone(),
                });
            } else {
                self.waiting.push_back(parcel);
            }
        }
        for batch in std::mem::take(&mut self.batches) {
            if batch.flight == Flight::Sent || !batch.parcels.iter().any(is_due) {
                self.batches.push_back(batch);
                continue;
            }
            let may_be_written = batch.may_be_written;
            self.needs_new_epoch |= may_be_written;
            self.is_troubled = true;
            batch.fail(&ProduceError::TimedOut {
                may_be_written,
                said: self.said.clone(),
            });
        }
    }

    /// Fails everything that is not on its way.
    pub(super) fn fail(&mut self, error: &ProduceError) {
        self.waiting_bytes = 0;
        for parcel in std::mem::take(&mut self.waiting) {
            parcel.fail(error);
        }
        for batch in std::mem::take(&mut self.batches) {
            if batch.flight == Flight::Sent {
                self.batches.push_back(batch);
                continue;
            }
            self.needs_new_epoch |= batch.may_be_written;
            self.is_troubled = true;
            batch.fail(error);
        }
    }
}

#[cfg(test)]
mod tests;
