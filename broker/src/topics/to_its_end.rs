//! Changes that outlive whoever asked for them.

use std::future::{Future, pending};

/// Runs `change` in a task of its own, and waits for it. A request may be given up at any moment,
/// since its client goes away; what became durable of it would then never be seen in memory.
pub(crate) async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(change).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the runtime cancels it, and that ends this too.
            Err(_cancelled) => pending().await,
        },
    }
}
