//! Each anomaly, in a history made by hand.

use super::*;

const fn mark(producer: i64, number: i64) -> Mark {
    Mark { producer, number }
}

/// Events one after the other, all of one client.
fn in_turn(events: Vec<Event>) -> Vec<Operation> {
    let history = History::default();
    for event in events {
        history.note(0, history.now(), [event]);
    }
    history.operations()
}

fn wrote(offset: i64, mark: Mark) -> Event {
    produced(mark, Outcome::Ok(Some(offset)))
}

const fn produced(mark: Mark, outcome: Outcome<Option<i64>>) -> Event {
    Event::Produce {
        partition: 0,
        mark,
        outcome,
    }
}

const fn assigned(offset: i64) -> Event {
    Event::Assign {
        partition: 0,
        offset,
    }
}

/// A read of everything from `from` on.
fn read(from: i64, records: &[(i64, Mark)]) -> Event {
    let end = records.last().map_or(from, |(offset, _)| offset + 1);
    polled(from, records, end)
}

fn polled(from: i64, records: &[(i64, Mark)], end: i64) -> Event {
    Event::Poll {
        partition: 0,
        from,
        records: records.to_vec(),
        end,
    }
}

const fn commit(offset: i64, outcome: Outcome<()>) -> Event {
    Event::Commit {
        partition: 0,
        offset,
        outcome,
    }
}

const fn committed(offset: Option<i64>) -> Event {
    Event::Committed {
        partition: 0,
        offset,
    }
}

fn found(events: Vec<Event>) -> Vec<Anomaly> {
    anomalies(&in_turn(events), Kept::Everything)
}

/// Mutation: `commits::write` that takes what nobody knows for done.
#[test]
fn a_history_of_a_log_that_keeps_its_word_is_right() {
    let (a, b, c, d) = (mark(1, 1), mark(1, 2), mark(2, 1), mark(1, 3));
    let events = vec![
        wrote(0, a),
        produced(b, Outcome::Ok(None)),
        produced(c, Outcome::Info),
        produced(d, Outcome::Fail),
        read(0, &[(0, a), (1, b)]),
        read(2, &[(2, c)]),
        assigned(1),
        read(1, &[(1, b), (2, c)]),
        read(3, &[]),
        commit(2, Outcome::Ok(())),
        committed(Some(2)),
        commit(3, Outcome::Info),
        committed(Some(2)),
        committed(Some(3)),
    ];
    assert_eq!(found(events), []);
}

/// Mutation: `Log::take` that counts as acknowledged only what was told its offset.
#[test]
fn a_lost_record_is_found() {
    let (a, b) = (mark(1, 1), mark(1, 2));
    let events = vec![
        produced(a, Outcome::Ok(None)),
        wrote(0, b),
        read(0, &[(0, b)]),
    ];
    assert_eq!(found(events), [Anomaly::Lost(0, a)]);
}

/// Mutation: `Log::unread` that passes over what lies behind all that was read.
#[test]
fn a_lost_end_of_the_log_is_found() {
    let (a, b) = (mark(1, 1), mark(1, 2));
    let events = vec![wrote(0, a), wrote(1, b), read(0, &[(0, a)])];
    assert_eq!(
        found(events),
        [Anomaly::Unread(0, b), Anomaly::Stale(0, 1, 2)]
    );
}

/// Mutation: `Log::take` that notes as seen only what was acknowledged, and not what was read.
#[test]
fn a_record_that_was_read_and_then_was_not_there_is_found() {
    let (a, b) = (mark(1, 1), mark(2, 1));
    let read_then_gone = vec![
        produced(a, Outcome::Info),
        wrote(1, b),
        read(0, &[(0, a), (1, b)]),
        assigned(0),
        read(0, &[(1, b)]),
    ];
    let expected = [Anomaly::Vanished(0, 0, a), Anomaly::Skipped(0, 0)];
    assert_eq!(found(read_then_gone), expected);
}

/// Mutation: `Log::missed` that looks for known records alone, and not for offsets.
#[test]
fn a_jump_over_an_offset_is_found() {
    let (a, b) = (mark(1, 1), mark(1, 2));
    let events = vec![wrote(0, a), wrote(2, b), read(0, &[(0, a), (2, b)])];
    assert_eq!(found(events), [Anomaly::Skipped(0, 1)]);
}

/// Mutation: `Log::misplaced` that does not compare the places of a record.
#[test]
fn a_record_at_two_offsets_is_found() {
    let (a, b) = (mark(1, 1), mark(2, 1));
    let events = vec![wrote(0, a), wrote(1, b), read(0, &[(0, a), (1, b), (2, a)])];
    assert_eq!(found(events), [Anomaly::Duplicate(0, a, 0, 2)]);
}

/// Mutation: `Log::take` that notes as seen only what was read.
#[test]
fn a_record_that_is_read_elsewhere_than_acknowledged_is_found() {
    let (a, b) = (mark(1, 1), mark(2, 1));
    let events = vec![
        wrote(0, a),
        produced(b, Outcome::Info),
        read(0, &[(0, b), (1, a)]),
    ];
    let expected = [
        Anomaly::Duplicate(0, a, 0, 1),
        Anomaly::TwoValues(0, 0, a, b),
    ];
    assert_eq!(found(events), expected);
}

/// Mutation: `Log::misplaced` that does not compare the records of an offset.
#[test]
fn two_records_at_one_offset_are_found() {
    let (a, b) = (mark(1, 1), mark(2, 1));
    let events = vec![
        wrote(0, a),
        read(0, &[(0, a)]),
        wrote(0, b),
        assigned(0),
        read(0, &[(0, b)]),
    ];
    assert_eq!(found(events), [Anomaly::TwoValues(0, 0, a, b)]);
}

/// Mutation: `Log::reordered` that lets a number follow a larger one.
#[test]
fn records_of_a_producer_in_another_order_are_found() {
    let (a, b) = (mark(1, 1), mark(1, 2));
    let events = vec![
        produced(a, Outcome::Ok(None)),
        produced(b, Outcome::Ok(None)),
        read(0, &[(0, b), (1, a)]),
    ];
    assert_eq!(found(events), [Anomaly::Reordered(0, b, a)]);
}

/// Mutations: `Log::backwards` that compares where a reader asks alone, or what it is given alone.
#[test]
fn a_reader_that_is_sent_back_is_found() {
    let (a, b) = (mark(1, 1), mark(1, 2));
    let again = vec![
        wrote(0, a),
        wrote(1, b),
        read(0, &[(0, a), (1, b)]),
        polled(2, &[(1, b)], 2),
    ];
    assert_eq!(found(again), [Anomaly::Backwards(0, 2, 1)]);
    let moved = vec![wrote(0, a), read(0, &[(0, a)]), polled(0, &[(0, a)], 1)];
    assert_eq!(found(moved), [Anomaly::Backwards(0, 1, 0)]);
}

/// Mutation: `Log::stale` that lets a high watermark be below what was seen before.
#[test]
fn a_stale_read_is_found() {
    let (a, b) = (mark(1, 1), mark(1, 2));
    let events = vec![
        wrote(0, a),
        wrote(1, b),
        read(0, &[(0, a), (1, b)]),
        assigned(0),
        polled(0, &[(0, a)], 1),
    ];
    assert_eq!(found(events), [Anomaly::Stale(0, 1, 2)]);
}

/// Mutation: `Log::stale` that counts what became known while the reader waited.
#[test]
fn what_happens_meanwhile_may_be_seen_or_not() {
    let a = mark(1, 1);
    let history = History::default();
    let (writing, reading) = (history.now(), history.now());
    history.note(0, writing, [wrote(0, a)]);
    history.note(1, reading, [read(0, &[])]);
    history.note(1, history.now(), [read(0, &[(0, a)])]);
    assert_eq!(anomalies(&history.operations(), Kept::Everything), []);
}

/// Mutations: `Log::unread` that takes what was refused for written, or what nobody tried to write.
#[test]
fn a_record_that_nobody_wrote_or_that_was_refused_is_found() {
    let (a, b) = (mark(1, 1), mark(2, 1));
    let events = vec![produced(a, Outcome::Fail), read(0, &[(0, a), (1, b)])];
    let expected = [Anomaly::Phantom(0, 0, a), Anomaly::Phantom(0, 1, b)];
    assert_eq!(found(events), expected);
}

/// Mutations: `commits::is_possible` that lets any earlier commit be found, or none; `commits::write` that takes what was
/// refused for possible.
#[test]
fn a_lost_commit_is_found() {
    let older = vec![
        commit(1, Outcome::Ok(())),
        commit(2, Outcome::Ok(())),
        committed(Some(1)),
    ];
    assert_eq!(found(older), [Anomaly::CommitLost(0, Some(1))]);
    let none = vec![commit(1, Outcome::Ok(())), committed(None)];
    assert_eq!(found(none), [Anomaly::CommitLost(0, None)]);
    let refused = vec![commit(1, Outcome::Fail), committed(Some(1))];
    assert_eq!(found(refused), [Anomaly::CommitLost(0, Some(1))]);
}

/// Mutation: `granted_between` that counts what nobody knows.
#[test]
fn what_was_granted_in_between_is_counted() {
    let history = History::default();
    let early = history.now();
    let from = history.now();
    history.note(0, early, [wrote(0, mark(1, 1))]);
    let asked = [wrote(1, mark(1, 2)), produced(mark(1, 3), Outcome::Info)];
    history.note(1, history.now(), asked);
    history.note(2, history.now(), [commit(1, Outcome::Ok(())), read(0, &[])]);
    let to = history.now();
    history.note(1, history.now(), [wrote(2, mark(1, 4))]);
    assert_eq!(history.granted_between(from, to), 2);
}

/// Mutations: `is_superseded` that says so of all, of none, or where another key has a later record.
#[test]
fn a_compacted_topic_may_forget_what_is_superseded_and_nothing_else() {
    // Two keys: odd numbers and even ones.
    let (a, b, c) = (mark(1, 1), mark(1, 2), mark(1, 3));
    let written = vec![
        wrote(0, a),
        wrote(1, b),
        wrote(2, c),
        read(0, &[(0, a), (1, b), (2, c)]),
        assigned(0),
    ];
    let judge = |records: &[(i64, Mark)]| {
        let mut events = written.clone();
        events.push(read(0, records));
        anomalies(&in_turn(events), Kept::LatestOf(2))
    };
    assert_eq!(judge(&[(1, b), (2, c)]), []);
    assert_eq!(judge(&[(0, a), (2, c)]), [Anomaly::Vanished(0, 1, b)]);
}
