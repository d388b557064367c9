//! What handlers get from a request: bodies within limits, media types, the address links start with.
//!
//! Extractors fail with an [`ApiError`](crate::error::ApiError); nothing here knows Kafka.

mod base_url;
mod body;
mod complaint;
mod json;
pub mod media;
mod negotiated;
pub mod object;
mod query;
mod segment;
mod terms;

pub use base_url::BaseUrl;
pub use body::{Body, Budget, Permit};
pub use json::{JsonV2, JsonV3, OptionalJsonV2, parse};
pub use negotiated::{AcceptV2, AcceptV2Consumer, AcceptV3, ProduceFormat, RecordsFormat, TypeV3};
pub use query::Query;
pub use segment::segment;
pub use terms::Terms;
