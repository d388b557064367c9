//! kcat, the command-line client over librdkafka.

use tokio::process::Command;

use crate::tool::{self, Output};

/// A kcat that talks to one cluster.
#[derive(Debug, Clone)]
pub struct Kcat {
    bootstrap: String,
}

impl Kcat {
    /// For the cluster at `bootstrap`.
    #[must_use]
    pub fn new(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
        }
    }

    /// Runs `kcat -b <bootstrap> <args>`, `args` split at spaces, with `input` on standard input.
    pub async fn run(&self, args: &str, input: impl AsRef<[u8]>) -> Output {
        let mut command = self.command();
        command.args(args.split_whitespace());
        tool::run(command, input).await
    }

    /// Produces one record a line of `lines`, and waits for every acknowledgement.
    ///
    /// # Panics
    /// If one is not acknowledged.
    pub async fn produce(&self, topic: &str, args: &str, lines: &str) {
        self.run(&format!("-P -t {topic} {args}"), lines).await.ok();
    }

    /// Every record of `topic` from the beginning to the end, formatted as `format` says (see `kcat -f`).
    ///
    /// # Panics
    /// If kcat fails.
    pub async fn read_all(&self, topic: &str, format: &str) -> String {
        let mut command = self.command();
        command.args([
            "-C",
            "-t",
            topic,
            "-o",
            "beginning",
            "-e",
            "-q",
            "-f",
            format,
        ]);
        tool::run(command, "").await.ok()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("kcat");
        command.args(["-b", &self.bootstrap]);
        command
    }
}
