//! How a connection to a broker comes about.
//!
//! [`Dial`] is the seam: [`TcpDial`] connects over TCP; whoever runs a broker in the same process
//! implements it with a pair of channels. A dialer for TLS returns its stream through
//! [`Connection::stream`]; what happens above does not change.

use std::fmt;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Name or number of the machine, an IPv6 number without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A text that is not `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address; write host:port")]
pub struct AddressError {
    /// The text.
    pub text: String,
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let parse = || {
            let (host, port) = text.rsplit_once(':')?;
            let bare = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            let host = bare.unwrap_or(host);
            let valid = !host.is_empty() && (bare.is_some() || !host.contains(':'));
            let port = port.parse().ok().filter(|port| *port != 0)?;
            valid.then(|| Self {
                host: host.to_owned(),
                port,
            })
        };
        parse().ok_or_else(|| AddressError {
            text: text.to_owned(),
        })
    }
}

/// The future a dialer returns.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = io::Result<Connection>> + Send + 'a>>;

/// Opens connections to brokers.
pub trait Dial: fmt::Debug + Send + Sync + 'static {
    /// Opens a connection to the broker at `address`.
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a>;
}

/// An open connection, before anything was said on it.
pub enum Connection {
    /// A stream of bytes; frames are preceded by their length.
    Stream {
        /// Where answers come from.
        reader: Box<dyn AsyncRead + Send + Unpin>,
        /// Where requests go.
        writer: Box<dyn AsyncWrite + Send + Unpin>,
    },
    /// Frames as they are, to a broker in the same process.
    Frames {
        /// Where requests go.
        requests: mpsc::Sender<Vec<Bytes>>,
        /// Where answers come from.
        responses: mpsc::Receiver<Vec<Bytes>>,
    },
}

impl Connection {
    /// A connection over the two halves of a byte stream.
    pub fn stream(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self::Stream {
            reader: Box::new(reader),
            writer: Box::new(writer),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream { .. } => "Connection::Stream",
            Self::Frames { .. } => "Connection::Frames",
        })
    }
}

/// Connects over TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDial;

impl Dial for TcpDial {
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a> {
        Box::pin(async move {
            let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
            // A request larger than a segment would else wait for a delayed acknowledgement.
            stream.set_nodelay(true)?;
            let (reader, writer) = stream.into_split();
            Ok(Connection::stream(reader, writer))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port_and_ipv6_wears_brackets() {
        for text in ["localhost:9092", "10.0.0.1:1", "[::1]:9092"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "localhost",
            ":9092",
            "a:0",
            "a:70000",
            "::1:9092",
            "a:b",
            "",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
