//! What a value of each kind looks like: its text, its bounds, its type.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A type that a setting can have.
pub trait Value: Sized {
    /// What such a value is called in help and documentation.
    const KIND: &'static str;

    /// Reads the text of any layer.
    ///
    /// # Errors
    /// What is wrong and what would be right, in one line.
    fn parse(text: &str) -> Result<Self, String>;

    /// The text that [`Value::parse`] reads back.
    fn show(&self) -> String;
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Ok(None)
        } else {
            T::parse(text).map(Some)
        }
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

impl Value for bool {
    const KIND: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_error| "must be true or false".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const KIND: &'static str = "number";

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_error| format!("must be a whole number from 0 to {}", Self::MAX))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
numbers!(u16, u32);

impl Value for PathBuf {
    const KIND: &'static str = "path";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Err("must be a path".to_owned())
        } else {
            Ok(Self::from(text))
        }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

/// Units of time, the largest first, in milliseconds.
const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Value for Duration {
    const KIND: &'static str = "duration";

    fn parse(text: &str) -> Result<Self, String> {
        with_unit(text, &TIME_UNITS)
            .map(Self::from_millis)
            .ok_or_else(|| {
                "must be a whole number and a unit, such as 500ms, 30s, 5m, 12h or 7d".to_owned()
            })
    }

    fn show(&self) -> String {
        in_unit(
            u64::try_from(self.as_millis()).unwrap_or(u64::MAX),
            &TIME_UNITS,
        )
    }
}

/// Units of size, the largest first, in bytes.
const SIZE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("", 1),
];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// The number as memory is addressed.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Value for ByteCount {
    const KIND: &'static str = "size";

    fn parse(text: &str) -> Result<Self, String> {
        with_unit(text, &SIZE_UNITS).map(Self).ok_or_else(|| {
            "must be a whole number of bytes, or of KiB, MiB or GiB such as 64MiB".to_owned()
        })
    }

    fn show(&self) -> String {
        in_unit(self.0, &SIZE_UNITS)
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn in_unit(value: u64, units: &[(&str, u64)]) -> String {
    let whole = |factor: u64| value != 0 && value.is_multiple_of(factor);
    let largest = units
        .iter()
        .find(|(_, factor)| whole(*factor))
        .or_else(|| units.last());
    largest.map_or_else(String::new, |(unit, factor)| {
        format!("{}{unit}", value / factor)
    })
}

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

/// The start of every link: scheme, host and perhaps port and path, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUri(actix_web::http::Uri);

impl BaseUri {
    /// The text that links start with.
    #[must_use]
    pub fn as_text(&self) -> String {
        self.0.to_string().trim_end_matches('/').to_owned()
    }

    /// Its host, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

impl Value for BaseUri {
    const KIND: &'static str = "URL";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "must start with http:// or https:// and a host, such as https://kafka.example.org"
                .to_owned()
        };
        let uri = text
            .parse::<actix_web::http::Uri>()
            .map_err(|_error| wrong())?;
        let plain = uri.query().is_none() && !text.contains(['@', '#']);
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() && plain => Ok(Self(uri)),
            _ => Err(wrong()),
        }
    }

    fn show(&self) -> String {
        self.as_text()
    }
}

/// Configs of topics, by Kafka's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDefaults(pub BTreeMap<String, String>);

impl Value for TopicDefaults {
    const KIND: &'static str = "key=value,...";

    /// A part without `=` belongs to the value before it, since some values are lists.
    fn parse(text: &str) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split(',') {
            match (part.split_once('='), pairs.last_mut()) {
                (Some((key, value)), _) if !key.trim().is_empty() => {
                    pairs.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                (None, Some((_, value))) => {
                    value.push(',');
                    value.push_str(part.trim());
                }
                (Some(_), _) | (None, None) => {
                    return Err(
                        "must be key=value; several have commas between them, such as \
                                retention.ms=86400000,cleanup.policy=compact,delete"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(Self(pairs.into_iter().collect()))
    }

    fn show(&self) -> String {
        self.0
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
            .join(",")
    }
}

/// The value of the label `cluster`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterName(String);

impl ClusterName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for ClusterName {
    const KIND: &'static str = "name";

    fn parse(text: &str) -> Result<Self, String> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if (1..=100).contains(&text.len()) && text.chars().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 100 letters, digits, dots, dashes or underscores".to_owned())
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// What is logged: levels, by module where wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// The directives, which are valid.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Filter {
    const KIND: &'static str = "levels";

    fn parse(text: &str) -> Result<Self, String> {
        let advice = "must be error, warn, info, debug or trace, or levels by module such as info,sluice=debug";
        match tracing_subscriber::EnvFilter::try_new(text) {
            Ok(_) if !text.trim().is_empty() => Ok(Self(text.to_owned())),
            Ok(_) => Err(advice.to_owned()),
            Err(error) => Err(format!("{advice} ({error})")),
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}
