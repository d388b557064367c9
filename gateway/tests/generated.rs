//! Generated files are as the code would generate them. `SLUICE_REGENERATE=1` writes them.

use std::error::Error;
use std::path::Path;

use sluice::metrics::catalogue;
use sluice::metrics::exposition::{Family, Kind};

fn check(file: &str, generated: &str) -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    if std::env::var_os("SLUICE_REGENERATE").is_some() {
        std::fs::write(&path, generated)?;
    }
    if std::fs::read_to_string(&path)? != generated {
        let advice =
            "run `SLUICE_REGENERATE=1 cargo test -p sluice --test generated` and review the change";
        return Err(format!("{file} is not current; {advice}").into());
    }
    Ok(())
}

#[test]
fn the_configuration_page_is_current() -> Result<(), Box<dyn Error>> {
    check("docs/configuration.md", &sluice::config::reference())
}

#[test]
fn the_metrics_page_is_current() -> Result<(), Box<dyn Error>> {
    let broker: Vec<Family> = sluice_broker::METRICS.iter().map(family).collect();
    check("docs/metrics.md", &catalogue::reference(&broker))
}

/// A family of the bundled broker, as the gateway's own are declared.
fn family(metric: &sluice_broker::Metric) -> Family {
    let kinds = [Kind::Counter, Kind::Gauge, Kind::Histogram];
    let kind = kinds.into_iter().find(|kind| kind.as_str() == metric.kind);
    Family {
        name: metric.name,
        kind: kind.unwrap_or_else(|| panic!("{} is a {}", metric.name, metric.kind)),
        labels: metric.labels,
        help: metric.help,
    }
}

#[test]
fn the_description_of_the_api_is_current() -> Result<(), Box<dyn Error>> {
    let description = sluice::openapi::Description::from_routes()?;
    check(
        "openapi/sluice.json",
        std::str::from_utf8(&description.json)?,
    )
}
