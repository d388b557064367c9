//! The client against a real broker.
//!
//! `KAFKA_BOOTSTRAP` names the cluster to test against.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod fetcher;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod producer;
#[cfg(test)]
mod target;
#[cfg(test)]
mod watcher;
