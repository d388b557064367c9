use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sluice_protocol::ErrorCode;
use sluice_protocol::record_batch::NewRecord;
use tokio::sync::oneshot;

use super::*;
use crate::error::ClientError;
use crate::producer::call::{Budget, Call, Entry, RecordResult};

const ID: ProducerId = ProducerId { id: 7, epoch: 0 };

fn parcel(names: &[u8], deadline: Instant) -> (Parcel, oneshot::Receiver<Vec<RecordResult>>) {
    let budget = Arc::new(Budget::new(usize::MAX));
    let (call, results) = Call::new(names.len(), deadline, budget.reserve(1).unwrap());
    let entries = names.iter().enumerate().map(|(index, name)| Entry {
        index,
        record: NewRecord {
            value: Some(vec![*name].into()),
            ..NewRecord::default()
        },
    });
    (Parcel::new(&call, entries.collect()), results)
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

fn refused(code: ErrorCode) -> ProduceError {
    ProduceError::refused(code, None)
}

const WRITTEN: Verdict = Verdict::Written {
    base_offset: Some(0),
    log_append_time: None,
};

fn uncertain() -> Verdict {
    Verdict::Uncertain {
        error: ClientError::kafka(ErrorCode::RequestTimedOut),
        is_moved: false,
    }
}

/// The sequence and the values of the batch that the queue sends next.
fn sent(queue: &mut Queue, now: Instant) -> (u64, i32, Vec<u8>) {
    let Next::Send(number) = queue.next(Some(ID), now) else {
        panic!("nothing to send");
    };
    let batch = queue.batch(number).unwrap();
    let entries = batch.parcels.iter().flat_map(|parcel| &parcel.entries);
    let values = entries.map(|entry| entry.record.value.as_ref().unwrap()[0]);
    (number, batch.sequence, values.collect())
}

#[test]
fn what_arrives_while_a_batch_is_on_its_way_is_the_next_one() {
    let (mut queue, now) = (Queue::new(0, true, 1 << 20), Instant::now());
    queue.push(parcel(b"a", later()).0);
    let (first, sequence, values) = sent(&mut queue, now);
    assert_eq!((sequence, values.as_slice()), (0, &b"a"[..]));
    queue.push(parcel(b"bc", later()).0);
    queue.push(parcel(b"d", later()).0);
    assert_eq!(queue.next(Some(ID), now), Next::Idle);
    queue.answered(first, WRITTEN, now);
    let (_, sequence, values) = sent(&mut queue, now);
    assert_eq!((sequence, values.as_slice()), (1, &b"bcd"[..]));
}

#[test]
fn much_waiting_is_pipelined_once_the_broker_knows_the_producer() {
    let (mut queue, now) = (Queue::new(0, true, PIPELINE_BYTES), Instant::now());
    let names = vec![b'x'; PIPELINE_BYTES / 37];
    let push = |queue: &mut Queue| queue.push(parcel(&names, later()).0);
    for _ in 0..8 {
        push(&mut queue);
    }
    let (first, ..) = sent(&mut queue, now);
    assert_eq!(queue.next(Some(ID), now), Next::Idle);
    queue.answered(first, WRITTEN, now);
    push(&mut queue);
    for _ in 0..IN_FLIGHT_MAX {
        sent(&mut queue, now);
    }
    assert_eq!(queue.next(Some(ID), now), Next::Idle);
}

#[test]
fn a_batch_without_certainty_is_sent_again_unchanged_before_any_other() {
    let (mut queue, now) = (Queue::new(0, true, 1 << 20), Instant::now());
    queue.push(parcel(b"a", later()).0);
    let (first, ..) = sent(&mut queue, now);
    queue.push(parcel(b"b", later()).0);
    queue.answered(first, uncertain(), now);
    let Next::Pause(until) = queue.next(Some(ID), now) else {
        panic!("no pause");
    };
    assert_eq!(sent(&mut queue, until), (first, 0, b"a".to_vec()));
    queue.answered(first, WRITTEN, until);
    assert_eq!(sent(&mut queue, until).1, 1);
}

#[test]
fn a_refused_batch_is_halved_until_only_the_guilty_fails() {
    let (mut queue, now) = (Queue::new(0, true, 1 << 20), Instant::now());
    let mut results: Vec<_> = (0..5_u8)
        .map(|name| {
            let (parcel, results) = parcel(&[name], later());
            queue.push(parcel);
            results
        })
        .collect();
    let mut written = Vec::new();
    while let Next::Send(number) = queue.next(Some(ID), now) {
        let batch = queue.batch(number).unwrap();
        let values: Vec<u8> = batch
            .parcels
            .iter()
            .flat_map(|parcel| &parcel.entries)
            .map(|entry| entry.record.value.as_ref().unwrap()[0])
            .collect();
        let verdict = if values.contains(&3) {
            Verdict::TooLarge(refused(ErrorCode::MessageTooLarge))
        } else {
            assert_eq!(usize::try_from(batch.sequence).unwrap(), written.len());
            written.extend(values);
            WRITTEN
        };
        queue.answered(number, verdict, now);
    }
    assert_eq!(written, [0, 1, 2, 4]);
    let failed = results
        .iter_mut()
        .map(|it| it.try_recv().unwrap()[0].is_err());
    assert_eq!(
        failed.collect::<Vec<_>>(),
        [false, false, false, true, false]
    );
}

#[test]
fn records_the_broker_names_fail_at_once() {
    let (mut queue, now) = (Queue::new(0, true, 1 << 20), Instant::now());
    let (first, mut first_results) = parcel(b"ab", later());
    let (second, mut second_results) = parcel(b"c", later());
    queue.push(first);
    queue.push(second);
    let (number, ..) = sent(&mut queue, now);
    let verdict = Verdict::Invalid {
        error: refused(ErrorCode::InvalidRecord),
        records: vec![(1, refused(ErrorCode::InvalidRecord))],
    };
    queue.answered(number, verdict, now);
    let (number, sequence, values) = sent(&mut queue, now);
    assert_eq!((sequence, values.as_slice()), (0, &b"ac"[..]));
    queue.answered(number, WRITTEN, now);
    let first = first_results.try_recv().unwrap();
    assert!(first[0].is_ok() && first[1].is_err());
    assert!(second_results.try_recv().unwrap()[0].is_ok());
}

#[test]
fn a_broker_that_forgot_the_producer_gets_a_new_epoch() {
    let (mut queue, now) = (Queue::new(0, true, 1 << 20), Instant::now());
    queue.push(parcel(b"a", later()).0);
    let (first, ..) = sent(&mut queue, now);
    queue.answered(first, WRITTEN, now);
    queue.push(parcel(b"b", later()).0);
    let (second, sequence, _) = sent(&mut queue, now);
    assert_eq!(sequence, 1);
    queue.answered(second, Verdict::OutOfOrder, now);
    assert_eq!(sent(&mut queue, now).1, 0);
    assert_eq!(queue.producer(), Some(ProducerId { epoch: 1, ..ID }));
}

#[test]
fn a_fenced_producer_waits_for_a_new_id() {
    let (mut queue, now) = (Queue::new(0, true, 1 << 20), Instant::now());
    queue.push(parcel(b"a", later()).0);
    let (first, ..) = sent(&mut queue, now);
    assert_eq!(queue.answered(first, Verdict::Fenced, now), News::IdIsOver);
    assert_eq!(queue.next(None, now), Next::NeedsId);
    let fresh = ProducerId { id: 8, epoch: 0 };
    assert!(matches!(queue.next(Some(fresh), now), Next::Send(_)));
    assert_eq!(queue.producer(), Some(fresh));
}

#[test]
fn records_are_given_up_at_their_deadline() {
    let (mut queue, now) = (Queue::new(0, true, 1 << 20), Instant::now());
    let soon = now + Duration::from_secs(1);
    let (first, mut first_results) = parcel(b"a", soon);
    queue.push(first);
    let (number, ..) = sent(&mut queue, now);
    let (second, mut second_results) = parcel(b"b", soon);
    queue.push(second);
    let full = ClientError::Kafka {
        code: ErrorCode::KafkaStorageError,
        message: Some("the disk is full".to_owned()),
    };
    let refused = Verdict::Uncertain {
        error: full,
        is_moved: true,
    };
    queue.answered(number, refused, now);
    queue.push(parcel(b"c", later()).0);
    let (_, sequence, values) = sent(&mut queue, soon);
    let timed_out = |may_be_written| ProduceError::TimedOut {
        may_be_written,
        said: Some("the disk is full".to_owned()),
    };
    assert_eq!(first_results.try_recv().unwrap(), [Err(timed_out(true))]);
    assert_eq!(second_results.try_recv().unwrap(), [Err(timed_out(false))]);
    // What was given up may be in the log, so the sequence begins anew.
    assert_eq!((sequence, values.as_slice()), (0, &b"c"[..]));
    assert_eq!(queue.producer(), Some(ProducerId { epoch: 1, ..ID }));
}

/// A partition of a broker, as far as producers see it.
#[derive(Debug, Default)]
struct Partition {
    log: Vec<u8>,
    epoch: i16,
    next_sequence: Option<i32>,
    /// First sequence and base offset of the last batches.
    last: VecDeque<(i32, usize, i64)>,
}

impl Partition {
    fn append(&mut self, producer: ProducerId, sequence: i32, values: &[u8]) -> Verdict {
        if values.len() > 6 {
            return Verdict::TooLarge(refused(ErrorCode::MessageTooLarge));
        }
        if values.contains(&0) {
            return Verdict::Invalid {
                error: refused(ErrorCode::InvalidRecord),
                records: Vec::new(),
            };
        }
        if producer.epoch > self.epoch {
            self.epoch = producer.epoch;
            self.next_sequence = Some(0);
            self.last.clear();
        }
        let known = self
            .last
            .iter()
            .find(|row| (row.0, row.1) == (sequence, values.len()));
        if let Some((_, _, base_offset)) = known {
            return Verdict::Written {
                base_offset: Some(*base_offset),
                log_append_time: None,
            };
        }
        if self.next_sequence.is_some_and(|next| next != sequence) {
            return Verdict::OutOfOrder;
        }
        let base_offset = i64::try_from(self.log.len()).unwrap();
        self.log.extend(values);
        self.next_sequence = Some(sequence + i32::try_from(values.len()).unwrap());
        self.last.push_back((sequence, values.len(), base_offset));
        if self.last.len() > 5 {
            self.last.pop_front();
        }
        Verdict::Written {
            base_offset: Some(base_offset),
            log_append_time: None,
        }
    }
}

/// What happens in one step of a simulation.
#[derive(Clone, Debug)]
enum Step {
    /// A caller comes with records; 0 is one the broker refuses.
    Push(Vec<u8>),
    /// The queue may send.
    Send,
    /// The oldest request arrives and its answer comes back.
    Answer,
    /// The connection breaks; this many of the requests on it had arrived.
    Break(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec(0..20_u8, 1..9).prop_map(Step::Push),
        4 => Just(Step::Send),
        3 => Just(Step::Answer),
        1 => (0..4_usize).prop_map(Step::Break),
    ]
}

proptest! {
    /// Every record ends with a result; those acknowledged are in the log once, at the offset told
    /// and in the order of their caller; those refused are not in it.
    #[test]
    fn every_acknowledged_record_is_in_the_log_once(steps in prop::collection::vec(step(), 1..120)) {
        let mut queue = Queue::new(0, true, 400);
        let mut partition = Partition::default();
        let mut flying: VecDeque<(u64, ProducerId, i32, Vec<u8>)> = VecDeque::new();
        let mut calls = Vec::new();
        let mut now = Instant::now();
        let drained = (0..2000).flat_map(|_| [Step::Send, Step::Answer]);
        for step in steps.into_iter().chain(drained) {
            match step {
                Step::Push(values) => {
                    let (parcel, results) = parcel(&values, later());
                    queue.push(parcel);
                    calls.push((values, results));
                }
                Step::Send => match queue.next(Some(ID), now) {
                    Next::Send(number) => {
                        let batch = queue.batch(number).unwrap();
                        let entries = batch.parcels.iter().flat_map(|parcel| &parcel.entries);
                        let values = entries.map(|entry| entry.record.value.as_ref().unwrap()[0]);
                        let values = values.collect();
                        flying.push_back((number, queue.producer().unwrap(), batch.sequence, values));
                    }
                    Next::Pause(until) => now = until,
                    Next::Idle | Next::NeedsId => {}
                },
                Step::Answer => {
                    if let Some((number, producer, sequence, values)) = flying.pop_front() {
                        let verdict = partition.append(producer, sequence, &values);
                        queue.answered(number, verdict, now);
                    }
                }
                Step::Break(arrived) => {
                    for (place, (number, producer, sequence, values)) in flying.drain(..).enumerate() {
                        if place < arrived {
                            partition.append(producer, sequence, &values);
                        }
                        queue.answered(number, uncertain(), now);
                    }
                }
            }
        }
        let mut offsets = BTreeMap::new();
        for (values, mut results) in calls {
            let results = results.try_recv().unwrap();
            let mut last = -1;
            for (value, result) in values.iter().zip(results) {
                prop_assert_eq!(*value == 0, result.is_err());
                let Ok(metadata) = result else { continue };
                let offset = metadata.offset.unwrap();
                prop_assert!(offset > last);
                last = offset;
                prop_assert_eq!(offsets.insert(offset, *value), None);
            }
        }
        let log: Vec<u8> = offsets.into_values().collect();
        prop_assert_eq!(log, partition.log);
    }
}
