//! The end-to-end stories, a story a file. What they start and talk with is in `../src`.
//!
//! A test is named after the tools it uses (`kcat`, `console_tools`, `kafka_python`, `prometheus`, `promtool`, `chromium`,
//! `java`), so that `tests/run --without <part>` knows what to leave out.

mod batches;
mod compaction;
mod crash;
mod damage;
mod dashboards;
mod floods;
mod groups;
mod log_tool;
mod odd_produce;
mod openapi;
mod oracle;
mod produce_consume;
mod reads;
mod rest_v2;
mod rest_v3;
mod restart;
mod scale;
mod tidy;
mod topics;
mod ui;
