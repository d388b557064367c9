//! A real Prometheus that scrapes the gateway, and promtool.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::http::{self, Http};
use crate::process::Server;
use crate::tool::{self, Output};
use crate::wait;

const START: Duration = Duration::from_secs(20);

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    _server: Server,
    http: Http,
}

impl Prometheus {
    /// Starts one that scrapes `<gateway>/metrics` every second as job `sluice`, and waits for the first scrape.
    ///
    /// # Panics
    /// If it does not come to that.
    pub async fn start(gateway: &str, folder: &Path) -> Self {
        let target = gateway.trim_start_matches("http://");
        Self::with_config(
            &format!(
                "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
                 scrape_configs:\n\
                 - job_name: sluice\n  static_configs: [{{targets: ['{target}']}}]\n"
            ),
            folder,
        )
        .await
    }

    /// Starts one with a `prometheus.yml` of the caller's, and waits until every target has been scraped.
    ///
    /// # Panics
    /// If it does not come to that.
    pub async fn with_config(config: &str, folder: &Path) -> Self {
        std::fs::write(folder.join("prometheus.yml"), config).expect("write prometheus.yml");
        let mut command = Command::new("prometheus");
        command.current_dir(folder).args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=prometheus",
            "--web.listen-address=127.0.0.1:0",
        ]);
        let mut server = Server::start("prometheus", &mut command, folder);
        let base = wait::until("Prometheus to listen", START, || {
            let said = server.stderr();
            let found = address(&said).ok_or(said);
            std::future::ready(found)
        })
        .await;
        let http = Http::new(&base);
        // It listens before it has read its configuration.
        wait::until("Prometheus to scrape every target", START, || {
            scraped(&http)
        })
        .await;
        if let Some(status) = server.exit_status() {
            panic!("Prometheus ended ({status})\n{}", server.last_words());
        }
        Self {
            _server: server,
            http,
        }
    }

    /// The samples that the instant query `expression` finds now.
    ///
    /// # Panics
    /// If the expression is wrong.
    pub async fn query(&self, expression: &str) -> Vec<Value> {
        let data = self.ask("/api/v1/query", &[("query", expression)]).await;
        data["result"].as_array().cloned().unwrap_or_default()
    }

    /// The `data` of what its API answers to `fields` at `path`.
    ///
    /// # Panics
    /// Unless it is a success.
    pub async fn ask(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let fields = fields
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
        let request = self
            .http
            .request(reqwest::Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(fields.collect::<Vec<_>>().join("&"));
        http::ok_json(request).await["data"].take()
    }

    /// Its HTTP API.
    #[must_use]
    pub const fn http(&self) -> &Http {
        &self.http
    }
}

/// The base URL in what Prometheus logs once it listens.
fn address(log: &str) -> Option<String> {
    let line = log
        .lines()
        .find(|line| line.contains("msg=\"Listening on\""))?;
    let (_, address) = line.split_once("address=")?;
    Some(format!("http://{}", address.trim()))
}

async fn scraped(http: &Http) -> Result<(), String> {
    let (status, body) = http::send(http.request(reqwest::Method::GET, "/api/v1/targets")).await;
    let answer: Value =
        serde_json::from_str(&body).map_err(|error| format!("{status} {body}: {error}"))?;
    let targets = answer["data"]["activeTargets"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let up = targets
        .iter()
        .filter(|target| target["health"] == "up")
        .count();
    if up > 0 && up == targets.len() {
        Ok(())
    } else {
        Err(body)
    }
}

/// `text` as a value in a form body.
fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Runs promtool in `folder`.
pub async fn promtool(folder: &Path, args: &[&str], input: &str) -> Output {
    let mut command = tokio::process::Command::new("promtool");
    command.current_dir(folder).args(args);
    tool::run(command, input).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_log() {
        let log = "level=info msg=\"Start listening for connections\" address=127.0.0.1:0\n\
                   level=info component=web msg=\"Listening on\" address=127.0.0.1:42265\n";
        assert_eq!(address(log).as_deref(), Some("http://127.0.0.1:42265"));
    }
}
