//! Where to listen, where to connect, and what others are told to connect to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Value;

/// Where to listen: an IP address or `localhost`, and a port.
///
/// Other names are refused, because what they stand for, and so whether they lead beyond this
/// machine, is known only to a resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// `None` is `localhost`: both loopback addresses.
    ip: Option<IpAddr>,
    /// 0 picks a free one.
    port: u16,
}

impl Listen {
    /// Whether only this machine can connect.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.ip.is_none_or(|ip| ip.is_loopback())
    }

    /// Whether this is every address of the machine, such as 0.0.0.0.
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        self.ip.is_some_and(|ip| ip.is_unspecified())
    }

    /// The host as it was written, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> String {
        self.ip
            .map_or_else(|| "localhost".to_owned(), |ip| ip.to_string())
    }

    /// The port; 0 picks a free one.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address that must be had, and one that is served too where the machine has it.
    #[must_use]
    pub fn addresses(&self) -> (SocketAddr, Option<SocketAddr>) {
        let at = |ip: IpAddr| SocketAddr::new(ip, self.port);
        match self.ip {
            Some(ip) => (at(ip), None),
            None => (
                at(Ipv4Addr::LOCALHOST.into()),
                Some(at(Ipv6Addr::LOCALHOST.into())),
            ),
        }
    }
}

impl Value for Listen {
    const KIND: &'static str = "address";

    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self {
                ip: Some(address.ip()),
                port: address.port(),
            });
        }
        let port = text
            .strip_prefix("localhost:")
            .and_then(|port| port.parse().ok());
        port.map(|port| Self { ip: None, port }).ok_or_else(|| {
            "must be an IP address or localhost, and a port, such as 127.0.0.1:8082, [::1]:8082 or \
             localhost:8082"
                .to_owned()
        })
    }

    fn show(&self) -> String {
        self.ip.map_or_else(
            || format!("localhost:{}", self.port),
            |ip| SocketAddr::new(ip, self.port).to_string(),
        )
    }
}

/// A host name or IP address and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host, an IPv6 address without its brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", bracketed(&self.host), self.port)
    }
}

/// Kafka brokers to ask first; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers(pub Vec<Address>);

impl Value for Servers {
    const KIND: &'static str = "addresses";

    fn parse(text: &str) -> Result<Self, String> {
        let parse_one = |part: &str| match split_host(part.trim()) {
            Some((host, Some(port))) => Ok(Address { host, port }),
            Some((_, None)) | None => Err(format!(
                "{:?} must be host:port; several have commas between them, such as kafka1:9092,kafka2:9092",
                part.trim()
            )),
        };
        text.split(',')
            .map(parse_one)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn show(&self) -> String {
        self.0
            .iter()
            .map(Address::to_string)
            .collect::<Vec<_>>()
            .join(",")
    }
}

/// What Kafka clients are told to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The host as clients can resolve it.
    pub host: String,
    /// The port as clients can reach it; `None` is the one listened on.
    pub port: Option<u16>,
}

impl Value for Advertised {
    const KIND: &'static str = "address";

    fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = split_host(text).ok_or_else(|| {
            "must be host:port, or a host alone, such as broker.example.org:9092".to_owned()
        })?;
        match host.parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() => {
                Err("clients cannot connect to it; give the name or address they reach".to_owned())
            }
            Ok(_) | Err(_) => Ok(Self { host, port }),
        }
    }

    fn show(&self) -> String {
        let host = bracketed(&self.host);
        self.port
            .map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; `None` when it is none of them.
fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (
                host,
                if rest.is_empty() {
                    None
                } else {
                    Some(rest.strip_prefix(':')?)
                },
            )
        }
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || host.len() > 255 || !host.chars().all(is_name) {
        return None;
    }
    match port.map(str::parse::<u16>) {
        None => Some((host.to_owned(), None)),
        Some(Ok(port)) if port > 0 => Some((host.to_owned(), Some(port))),
        Some(_) => None,
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}
