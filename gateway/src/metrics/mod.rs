//! What Prometheus scrapes.
//!
//! Every metric is declared once, as a [`Family`](exposition::Family) beside the code that knows its
//! numbers: name, type, labels and help. The [`catalogue`] has all of them, and `docs/metrics.md` is
//! generated from it. Families of few series live in the `prometheus` registry (`registered`);
//! families with a series per group, topic or partition are written from a snapshot by writers appended
//! to the [`Scrape`], so that what is gone from the snapshot is gone from the next scrape.

pub mod catalogue;
pub mod collector;
pub mod exposition;
pub mod http;
pub mod kafka_exporter;
pub mod lag;
pub mod process;
mod registered;
pub mod rest;
pub mod scrape;

pub use http::{Exchange, HttpMetrics, Rejection};
pub use scrape::Scrape;
