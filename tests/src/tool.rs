//! Running a tool to its end: input given, output taken, time bounded.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// No tool of ours needs longer; one that does hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a tool wrote and how it ended.
#[derive(Debug)]
pub struct Output {
    command: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code, or nothing if a signal ended it.
    pub code: Option<i32>,
}

impl Output {
    /// Standard output of a tool that must have succeeded.
    ///
    /// # Panics
    /// If it failed, with everything it wrote.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self}");
        self.stdout
    }

    /// Everything a tool that must have failed wrote, standard output first.
    ///
    /// # Panics
    /// If it succeeded.
    pub fn failed(self) -> String {
        assert_ne!(self.code, Some(0), "it should have failed: {self}");
        self.stdout + &self.stderr
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\nended with {:?}\n--- standard output:\n{}\n--- standard error:\n{}",
            self.command, self.code, self.stdout, self.stderr
        )
    }
}

/// Runs `command` to its end with `input` on its standard input.
///
/// # Panics
/// If the program is missing or has not ended after a minute.
pub async fn run(mut command: Command, input: impl AsRef<[u8]>) -> Output {
    let shown = format!("{:?}", command.as_std());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{shown}: {error}; tests/run installs the tools"));
    let mut stdin = child.stdin.take().expect("standard input is piped");
    // A tool may end without reading its input; its own output says why.
    let feed = async move { drop(stdin.write_all(input.as_ref()).await) };
    let ended = tokio::time::timeout(DEADLINE, async {
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        output.expect("collect the output")
    })
    .await
    .unwrap_or_else(|_| panic!("{shown} has not ended after {DEADLINE:?}"));
    Output {
        command: shown,
        stdout: String::from_utf8_lossy(&ended.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&ended.stderr).into_owned(),
        code: ended.status.code(),
    }
}
