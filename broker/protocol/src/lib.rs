//! The Kafka wire format: messages, record batches, compression.
//!
//! Pure: bytes in, values out, and back; no I/O, no clock, no state. From the bottom up:
//! * [`wire`]: bounded primitives; [`error`]: what can be wrong with bytes;
//! * `declare`: the macros through which a message is declared once;
//! * [`messages`]: requests and responses, one file per API, and the table of APIs;
//! * [`records`]: what coordinators store and consumers exchange;
//! * [`header`]: what precedes a body; [`error_code`]: every Kafka error;
//! * [`compression`]: bounded codecs; [`record`]: the records of a batch, read lazily;
//! * [`record_batch`]: batches, read, checked, stamped and built without touching their records.
//!
//! What may be served, and what a request does, is not known here.

#[macro_use]
mod declare;
#[macro_use]
mod api_key;

pub mod compression;
pub mod error;
pub mod error_code;
pub mod header;
pub mod messages;
pub mod record;
pub mod record_batch;
pub mod records;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
pub mod wire;

pub use error::{DecodeError, EncodeError};
pub use error_code::ErrorCode;
pub use messages::ApiKey;
pub use wire::Uuid;
