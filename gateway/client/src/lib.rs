//! The Kafka client of the gateway.

mod error;
mod identity;
mod link;
mod retry;

pub use error::ClientError;
pub use identity::Identity;
pub use link::{Address, AddressError, Connection, Dial, Dialing, TcpDial};
