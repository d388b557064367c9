//! The harness of the end-to-end stories: it starts what they talk to and runs the tools they talk with.
//!
//! A story takes a [`World`], which is `sluice` in front of one of two [`Target`]s: its own bundled broker, or an Apache
//! Kafka that all stories of the process share. [`on_both_targets!`] turns one story into a test on each; so does
//! [`contracts!`], which also holds the story to the [operations](contract) of the API it is about.
//! The tools are the real ones: [`kcat`], Kafka's [console] tools, [`python`] clients, [`prometheus`] and a
//! [`browser`]. `tests/run` fetches them; a story whose tool is missing fails and says so.
//!
//! Rules: servers listen on 127.0.0.1 at ports the kernel chose; nothing sleeps, [`wait`] polls a condition until a
//! deadline; every process belongs to somebody that kills it, and the [watchman](process) kills what a dying test process
//! leaves; logs of a failed story are kept and their folder is printed.
//!
//! It does not judge: what is right is said by the stories in `suite/`.

pub mod apache_kafka;
pub mod browser;
pub mod console;
pub mod contract;
pub mod disk;
pub mod dump_log;
pub mod history;
pub mod http;
pub mod kcat;
pub mod partitions;
pub mod port;
pub mod process;
pub mod prometheus;
pub mod python;
pub mod repository;
pub mod rest;
pub mod seed;
pub mod sluice;
pub mod tidy;
pub mod tmpfs;
pub mod tool;
pub mod wait;
pub mod world;

pub use world::{Target, World};
