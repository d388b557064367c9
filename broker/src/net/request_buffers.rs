//! Memory that large requests are received into, used again and again: memory that is new costs as
//! much as what is received into it, since the system clears it page by page.
//!
//! Buffers come in a few sizes. One is in use until the last of those who share its bytes is done, and
//! comes back then; as many as the bound allows are kept. What is larger than the largest is not kept.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use parking_lot::Mutex;

/// Bytes of the smallest buffer; each size is twice the one before.
pub(super) const BUFFER_BYTES_MIN: usize = 128 * 1024;
/// Bytes of the largest buffer that is kept: a request of the size clients send at most, unless they
/// are told otherwise (`max.request.size` and its like are a megabyte).
const BUFFER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The buffers that nobody uses now. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RequestBuffers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
    bytes_max: usize,
}

/// Memory for one request, filled from its beginning.
#[derive(Debug)]
pub(super) struct RequestBuffer {
    bytes: Vec<u8>,
    pool: RequestBuffers,
}

impl RequestBuffers {
    /// A pool that keeps up to `bytes_max` bytes that nobody uses.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Pool {
            free: Mutex::default(),
            bytes_max,
        }))
    }

    /// Bytes of the buffer that [`RequestBuffers::take`] gives for that many.
    pub(super) fn capacity_for(bytes: usize) -> usize {
        if bytes > BUFFER_BYTES_MAX {
            return bytes;
        }
        bytes.next_power_of_two().max(BUFFER_BYTES_MIN)
    }

    /// An empty buffer for `bytes` bytes.
    pub(super) fn take(&self, bytes: usize) -> RequestBuffer {
        let capacity = Self::capacity_for(bytes);
        let mut free = self.0.free.lock();
        let place = free
            .iter()
            .rposition(|buffer| buffer.capacity() == capacity);
        let found = place.map(|place| free.swap_remove(place));
        drop(free);
        RequestBuffer {
            bytes: found.unwrap_or_else(|| Vec::with_capacity(capacity)),
            pool: self.clone(),
        }
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        let size = buffer.capacity();
        if !(BUFFER_BYTES_MIN..=BUFFER_BYTES_MAX).contains(&size) {
            return;
        }
        buffer.clear();
        let mut free = self.0.free.lock();
        let kept: usize = free.iter().map(Vec::capacity).sum();
        if kept.saturating_add(size) <= self.0.bytes_max {
            free.push(buffer);
        }
    }
}

impl RequestBuffer {
    /// What is in it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How much fits into it.
    pub(super) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds a copy of `bytes`.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Where the next bytes go, until there are `end`.
    pub(super) fn rest(&mut self, end: usize) -> impl BufMut + '_ {
        let room = end
            .min(self.bytes.capacity())
            .saturating_sub(self.bytes.len());
        (&mut self.bytes).limit(room)
    }

    /// The bytes, to be shared.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for RequestBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for RequestBuffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pool: &RequestBuffers) -> Vec<usize> {
        pool.0.free.lock().iter().map(Vec::capacity).collect()
    }

    /// Fails where `give_back` forgets to clear.
    #[test]
    fn a_buffer_comes_back_empty_when_the_last_who_shares_it_is_done() {
        let pool = RequestBuffers::new(usize::MAX);
        let mut buffer = pool.take(200_000);
        assert_eq!(buffer.capacity(), 256 * 1024);
        buffer.extend(b"records");
        let all = buffer.freeze();
        let part = all.slice(3..);
        drop(all);
        assert!(kept(&pool).is_empty());
        assert_eq!(part, "ords");
        drop(part);
        assert_eq!(kept(&pool), [256 * 1024]);
        assert_eq!(pool.take(BUFFER_BYTES_MIN).capacity(), BUFFER_BYTES_MIN);
        let again = pool.take(256 * 1024);
        assert!(again.bytes().is_empty());
        assert_eq!(kept(&pool), [BUFFER_BYTES_MIN]);
    }

    /// Fails where `give_back` looks at no bound.
    #[test]
    fn no_more_is_kept_than_the_bound() {
        let pool = RequestBuffers::new(3 * BUFFER_BYTES_MIN);
        drop([2, 1, 1, 1].map(|times| pool.take(times * BUFFER_BYTES_MIN)));
        assert_eq!(kept(&pool), [2 * BUFFER_BYTES_MIN, BUFFER_BYTES_MIN]);
        let pool = RequestBuffers::new(usize::MAX);
        drop(pool.take(BUFFER_BYTES_MAX + 1));
        assert!(kept(&pool).is_empty());
    }
}
