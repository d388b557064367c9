//! Who wants to know which requests a client sends and how long their answers take.
//!
//! It is told of every request, retries and background work included. What a refusal says is not told:
//! an answer is an answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Is told of the requests of a [`Client`](crate::Client). Called between network operations, so it must be quick.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A request of the API named `api` is about to be written.
    fn sent(&self, api: &'static str);

    /// A request was answered by the broker of that id, `None` where it was asked before its id was known, so long
    /// after it was asked.
    fn answered(&self, broker: Option<i32>, api: &'static str, elapsed: Duration);
}

/// An observer and the broker at the other end of a link.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) broker: Option<i32>,
}
