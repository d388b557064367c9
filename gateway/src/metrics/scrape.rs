//! One scrape: what is registered, then what writers add from their snapshots.

use std::fmt;

use prometheus::{Registry, TextEncoder};

use super::exposition::families;
use super::process::ProcessCollector;

families! {
    BUILD_INFO = "sluice_build_info", Gauge, ["version"], "Always 1; carries the version.";
}

/// Appends whole families, head and series, to the text.
type Writer = Box<dyn Fn(&mut String) + Send + Sync>;

/// Everything one scrape shows.
pub struct Scrape {
    registry: Registry,
    writers: Vec<Writer>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape")
            .field("writers", &self.writers.len())
            .finish_non_exhaustive()
    }
}

impl Scrape {
    /// Shows `registry`, to which the process and build metrics are added.
    ///
    /// # Errors
    /// One of their names is registered already.
    pub fn new(registry: Registry) -> prometheus::Result<Self> {
        registry.register(Box::new(ProcessCollector::new()?))?;
        let build = BUILD_INFO.gauges(&registry)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            registry,
            writers: Vec::new(),
        })
    }

    /// Adds families written from a snapshot, such as those of lag. A writer must be quick and must not
    /// block.
    pub fn append(&mut self, writer: impl Fn(&mut String) + Send + Sync + 'static) {
        self.writers.push(Box::new(writer));
    }

    /// The registry, for families of few series.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The text, in Prometheus' text format 0.0.4.
    ///
    /// # Errors
    /// A registered family is inconsistent.
    pub fn render(&self) -> prometheus::Result<String> {
        let mut out = TextEncoder::new().encode_to_string(&self.registry.gather())?;
        for writer in &self.writers {
            writer(&mut out);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_follow_the_registry_and_are_asked_at_every_scrape() {
        let mut scrape = Scrape::new(Registry::new()).unwrap();
        let scrapes = std::sync::atomic::AtomicU32::new(0);
        scrape.append(move |out| {
            let count = scrapes.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            out.push_str(&format!("scrape {count}\n"));
        });
        let first = scrape.render().unwrap();
        assert!(first.contains("sluice_build_info{version=\""), "{first}");
        assert!(first.ends_with("scrape 1\n"), "{first}");
        assert!(scrape.render().unwrap().ends_with("scrape 2\n"));
    }
}
