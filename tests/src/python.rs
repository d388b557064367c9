//! Python clients: scripts of ours, run in the environment `tests/run` made.

use tokio::process::Command;

use crate::repository;
use crate::tool::{self, Output};

/// Python with the packages of `tests/python/requirements.txt`, and the address of one cluster.
#[derive(Debug, Clone)]
pub struct Python {
    bootstrap: String,
}

impl Python {
    /// For the cluster at `bootstrap`.
    #[must_use]
    pub fn new(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
        }
    }

    /// Runs `tests/python/<script>` with the cluster's address and `args` as arguments.
    pub async fn run(&self, script: &str, args: &[&str]) -> Output {
        let mut command = Command::new(repository::fetched("venv/bin/python"));
        command
            .arg(repository::tests("python").join(script))
            .arg(&self.bootstrap)
            .args(args);
        tool::run(command, "").await
    }
}
