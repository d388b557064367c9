//! Operations on many items that live on different brokers: split, ask, put together again.
//!
//! Each item ends with a result of its own, in the order given. Items whose error may pass are located
//! and asked again, until the time is over.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::join_all;
use sluice_protocol::ErrorCode;

use crate::error::ClientError;
use crate::retry::Backoff;

/// An item and its place in the order given.
struct Placed<K> {
    place: usize,
    item: K,
}

/// Runs an operation on `items`. `locate` names the broker of each item, and learns how many rounds
/// went before; `ask` asks one broker for some items. Both answer in the order of their items.
pub(crate) async fn scatter<K, T, Locating, Asking>(
    deadline: Instant,
    items: Vec<K>,
    locate: impl Fn(Vec<K>, usize) -> Locating,
    ask: impl Fn(i32, Vec<K>) -> Asking,
) -> Vec<(K, Result<T, ClientError>)>
where
    K: Clone,
    Locating: Future<Output = Vec<Result<i32, ClientError>>>,
    Asking: Future<Output = Vec<Result<T, ClientError>>>,
{
    let mut results: Vec<Option<Result<T, ClientError>>> = items.iter().map(|_| None).collect();
    let placed = items.iter().cloned().enumerate();
    let mut open: Vec<_> = placed.map(|(place, item)| Placed { place, item }).collect();
    let mut backoff = Backoff::default();
    let mut round = 0;
    while !open.is_empty() {
        let wanted = open.iter().map(|placed| placed.item.clone()).collect();
        let located = locate(wanted, round).await;
        let Split { by_broker, lost } = split(open, located);
        let asked = by_broker.into_iter().map(|(broker, items)| {
            let wanted = items.iter().map(|placed| placed.item.clone()).collect();
            let asking = ask(broker, wanted);
            async move { (items, asking.await) }
        });
        let mut answers = Vec::new();
        for (placed, error) in lost {
            // Whoever locates has just asked the cluster: what it does not know does not exist.
            if error.code() == Some(ErrorCode::UnknownTopicOrPartition) {
                if let Some(slot) = results.get_mut(placed.place) {
                    *slot = Some(Err(error));
                }
            } else {
                answers.push((placed, Err(error)));
            }
        }
        for (items, outcome) in join_all(asked).await {
            answers.extend(items.into_iter().zip(outcome));
        }
        let pause = backoff.pause();
        let may_retry = Instant::now() + pause < deadline;
        open = Vec::new();
        for (placed, result) in answers {
            if may_retry && matches!(&result, Err(error) if error.is_retriable()) {
                open.push(placed);
            } else if let Some(slot) = results.get_mut(placed.place) {
                *slot = Some(result);
            }
        }
        if !open.is_empty() {
            tokio::time::sleep(pause).await;
        }
        round += 1;
    }
    let results = results
        .into_iter()
        .map(|result| result.unwrap_or(Err(ClientError::Closed)));
    items.into_iter().zip(results).collect()
}

/// Items by their broker, and those that have none.
struct Split<K> {
    by_broker: BTreeMap<i32, Vec<Placed<K>>>,
    lost: Vec<(Placed<K>, ClientError)>,
}

fn split<K>(items: Vec<Placed<K>>, located: Vec<Result<i32, ClientError>>) -> Split<K> {
    let mut split = Split {
        by_broker: BTreeMap::new(),
        lost: Vec::new(),
    };
    for (item, broker) in items.into_iter().zip(located) {
        match broker {
            Ok(broker) => split.by_broker.entry(broker).or_default().push(item),
            Err(error) => split.lost.push((item, error)),
        }
    }
    split
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test(start_paused = true)]
    async fn items_are_asked_of_their_brokers_and_come_back_in_order() {
        let locate = |items: Vec<i32>, _| async move {
            items.iter().map(|item| Ok(item % 3)).collect::<Vec<_>>()
        };
        let ask = |broker, items: Vec<i32>| async move {
            let answers = items.iter().map(|item| Ok((broker, *item)));
            answers.collect::<Vec<Result<(i32, i32), _>>>()
        };
        let results = scatter(deadline(), (0..10).collect(), locate, ask).await;
        for (item, result) in results {
            assert_eq!(result, Ok((item % 3, item)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_items_that_may_work_later_are_asked_again() {
        let asked = AtomicUsize::new(0);
        let locate = |items: Vec<i32>, round| async move {
            let broker = i32::try_from(round).unwrap();
            items.iter().map(|_| Ok(broker)).collect::<Vec<_>>()
        };
        let ask = |broker, items: Vec<i32>| {
            asked.fetch_add(items.len(), Ordering::Relaxed);
            async move {
                let answers = items.iter().map(|item| match item {
                    1 => Err(ClientError::kafka(ErrorCode::InvalidRequest)),
                    2 if broker < 3 => Err(ClientError::kafka(ErrorCode::NotLeaderOrFollower)),
                    _ => Ok(broker),
                });
                answers.collect::<Vec<_>>()
            }
        };
        let results = scatter(deadline(), vec![0, 1, 2], locate, ask).await;
        let results: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
        let refused = Err(ClientError::kafka(ErrorCode::InvalidRequest));
        assert_eq!(results, [Ok(0), refused, Ok(3)]);
        assert_eq!(asked.load(Ordering::Relaxed), 3 + 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_stays_is_returned_when_the_time_is_over() {
        let locate = |items: Vec<i32>, _| async move {
            let error = ClientError::kafka(ErrorCode::LeaderNotAvailable);
            items.iter().map(|_| Err(error.clone())).collect::<Vec<_>>()
        };
        let ask = |_, _| async { Vec::<Result<(), _>>::new() };
        let results = scatter(Instant::now(), vec![0], locate, ask).await;
        let error = ClientError::kafka(ErrorCode::LeaderNotAvailable);
        assert_eq!(results, [(0, Err(error))]);
    }
}
