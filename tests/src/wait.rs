//! Waiting for a condition with a deadline: what the stories do instead of sleeping.

use std::future::Future;
use std::time::{Duration, Instant};

/// Enough for anything that takes a second on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the condition.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks `probe` until it has an answer, and gives that answer.
///
/// # Panics
/// After `patience`, with `what` was waited for and why the last probe was not content.
pub async fn until<T, F, Fut>(what: &str, patience: Duration, mut probe: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let start = Instant::now();
    loop {
        let reason = match probe().await {
            Ok(answer) => return answer,
            Err(reason) => reason,
        };
        assert!(
            start.elapsed() < patience,
            "waited {patience:?} for {what}; at last: {reason}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks `probe` until it says yes.
///
/// # Panics
/// After `patience`, with `what` was waited for.
pub async fn until_true<F, Fut>(what: &str, patience: Duration, mut probe: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    until(what, patience, || {
        let asked = probe();
        async move {
            if asked.await {
                Ok(())
            } else {
                Err("not yet".to_owned())
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_that_comes_true_ends_the_wait() {
        let mut looks = 0;
        let answer = until("the third look", PATIENCE, || {
            looks += 1;
            std::future::ready(if looks == 3 {
                Ok(looks)
            } else {
                Err(format!("look {looks}"))
            })
        })
        .await;
        assert_eq!(answer, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "for a miracle; at last: none in sight")]
    async fn a_condition_that_never_comes_true_names_itself() {
        until::<(), _, _>("a miracle", Duration::from_millis(50), || {
            std::future::ready(Err("none in sight".to_owned()))
        })
        .await;
    }
}
