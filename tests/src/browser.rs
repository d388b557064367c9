//! A headless Chromium, driven through chromedriver with the `WebDriver` protocol.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{self, Http};
use crate::process::Server;

const START: Duration = Duration::from_secs(30);

/// Quiet, without a sandbox (tests run as root in containers), and silent towards the outside.
const CHROMIUM: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with one window.
#[derive(Debug)]
pub struct Browser {
    // Chromium runs in chromedriver's process group and ends with it.
    _server: Server,
    http: Http,
    session: String,
    folder: PathBuf,
}

impl Browser {
    /// Starts a browser whose profile, logs and screenshots are in `folder`.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(folder: &Path) -> Self {
        let mut command = Command::new("chromedriver");
        let mut server = Server::start("chromedriver", command.arg("--port=0"), folder);
        let port = server
            .ready(START, port)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let http = Http::new(&format!("http://127.0.0.1:{port}"));
        let profile = format!("--user-data-dir={}", folder.join("chromium").display());
        let arguments: Vec<&str> = CHROMIUM.into_iter().chain([profile.as_str()]).collect();
        let answer = http
            .post(
                "/session",
                "application/json",
                &json!({"capabilities": {"alwaysMatch": {
                    "goog:chromeOptions": {"args": arguments},
                    "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                }}}),
            )
            .await;
        let session = answer["value"]["sessionId"]
            .as_str()
            .expect("a session")
            .to_owned();
        Self {
            _server: server,
            http,
            session,
            folder: folder.to_owned(),
        }
    }

    /// Opens `url` and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        drop(self.command("url", json!({"url": url})).await);
    }

    /// What the JavaScript `body` returns, such as `return document.title`.
    pub async fn script(&self, body: &str) -> Value {
        self.command("execute/sync", json!({"script": body, "args": []}))
            .await
    }

    /// The visible text of the first element that `selector` (CSS) finds, or nothing where there is none.
    pub async fn text(&self, selector: &str) -> Option<String> {
        let selector = Value::from(selector);
        let found = self
            .script(&format!(
                "return document.querySelector({selector})?.innerText"
            ))
            .await;
        found.as_str().map(str::to_owned)
    }

    /// Clicks the first element that `selector` (CSS) finds.
    ///
    /// # Panics
    /// If there is none.
    pub async fn click(&self, selector: &str) {
        let selector = Value::from(selector);
        drop(
            self.script(&format!("document.querySelector({selector}).click()"))
                .await,
        );
    }

    /// Moves the pointer to the middle of the first element that `selector` (CSS) finds.
    ///
    /// # Panics
    /// If there is none.
    pub async fn point_at(&self, selector: &str) {
        let selector = Value::from(selector);
        let middle = format!(
            "const element = document.querySelector({selector}); element.scrollIntoView({{block: 'center'}}); \
             const box = element.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2].map(Math.round)"
        );
        let middle = self.script(&middle).await;
        let step = json!({"type": "pointerMove", "x": middle[0], "y": middle[1], "duration": 0});
        let mouse = json!({"type": "pointer", "id": "mouse", "actions": [step]});
        drop(self.command("actions", json!({"actions": [mouse]})).await);
    }

    /// Shows pages on a screen of this size in CSS pixels: a phone's is 390 x 844, smaller than a window can be.
    pub async fn resize(&self, width: u32, height: u32) {
        let params = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": params});
        drop(self.command("goog/cdp/execute", command).await);
    }

    /// Makes pages see a preference for a dark or a light scheme.
    pub async fn prefer_color_scheme(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let params = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}});
        drop(self.command("goog/cdp/execute", params).await);
    }

    /// What the page wrote to the console, errors of loading included.
    pub async fn console_messages(&self) -> Vec<String> {
        self.log("browser")
            .await
            .iter()
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    /// Every URL the browser has asked for since the last call.
    pub async fn requested_urls(&self) -> Vec<String> {
        let entries = self.log("performance").await;
        let events = entries
            .iter()
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        events
            .filter(|event| event["message"]["method"] == "Network.requestWillBeSent")
            .filter_map(|event| {
                event["message"]["params"]["request"]["url"]
                    .as_str()
                    .map(str::to_owned)
            })
            .collect()
    }

    /// Saves what the window shows as `<name>.png` in the browser's folder.
    ///
    /// # Panics
    /// If it cannot be written.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let path = self.path("screenshot");
        let answer = http::ok_json(self.http.request(Method::GET, &path)).await;
        let picture = STANDARD
            .decode(answer["value"].as_str().expect("base64"))
            .expect("base64");
        let path = self.folder.join(format!("{name}.png"));
        std::fs::write(&path, picture).expect("write the screenshot");
        path
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.command("se/log", json!({"type": kind})).await;
        entries.as_array().cloned().unwrap_or_default()
    }

    async fn command(&self, command: &str, body: Value) -> Value {
        self.http
            .post(&self.path(command), "application/json", &body)
            .await["value"]
            .take()
    }

    fn path(&self, command: &str) -> String {
        format!("/session/{}/{command}", self.session)
    }
}

/// The port in what chromedriver says once it listens.
fn port(stdout: &str) -> Option<u16> {
    let (_, rest) = stdout.split_once("started successfully on port ")?;
    rest.split_once('.')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_once_it_is_whole() {
        assert_eq!(
            port("ChromeDriver was started successfully on port 39553.\n"),
            Some(39553)
        );
        assert_eq!(
            port("ChromeDriver was started successfully on port 395"),
            None
        );
    }
}
