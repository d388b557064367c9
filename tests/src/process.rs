//! Servers the stories start: each in a process group of its own, its output in files, killed when dropped.
//!
//! A test process can end without dropping anything: a static lives to the end, `SIGKILL` asks nobody. The *watchman*, a small
//! shell script started with the first server, holds the reading end of a pipe from this process. When the pipe closes,
//! for whatever reason, it kills the groups, unmounts the mounts and removes the folders it was told of.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

use crate::wait;

const WATCHMAN: &str = r#"
set -f
nl='
'
groups=' '; mounts=$nl; folders=''
while read -r verb what; do
  case $verb in
    watch) groups="$groups$what " ;;
    spare) case $groups in *" $what "*) groups="${groups%% "$what" *} ${groups#* "$what" }" ;; esac ;;
    mounted) mounts="$mounts$what$nl" ;;
    unmounted) case $mounts in
      *"$nl$what$nl"*) mounts="${mounts%%"$nl$what$nl"*}$nl${mounts#*"$nl$what$nl"}" ;;
    esac ;;
    remove) folders="$folders$what
" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
printf %s "$mounts" | while read -r mount; do
  umount -l -- "$mount" 2>/dev/null || fusermount3 -uz -- "$mount" 2>/dev/null
done
printf %s "$folders" | while read -r folder; do
  rm -rf -- "$folder" || { sleep 1; rm -rf -- "$folder"; }
done
"#;

static WATCHMAN_EAR: LazyLock<Mutex<ChildStdin>> = LazyLock::new(|| Mutex::new(watchman()));

#[expect(
    clippy::zombie_processes,
    reason = "it ends after this process and is reaped by the next"
)]
fn watchman() -> ChildStdin {
    let mut watchman = Command::new("/bin/sh")
        .args(["-c", WATCHMAN])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("start /bin/sh");
    watchman.stdin.take().expect("standard input is piped")
}

fn tell_watchman(verb: &str, what: &str) {
    let mut ear = WATCHMAN_EAR.lock().unwrap_or_else(PoisonError::into_inner);
    ear.write_all(format!("{verb} {what}\n").as_bytes())
        .expect("the watchman listens");
}

/// Has `folder` removed when this test process ends, however it ends.
pub fn remove_in_the_end(folder: &Path) {
    tell_watchman("remove", &folder.display().to_string());
}

/// Has what is mounted at `mount_point` unmounted when this test process ends, however it ends, unless that has been
/// [told](unmounted) before: another test process may mount something there.
pub(crate) fn mounted(mount_point: &Path) {
    tell_watchman("mounted", &mount_point.display().to_string());
}

/// What was mounted at `mount_point` is no more.
pub(crate) fn unmounted(mount_point: &Path) {
    tell_watchman("unmounted", &mount_point.display().to_string());
}

/// A running server and the files that take its output.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Server {
    /// Starts `command`; its output is appended to `<folder>/<name>.out` and `<folder>/<name>.err`.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Self {
        let stdout = Output::at(folder.join(format!("{name}.out")));
        let stderr = Output::at(folder.join(format!("{name}.err")));
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout.file())
            .stderr(stderr.file())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("start {name} ({command:?}): {error}"));
        tell_watchman("watch", &child.id().to_string());
        Self {
            name: name.to_owned(),
            child,
            stdout,
            stderr,
        }
    }

    /// The id of the server's process, which is also that of its group.
    ///
    /// # Panics
    /// Never: a child's id is above zero.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Everything this process has written to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Everything this process has written to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// How it ended, or nothing while it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("wait for a child of ours")
    }

    /// Waits until `ready` finds what it looks for in the server's standard output.
    ///
    /// # Errors
    /// The end of the server's output, if it exits first.
    ///
    /// # Panics
    /// After `patience`, likewise.
    pub async fn ready<T>(
        &mut self,
        patience: Duration,
        ready: impl Fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        let what = format!("{} to be ready", self.name);
        wait::until(&what, patience, || {
            let exited = self.exit_status();
            let answer = match (ready(&self.stdout()), exited) {
                (Some(found), _) => Ok(Ok(found)),
                (None, Some(status)) => Ok(Err(format!(
                    "{} ended ({status})\n{}",
                    self.name,
                    self.last_words()
                ))),
                (None, None) => Err(self.last_words()),
            };
            std::future::ready(answer)
        })
        .await
    }

    /// Sends `signal` to the server's process alone.
    ///
    /// # Panics
    /// If the server has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal)
            .unwrap_or_else(|error| panic!("signal {}: {error}", self.name));
    }

    /// Waits until the server has ended by itself.
    ///
    /// # Panics
    /// After `patience`.
    pub async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("{} to end", self.name);
        wait::until(&what, patience, || {
            let status = self.exit_status().ok_or_else(|| self.last_words());
            std::future::ready(status)
        })
        .await
    }

    /// Ends the server and everything it started with `SIGKILL`, and reaps it.
    pub fn kill(&mut self) {
        // The group may outlive its leader, or be gone already.
        kill_process_group(self.pid(), Signal::KILL).unwrap_or_default();
        self.child.wait().expect("wait for a child of ours");
    }

    /// The end of what it said, for messages.
    #[must_use]
    pub fn last_words(&self) -> String {
        format!(
            "--- {0} standard output, its end:\n{1}\n--- {0} standard error, its end:\n{2}",
            self.name,
            tail(&self.stdout()),
            tail(&self.stderr())
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = self.child.id().to_string();
        self.kill();
        tell_watchman("spare", &group);
    }
}

/// A file that takes a server's output, after what an earlier server of the same name wrote there.
#[derive(Debug)]
struct Output {
    path: PathBuf,
    start: usize,
}

impl Output {
    fn at(path: PathBuf) -> Self {
        let start = std::fs::read(&path).map_or(0, |earlier| earlier.len());
        Self { path, start }
    }

    fn file(&self) -> File {
        File::options()
            .create(true)
            .append(true)
            .open(&self.path)
            .unwrap_or_else(|error| panic!("open {}: {error}", self.path.display()))
    }

    fn text(&self) -> String {
        let all = std::fs::read(&self.path).unwrap_or_default();
        String::from_utf8_lossy(all.get(self.start..).unwrap_or_default()).into_owned()
    }
}

/// The last 20 lines of `text`.
#[must_use]
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_server_takes_its_children_with_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 600 & echo child $!; wait"]);
        let mut server = Server::start("parent", &mut command, folder.path());
        let child = server
            .ready(wait::PATIENCE, |out| {
                out.strip_prefix("child ")?.trim_end().parse::<u32>().ok()
            })
            .await
            .expect("it says its child's id");
        drop(server);
        wait::until_true("the child to be gone", wait::PATIENCE, || {
            std::future::ready(!is_running(child))
        })
        .await;
    }

    #[tokio::test]
    async fn a_server_that_ends_before_it_is_ready_is_told_with_its_last_words() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo no room >&2; exit 3"]);
        let mut server = Server::start("grumpy", &mut command, folder.path());
        let error = server
            .ready(wait::PATIENCE, |_| None::<()>)
            .await
            .expect_err("it ended");
        assert!(error.contains("grumpy ended (exit status: 3)"), "{error}");
        assert!(error.contains("no room"), "{error}");
    }

    #[tokio::test]
    async fn the_watchman_kills_and_removes_what_is_left() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let left = folder.path().join("left");
        std::fs::create_dir(&left).expect("a folder");
        let mut stranger = Command::new("sleep")
            .arg("600")
            .process_group(0)
            .spawn()
            .expect("start sleep");
        let mut spared = Command::new("sleep")
            .arg("600")
            .process_group(0)
            .spawn()
            .expect("start sleep");
        let mut watchman = Command::new("/bin/sh")
            .args(["-c", WATCHMAN])
            .stdin(Stdio::piped())
            .spawn()
            .expect("start sh");
        let orders = format!(
            "watch {0}\nwatch {1}\nspare {1}\nremove {2}\nmounted /a b\nmounted /c\nunmounted /a b\n",
            stranger.id(),
            spared.id(),
            left.display()
        );
        let mut ear = watchman.stdin.take().expect("piped");
        ear.write_all(orders.as_bytes()).expect("it listens");
        drop(ear);
        assert!(watchman.wait().expect("it ends").success());
        assert!(!left.exists(), "the folder is removed");
        assert!(!stranger.wait().expect("it was killed").success());
        assert!(
            spared.try_wait().expect("a child").is_none(),
            "the spared one lives"
        );
        spared.kill().expect("kill");
        spared.wait().expect("reap");
    }

    /// Whether a process runs that is not merely waiting to be reaped.
    fn is_running(pid: u32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    }
}
