//! The program under test: `sluice` as a user starts it, on ports the kernel chose.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;

use crate::process::Server;
use crate::repository;

/// From start to ready, on a machine busy with other tests.
const START: Duration = Duration::from_secs(20);

/// From `SIGINT` to the end: the shutdown deadline of `sluice` and a little more.
const STOP: Duration = Duration::from_secs(40);

/// The addresses in the line that says everything listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// `host:port` of the bundled broker, or nothing where there is none.
    pub broker: Option<String>,
    /// The base URL of the gateway, without a slash at its end.
    pub http: String,
}

impl Addresses {
    /// Finds the ready line in standard output:
    /// `sluice ready: broker 127.0.0.1:9092, http http://127.0.0.1:8082, data ./sluice-data (cluster local)`.
    #[must_use]
    pub fn find(stdout: &str) -> Option<Self> {
        // A line without its end is still being written.
        let (complete, _) = stdout.rsplit_once('\n')?;
        let line = complete
            .lines()
            .find_map(|line| line.strip_prefix("sluice ready: "))?;
        let part = |name: &str| {
            let rest = line.split(", ").find_map(|part| part.strip_prefix(name))?;
            rest.split_whitespace().next().map(str::to_owned)
        };
        Some(Self {
            broker: part("broker "),
            http: part("http ")?,
        })
    }
}

/// The binary: `SLUICE_BIN`, or what `cargo build --release` made.
#[must_use]
pub fn binary() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository::root().join("target"), PathBuf::from);
    let binary =
        std::env::var_os("SLUICE_BIN").map_or_else(|| target.join("release/sluice"), PathBuf::from);
    assert!(
        binary.exists(),
        "{} is missing: cargo build --release",
        binary.display()
    );
    binary
}

/// A `sluice` command with nothing from this process's surroundings but the program.
#[must_use]
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SLUICE_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}

/// A running `sluice`.
#[derive(Debug)]
pub struct Sluice {
    server: Server,
    folder: PathBuf,
    arguments: Vec<String>,
    addresses: Addresses,
    /// What the system grants it, where that is not what it grants this process.
    open_files_max: Option<usize>,
}

impl Sluice {
    /// Starts it with its bundled broker, data in `<folder>/data`, and further arguments.
    pub async fn bundled(folder: &Path, arguments: &[&str]) -> Self {
        let own = ["--broker-listen", "127.0.0.1:0"];
        Self::start(folder, &[&own, arguments].concat(), None).await
    }

    /// As [`Sluice::bundled`], where the system grants the process no more than so many open files.
    pub async fn bundled_with_open_files(
        folder: &Path,
        open_files_max: usize,
        arguments: &[&str],
    ) -> Self {
        let own = ["--broker-listen", "127.0.0.1:0"];
        let arguments = [&own, arguments].concat();
        Self::start(folder, &arguments, Some(open_files_max)).await
    }

    /// Starts it in front of the cluster at `bootstrap`.
    pub async fn in_front_of(bootstrap: &str, folder: &Path, arguments: &[&str]) -> Self {
        let own = ["--bootstrap-servers", bootstrap];
        Self::start(folder, &[&own, arguments].concat(), None).await
    }

    async fn start(folder: &Path, arguments: &[&str], open_files_max: Option<usize>) -> Self {
        let own = ["--data-dir", "data", "--http-listen", "127.0.0.1:0"];
        let arguments = own
            .iter()
            .chain(arguments)
            .map(|&argument| argument.to_owned())
            .collect();
        let mut server = launch(folder, &arguments, open_files_max);
        let addresses = server.ready(START, Addresses::find).await;
        Self {
            server,
            folder: folder.to_owned(),
            arguments,
            addresses: addresses.unwrap_or_else(|error| panic!("{error}")),
            open_files_max,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Its process, to be signalled, read and measured.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// Ends it as Ctrl-C does, and waits until it has.
    pub async fn interrupt(&mut self) -> ExitStatus {
        self.server.signal(Signal::INT);
        self.server.ended(STOP).await
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self, patience: Duration) -> ExitStatus {
        self.server.ended(patience).await
    }

    /// Starts it again after it has ended, on the same data, at the same addresses.
    ///
    /// # Panics
    /// If it ends again.
    pub async fn start_again(&mut self) {
        let started = self.try_to_start_again().await;
        started.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Starts it again like [`Sluice::start_again`].
    ///
    /// # Errors
    /// Its last words, if it ends again.
    pub async fn try_to_start_again(&mut self) -> Result<(), String> {
        self.begin_again();
        self.addresses = self.server.ready(START, Addresses::find).await?;
        Ok(())
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.server.exit_status().is_some()
    }

    /// Begins to start it again, and does not wait until it is ready.
    pub fn begin_again(&mut self) {
        self.pin(
            "--http-listen",
            self.addresses.http.trim_start_matches("http://").to_owned(),
        );
        if let Some(broker) = self.addresses.broker.clone() {
            self.pin("--broker-listen", broker);
        }
        self.server = launch(&self.folder, &self.arguments, self.open_files_max);
    }

    fn pin(&mut self, flag: &str, address: String) {
        let place = self.arguments.iter().position(|argument| argument == flag);
        self.arguments[place.expect("given at the first start") + 1] = address;
    }
}

fn launch(folder: &Path, arguments: &Vec<String>, open_files_max: Option<usize>) -> Server {
    let mut command = match open_files_max {
        None => command(folder),
        Some(count) => limited(&command(folder), count),
    };
    Server::start("sluice", command.args(arguments), folder)
}

/// A shell that becomes `command` once it has lowered its own limit of open files.
fn limited(command: &Command, open_files_max: usize) -> Command {
    let mut shell = Command::new("/bin/sh");
    let lower = format!("ulimit -n {open_files_max} && exec \"$0\" \"$@\"");
    shell.arg("-c").arg(lower).arg(command.get_program());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_tells_both_addresses() {
        let line = "sluice ready: broker 127.0.0.1:9092, http http://127.0.0.1:8082, data ./sluice-data (cluster local)\n";
        let found = Addresses::find(line).expect("it is the ready line");
        assert_eq!(found.broker.as_deref(), Some("127.0.0.1:9092"));
        assert_eq!(found.http, "http://127.0.0.1:8082");
    }

    #[test]
    fn in_front_of_a_cluster_there_is_no_broker() {
        let line =
            "sluice ready: kafka a:9092,b:9092, http http://127.0.0.1:8082, data d (cluster x)\n";
        let found = Addresses::find(line).expect("it is the ready line");
        assert_eq!(
            found,
            Addresses {
                broker: None,
                http: "http://127.0.0.1:8082".to_owned()
            }
        );
    }

    #[test]
    fn half_a_line_is_not_ready() {
        assert_eq!(
            Addresses::find("sluice ready: broker 127.0.0.1:9092, http http://127.0.0.1:80"),
            None
        );
    }
}
