//! Connections: frames in, frames out, within limits.
//!
//! * [`listener`]: addresses to listen on and to tell clients;
//! * [`acceptor`]: connections come in, each with a permit;
//! * [`link`], [`stream`]: where frames come from and go to: a byte stream or an in-process channel;
//! * [`connection`]: the loop that starts requests in order and answers them in order;
//! * [`connector`]: connections from within the process.
//!
//! What a request means is the business of [`crate::handlers`]; nothing here looks into a body.

pub(crate) mod acceptor;
pub(crate) mod connection;
pub(crate) mod connector;
pub(crate) mod link;
pub(crate) mod listener;
pub(crate) mod request_buffers;
pub(crate) mod stream;

pub use connector::{Connector, InProcessLink};
pub use listener::ListenError;
