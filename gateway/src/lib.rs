//! The gateway: Kafka over HTTP, a consumer-lag monitor, and what the program `sluice` needs to start.
//!
//! * [`config`]: what the program is told; [`data_dir`]: what it keeps.
//! * [`error`], [`extract`], [`middleware`], [`metrics`], [`lifecycle`]: what every resource shares.
//! * [`cluster`]: the Kafka that is worked with.
//! * [`monitor`]: consumer lag, from samples to snapshots.
//! * [`api`], [`ui`]: what HTTP offers to programs and to people; [`routes`] has all of it on one page,
//!   [`openapi`] describes it.
//! * [`app`]: all of it put together, for the program and for tests.

pub mod admin;
pub mod api;
pub mod app;
pub mod cluster;
pub mod config;
pub mod consume;
pub mod data_dir;
pub mod embedded;
pub mod error;
pub mod extract;
pub mod lifecycle;
pub mod metrics;
pub mod middleware;
pub mod monitor;
pub mod openapi;
pub mod produce;
pub mod routes;
pub mod ui;
