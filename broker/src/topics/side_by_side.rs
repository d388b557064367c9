//! Work on many things by a few threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Things that are worth a thread more.
const A_THREAD: usize = 16;

/// Does `work` on all of `items` by at most `threads` threads, the caller's among them. What comes of
/// it is returned in the order of the items.
///
/// # Errors
/// The first failure of any of the threads; `panicked` where one died.
pub(super) fn side_by_side<T: Sync, R: Send, E: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
    panicked: impl Fn() -> E,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let run = || -> Result<(), E> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return Ok(());
            };
            let result = work(item)?;
            done.lock().push((index, result));
        }
    };
    let threads = threads.min(items.len().div_ceil(A_THREAD));
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut outcome = run();
        for other in others {
            let joined = other.join().unwrap_or_else(|_panic| Err(panicked()));
            outcome = outcome.and(joined);
        }
        outcome
    })?;
    let mut done = done.into_inner();
    done.sort_unstable_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Mutation: without sorting, what waited longest comes last.
    #[test]
    fn all_is_done_in_order_by_some_threads() {
        let items: Vec<usize> = (0..200).collect();
        let threads = Mutex::new(HashSet::new());
        let work = |item: &usize| {
            threads.lock().insert(std::thread::current().id());
            while *item == 0 && threads.lock().len() < 2 {
                std::thread::yield_now();
            }
            Ok::<_, ()>(item * 2)
        };
        let done = side_by_side(4, &items, work, || ()).unwrap();
        assert!(done.iter().enumerate().all(|(item, it)| *it == item * 2));
        assert!((2..=4).contains(&threads.lock().len()));
    }

    #[test]
    fn a_failure_is_told() {
        let items: Vec<usize> = (0..200).collect();
        let fails = |item: &usize| match item {
            77 => Err("failed"),
            _ => Ok(()),
        };
        let outcome = side_by_side(4, &items, fails, || "panicked");
        assert_eq!(outcome, Err("failed"));
    }

    /// Mutation: where a thread that is joined does not say that it panicked, all is well.
    #[test]
    fn the_panic_of_a_thread_is_told() {
        let items: Vec<usize> = (0..200).collect();
        let caller = std::thread::current().id();
        let has_panicked = AtomicBool::new(false);
        let work = |_: &usize| {
            if std::thread::current().id() != caller {
                has_panicked.store(true, Ordering::Relaxed);
                panic!("on purpose");
            }
            // Leaves some to the others.
            while !has_panicked.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Ok(())
        };
        let outcome = side_by_side(4, &items, work, || "panicked");
        assert_eq!(outcome, Err("panicked"));
    }
}
