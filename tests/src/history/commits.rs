//! Offsets of a group: per partition a register, which tells the last value it was given.

use super::{Anomaly, Event, Operation, Outcome};

/// A commit that may have taken place.
struct Write {
    partition: i32,
    offset: i64,
    began: u64,
    /// Until when it took place; nothing if nobody knows.
    done: Option<u64>,
}

pub(super) fn anomalies(operations: &[Operation]) -> Vec<Anomaly> {
    let writes: Vec<Write> = operations.iter().filter_map(write).collect();
    let wrong = operations.iter().filter_map(|operation| {
        let Event::Committed { partition, offset } = operation.event else {
            return None;
        };
        let is_possible = is_possible(&writes, partition, offset, operation);
        (!is_possible).then_some(Anomaly::CommitLost(partition, offset))
    });
    wrong.collect()
}

fn write(operation: &Operation) -> Option<Write> {
    let Event::Commit {
        partition,
        offset,
        outcome,
    } = operation.event
    else {
        return None;
    };
    let done = match outcome {
        Outcome::Ok(()) => Some(operation.ended),
        Outcome::Info => None,
        Outcome::Fail => return None,
    };
    Some(Write {
        partition,
        offset,
        began: operation.began,
        done,
    })
}

/// Whether `read` can have found `offset`: somebody wrote it, and nobody can be sure to have written over it since.
fn is_possible(writes: &[Write], partition: i32, offset: Option<i64>, read: &Operation) -> bool {
    let here = || writes.iter().filter(|write| write.partition == partition);
    let over = |since: u64| {
        here().any(|write| write.began > since && write.done.is_some_and(|done| done < read.began))
    };
    let Some(offset) = offset else {
        return here().all(|write| write.done.is_none_or(|done| done > read.began));
    };
    here()
        .filter(|write| write.offset == offset && write.began < read.ended)
        .any(|write| write.done.is_none_or(|done| !over(done)))
}
