//! Addresses: which ones to listen on, and which one clients are told.
//!
//! `localhost` is served on every loopback address of the machine, because clients try `::1` first.
//! An address that cannot be connected to is never advertised.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use crate::config::{HostPort, NetworkConfig};

/// Connections the kernel holds until they are accepted.
const BACKLOG: u32 = 1024;
/// Tries to find a port that is free on all loopback addresses.
const PORT_TRIES: u32 = 16;

/// Why the broker cannot listen. Each message names the setting to change.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Clients cannot connect to the address they would be told.
    #[error(
        "clients cannot connect to {host}: set the advertised address (--broker-advertised) to \
         the host:port they reach this machine by"
    )]
    NothingToAdvertise {
        /// The unspecified address.
        host: String,
    },
    /// The port of the advertised address is 0.
    #[error("the advertised address (--broker-advertised) {address} needs a port")]
    AdvertisedPort {
        /// The address as given.
        address: HostPort,
    },
    /// The host has no address.
    #[error("the address to listen on (--broker-listen) {address} has no address here: {source}")]
    Resolve {
        /// The address as given.
        address: HostPort,
        /// What the resolver said.
        source: io::Error,
    },
    /// Somebody else listens there.
    #[error(
        "the port of {address} is in use by another program: choose another one with \
         --broker-listen, or stop that program"
    )]
    InUse {
        /// The address tried.
        address: SocketAddr,
    },
    /// The system refuses.
    #[error("cannot listen on {address} (--broker-listen): {source}")]
    Listen {
        /// The address tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The sockets of a broker, and the address it tells clients.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// One per address, all on the same port.
    pub(crate) sockets: Vec<TcpListener>,
    /// The addresses of the sockets.
    pub(crate) addresses: Vec<SocketAddr>,
    /// What clients are told to connect to.
    pub(crate) advertised: HostPort,
}

impl Listeners {
    /// Listens as `config` asks.
    ///
    /// # Errors
    /// [`ListenError`], before any connection could be made.
    pub(crate) async fn bind(config: &NetworkConfig) -> Result<Self, ListenError> {
        let told = config.advertised.as_ref().unwrap_or(&config.listen);
        if is_unspecified(&told.host) {
            let host = told.host.clone();
            return Err(ListenError::NothingToAdvertise { host });
        }
        if let Some(address) = config.advertised.as_ref().filter(|told| told.port == 0) {
            let address = address.clone();
            return Err(ListenError::AdvertisedPort { address });
        }
        let sockets = bind_all(&config.listen).await?;
        let addresses = sockets
            .iter()
            .filter_map(|socket| socket.local_addr().ok())
            .collect::<Vec<_>>();
        let port = addresses.first().map_or(0, SocketAddr::port);
        let advertised = config.advertised.clone().unwrap_or_else(|| HostPort {
            host: config.listen.host.clone(),
            port,
        });
        Ok(Self {
            sockets,
            addresses,
            advertised,
        })
    }
}

fn is_unspecified(host: &str) -> bool {
    host.parse()
        .is_ok_and(|address: IpAddr| address.is_unspecified())
}

async fn bind_all(listen: &HostPort) -> Result<Vec<TcpListener>, ListenError> {
    if listen.host == "localhost" {
        return bind_localhost(listen.port);
    }
    let resolved = tokio::net::lookup_host((listen.host.as_str(), listen.port)).await;
    let first = resolved.and_then(|mut addresses| {
        addresses
            .next()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    });
    let address = first.map_err(|source| ListenError::Resolve {
        address: listen.clone(),
        source,
    })?;
    Ok(vec![bind(address)?])
}

/// Listens on 127.0.0.1 and, where the machine has it, on `::1`. A port chosen by the system must be
/// free on both.
fn bind_localhost(port: u16) -> Result<Vec<TcpListener>, ListenError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let v4 = bind((Ipv4Addr::LOCALHOST, port).into())?;
        let chosen = v4.local_addr().map_or(port, |address| address.port());
        match bind((Ipv6Addr::LOCALHOST, chosen).into()) {
            Ok(v6) => return Ok(vec![v4, v6]),
            Err(ListenError::InUse { .. }) if port == 0 && tries < PORT_TRIES => {}
            Err(error @ ListenError::InUse { .. }) => return Err(error),
            // A machine without IPv6.
            Err(_) => return Ok(vec![v4]),
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // A restarted broker must get its port back while old connections still linger.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ListenError::InUse { address }
        } else {
            ListenError::Listen { address, source }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening_on(listen: &str) -> NetworkConfig {
        NetworkConfig {
            listen: listen.parse().unwrap(),
            ..NetworkConfig::default()
        }
    }

    async fn error_of(config: &NetworkConfig) -> String {
        Listeners::bind(config).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn the_address_listened_on_is_advertised_with_the_port_the_system_chose() {
        let listeners = Listeners::bind(&listening_on("127.0.0.1:0")).await.unwrap();
        assert_ne!(listeners.advertised.port, 0);
        let address = listeners.advertised.to_string().parse();
        assert_eq!(Ok(listeners.addresses[0]), address);
    }

    #[tokio::test]
    async fn an_unspecified_address_needs_an_advertised_one() {
        for listen in ["0.0.0.0:0", "[::]:0"] {
            let mut config = listening_on(listen);
            let error = error_of(&config).await;
            assert!(error.contains("--broker-advertised"), "{error}");

            config.advertised = Some("broker.example:9092".parse().unwrap());
            let listeners = Listeners::bind(&config).await.unwrap();
            assert_eq!(listeners.advertised.to_string(), "broker.example:9092");

            config.advertised = Some("0.0.0.0:9092".parse().unwrap());
            let error = error_of(&config).await;
            assert!(error.contains("--broker-advertised"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_its_setting() {
        let first = Listeners::bind(&listening_on("127.0.0.1:0")).await.unwrap();
        let taken = first.advertised.to_string();
        let error = error_of(&listening_on(&taken)).await;
        assert!(
            error.contains(&taken) && error.contains("--broker-listen"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn localhost_is_served_on_every_loopback_address_there_is() {
        let listeners = Listeners::bind(&listening_on("localhost:0")).await.unwrap();
        assert_eq!(listeners.advertised.host, "localhost");
        let has_v6 = TcpListener::bind("[::1]:0").await.is_ok();
        assert_eq!(listeners.addresses.len(), if has_v6 { 2 } else { 1 });
        for address in &listeners.addresses {
            assert_eq!(address.port(), listeners.advertised.port);
        }
    }
}
