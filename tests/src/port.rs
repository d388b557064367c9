//! Free ports for servers that cannot be told to choose one and say which.

use std::net::{Ipv4Addr, TcpListener};

/// `N` different ports of 127.0.0.1 that nobody listened on a moment ago.
///
/// Another process may take one before the caller does; a server that finds its port taken has to be started again.
///
/// # Panics
/// If the machine has no free port left.
#[must_use]
pub fn free<const N: usize>() -> [u16; N] {
    // All are held until all are known, so that they differ.
    let held: [TcpListener; N] = std::array::from_fn(|_| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1")
    });
    held.map(|listener| {
        listener
            .local_addr()
            .expect("a bound listener has an address")
            .port()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_asked_for_together_differ() {
        let [a, b, c] = free();
        assert!(a != b && b != c && a != c, "{a} {b} {c}");
    }
}
