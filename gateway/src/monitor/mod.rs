//! The consumer-lag monitor.
//!
//! Each cycle a [`sample`] of the cluster becomes an immutable [`snapshot`] through the pure
//! [`calculator`]; metrics, REST and pages read that snapshot and nothing else, so they cannot
//! disagree. [`history`] keeps what the charts show.

pub mod calculator;
pub mod history;
pub mod sample;
pub mod snapshot;
pub mod time_lag;
