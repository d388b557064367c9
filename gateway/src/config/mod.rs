//! What the program is told: one struct a concern, read from a file, the environment and flags.
//!
//! * Precedence: defaults < `sluice.toml` < environment `SLUICE_*` < flags. Keys nobody knows are
//!   faults, and all faults are reported together, each with its key, its value and what to do.
//! * A setting is declared once, in the file of its concern. Key, environment variable, flag,
//!   default, help text and a line of `docs/configuration.md` follow from the declaration.
//! * Only this module reads files and the environment, through a [`Source`]. It never touches the
//!   network: an address that is taken is found when it is bound.
//!
//! Every value is text until its type parses it, whichever layer it came from, so the layers cannot
//! disagree about what is valid.

mod broker;
mod fault;
mod general;
mod http;
mod kafka;
mod layers;
mod log;
mod monitor;
mod reference;
mod rest;
mod rules;
mod setting;
mod source;
mod value;

#[cfg(test)]
mod tests;

pub use broker::Broker;
pub use fault::{Fault, Faults};
pub use general::General;
pub use http::Http;
pub use kafka::Kafka;
pub use log::Log;
pub use monitor::Monitor;
pub use reference::reference;
pub use rest::RestV2;
pub use setting::Setting;
pub use source::{Machine, Nothing, Source};
pub use value::{
    Address, Advertised, BaseUri, ByteCount, ClusterName, Durability, Filter, Listen, Servers,
    TopicDefaults, Value,
};

use layers::{Layers, Outcome};
use setting::Section;

/// The whole configuration: valid, or it does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What concerns the program as a whole.
    pub general: General,
    /// The bundled broker.
    pub broker: Broker,
    /// The HTTP side.
    pub http: Http,
    /// The gateway's own way to Kafka.
    pub kafka: Kafka,
    /// How strictly the v2 API follows Confluent's.
    pub rest_v2: RestV2,
    /// The lag monitor.
    pub monitor: Monitor,
    /// What is logged.
    pub log: Log,
}

/// Values given on the command line, by key such as `http.listen`.
pub type Flags = Vec<(String, String)>;

impl Config {
    /// Reads every layer of `source`, with `flags` on top.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the settings.
    pub fn load(source: &impl Source, flags: Flags) -> Result<Loaded, Faults> {
        let mut layers = Layers::gather(source, flags);
        let parts = (
            General::read(&mut layers),
            Broker::read(&mut layers),
            Http::read(&mut layers),
            Kafka::read(&mut layers),
            RestV2::read(&mut layers),
            Monitor::read(&mut layers),
            Log::read(&mut layers),
        );
        let Outcome {
            lines,
            mut faults,
            unread,
        } = layers.finish();
        if let (
            Some(general),
            Some(broker),
            Some(http),
            Some(kafka),
            Some(rest_v2),
            Some(monitor),
            Some(log),
        ) = parts
        {
            let config = Self {
                general,
                broker,
                http,
                kafka,
                rest_v2,
                monitor,
                log,
            };
            faults.extend(rules::check(&config, unread));
            if faults.is_empty() {
                return Ok(Loaded {
                    config,
                    effective: layers::print(&lines),
                    changed: layers::changed(&lines),
                });
            }
        }
        Err(Faults(faults))
    }

    /// Defaults on free ports of the loopback address, with `data_dir` for everything on disk.
    ///
    /// # Errors
    /// None in practice: the defaults are valid.
    pub fn for_testing(data_dir: &std::path::Path) -> Result<Self, Faults> {
        let flags = [
            ("data_dir", data_dir.display().to_string()),
            ("broker.listen", "127.0.0.1:0".to_owned()),
            ("http.listen", "127.0.0.1:0".to_owned()),
        ];
        let flags = flags
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        Self::load(&Nothing, flags).map(|loaded| loaded.config)
    }
}

/// A configuration and how it came to be.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The same as a `sluice.toml`, each line with the layer its value came from.
    pub effective: String,
    /// What differs from the defaults, on one line.
    pub changed: String,
}

/// Every setting there is, section by section.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    sections().into_iter().flat_map(|section| section.settings)
}

fn sections() -> [setting::SectionInfo; 7] {
    [
        General::INFO,
        Broker::INFO,
        Http::INFO,
        Kafka::INFO,
        RestV2::INFO,
        Monitor::INFO,
        Log::INFO,
    ]
}
