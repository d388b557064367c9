//! `sluice health`: asks a running program whether it is ready, for containers and scripts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sluice::config::Config;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The program is not known to be ready.
#[derive(Debug, thiserror::Error)]
pub(super) enum HealthError {
    /// Its port was picked when it started, so the configuration does not tell it.
    #[error("http.listen has port 0, so its address is not known here; give it with --url")]
    UnknownPort,
    /// It did not answer.
    #[error("no answer from {url}: {cause}")]
    Unreachable { url: String, cause: String },
    /// It answered that it is not.
    #[error("not ready: {reasons}")]
    NotReady { reasons: String },
    /// The question could not be asked.
    #[error("cannot ask: {0}")]
    Runtime(#[from] std::io::Error),
}

#[derive(serde::Deserialize)]
struct Answer {
    reasons: Vec<String>,
}

/// Asks the program at `url`, or at the address of the configuration.
pub(super) fn check(config: &Config, url: Option<String>) -> Result<(), HealthError> {
    let url = url.map_or_else(|| address(config), Ok)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let Answer { reasons } = runtime.block_on(ask(&url))?;
    match &*reasons {
        [] => super::say("ready\n"),
        // Ready, and not as it should be nevertheless.
        reasons => super::say(&format!("ready: {}\n", reasons.join("; "))),
    }
    Ok(())
}

async fn ask(url: &str) -> Result<Answer, HealthError> {
    let unreachable = |error: reqwest::Error| {
        let cause = std::iter::successors(std::error::Error::source(&error), |it| it.source())
            .last()
            .map_or_else(|| error.to_string(), ToString::to_string);
        HealthError::Unreachable {
            url: url.to_owned(),
            cause,
        }
    };
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .build()
        .map_err(unreachable)?;
    let target = format!("{}/health/ready", url.trim_end_matches('/'));
    let response = client.get(target).send().await.map_err(unreachable)?;
    if response.status().is_success() {
        return response.json().await.map_err(unreachable);
    }
    let status = response.status();
    let reasons = response
        .json::<Answer>()
        .await
        .map(|answer| answer.reasons.join("; "));
    Err(HealthError::NotReady {
        reasons: reasons.unwrap_or_else(|_error| status.to_string()),
    })
}

fn address(config: &Config) -> Result<String, HealthError> {
    let (mut address, _also) = config.http.listen.addresses();
    if address.port() == 0 {
        return Err(HealthError::UnknownPort);
    }
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Ok(format!("http://{address}"))
}
