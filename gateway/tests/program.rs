//! The program as people start it: the ready line, the refusals, the end.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use sluice_client::{Client, ProduceRecord, ProducerSettings, TcpDial};

type Outcome = Result<(), Box<dyn Error>>;

fn sluice(folder: &Path, arguments: &[&str]) -> Command {
    command(folder, env!("CARGO_BIN_EXE_sluice"), arguments)
}

/// A command without settings from the surroundings.
fn command(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SLUICE_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).args(arguments);
    command
}

/// Runs a command that is expected to end by itself.
fn run(folder: &Path, arguments: &[&str]) -> std::io::Result<Output> {
    sluice(folder, arguments).output()
}

/// A command that is refused: status 1, nothing on standard output, and the lines of standard error.
fn refused(folder: &Path, arguments: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let running = Running::spawn(sluice(folder, arguments))?;
    if !running.ready.is_empty() {
        return Err(format!("it is not refused: {}", running.ready).into());
    }
    let (status, log) = running.end()?;
    assert_eq!(status, Some(1), "{log}");
    Ok(log.lines().map(str::to_owned).collect())
}

/// A running program; killed when dropped.
struct Running {
    child: Child,
    ready: String,
}

impl Running {
    fn start(folder: &Path, arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let free = [
            "--broker-listen",
            "127.0.0.1:0",
            "--http-listen",
            "127.0.0.1:0",
        ];
        Self::spawn(sluice(folder, &[&free, arguments].concat()))
    }

    fn spawn(mut command: Command) -> Result<Self, Box<dyn Error>> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut ready = String::new();
        BufReader::new(child.stdout.take().ok_or("no standard output")?).read_line(&mut ready)?;
        Ok(Self { child, ready })
    }

    fn part(&self, name: &str) -> Result<&str, Box<dyn Error>> {
        let line = self
            .ready
            .strip_prefix("sluice ready: ")
            .ok_or_else(|| self.ready.clone())?;
        let part = line
            .trim_end()
            .split(", ")
            .find_map(|part| part.strip_prefix(name));
        Ok(part.ok_or_else(|| format!("no {name} in {line}"))?.trim())
    }

    fn signal(&self, signal: Signal) -> Outcome {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).ok_or("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Its exit status, and what it wrote to standard error.
    fn end(mut self) -> Result<(Option<i32>, String), Box<dyn Error>> {
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .ok_or("no standard error")?
            .read_to_string(&mut log)?;
        Ok((self.child.wait()?.code(), log))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(|_status| ()).unwrap_or_default();
    }
}

#[test]
fn it_starts_says_where_it_listens_and_stops_on_a_signal() -> Outcome {
    let folder = tempfile::tempdir()?;
    for signal in [Signal::TERM, Signal::INT] {
        let running = Running::start(folder.path(), &["--data-dir", "data"])?;
        assert!(
            running.part("http ")?.starts_with("http://127.0.0.1:"),
            "{}",
            running.ready
        );
        assert!(
            running.part("data ")?.starts_with("data"),
            "{}",
            running.ready
        );
        let health = run(folder.path(), &["health", "--url", running.part("http ")?])?;
        assert_eq!(
            (health.status.code(), &*health.stdout),
            (Some(0), &b"ready\n"[..])
        );
        running.signal(signal)?;
        let (status, log) = running.end()?;
        assert_eq!(status, Some(0), "{log}");
    }
    Ok(())
}

/// Fails where `check` of the module `health` says `ready` and no more.
#[test]
fn health_of_a_program_that_is_ready_on_a_full_disk_says_why_it_is_not_well() -> Outcome {
    let folder = tempfile::tempdir()?;
    // More than any disk has.
    let running = Running::start(folder.path(), &["--broker-disk-free-min", "1000000GiB"])?;
    let health = run(folder.path(), &["health", "--url", running.part("http ")?])?;
    let said = String::from_utf8(health.stdout)?;
    assert_eq!(health.status.code(), Some(0));
    assert!(said.starts_with("ready: disk full"), "{said}");
    running.signal(Signal::TERM)?;
    let (status, log) = running.end()?;
    assert_eq!(status, Some(0), "{log}");
    Ok(())
}

#[test]
fn a_port_in_use_is_one_line_with_the_setting() -> Outcome {
    let folder = tempfile::tempdir()?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    for (flag, other) in [
        ("--http-listen", "--broker-listen"),
        ("--broker-listen", "--http-listen"),
    ] {
        let lines = refused(folder.path(), &[flag, &address, other, "127.0.0.1:0"])?;
        let [line] = &lines[..] else {
            return Err(format!("{lines:?}").into());
        };
        assert!(line.contains(&address) && line.contains(flag), "{line}");
    }
    Ok(())
}

#[test]
fn a_data_directory_that_cannot_be_used_is_one_line_with_the_setting() -> Outcome {
    let folder = tempfile::tempdir()?;
    let free = [
        "--broker-listen",
        "127.0.0.1:0",
        "--http-listen",
        "127.0.0.1:0",
        "--data-dir",
    ];
    let running = Running::start(folder.path(), &["--data-dir", "used"])?;
    let lines = refused(folder.path(), &[&free[..], &["used"]].concat())?;
    assert!(
        matches!(&lines[..], [line] if line.contains("in use") && line.contains("data_dir")),
        "{lines:?}"
    );
    running.signal(Signal::TERM)?;
    running.end()?;

    std::fs::write(
        folder.path().join("used/gateway/meta.properties"),
        "format.version=99\n",
    )?;
    let lines = refused(folder.path(), &[&free[..], &["used"]].concat())?;
    assert!(
        matches!(&lines[..], [line] if line.contains("99")),
        "{lines:?}"
    );

    std::fs::write(
        folder.path().join("used/gateway/meta.properties"),
        "format.version=1\n",
    )?;
    let broker = folder.path().join("used/broker/meta.properties");
    let damaged = std::fs::read_to_string(&broker)?.replace("sluice.format=", "sluice.format=99");
    std::fs::write(&broker, damaged)?;
    let lines = refused(folder.path(), &[&free[..], &["used"]].concat())?;
    assert!(
        matches!(&lines[..], [line] if line.contains("used/broker") && line.contains("format 99")),
        "{lines:?}"
    );

    std::fs::write(folder.path().join("file"), "")?;
    let lines = refused(folder.path(), &[&free[..], &["file"]].concat())?;
    assert!(
        matches!(&lines[..], [line] if line.contains("--data-dir")),
        "{lines:?}"
    );
    Ok(())
}

#[test]
fn it_works_in_front_of_another_kafka_and_takes_its_id_as_the_name() -> Outcome {
    let folder = tempfile::tempdir()?;
    let kafka = Running::start(folder.path(), &["--data-dir", "kafka"])?;
    assert!(
        kafka.ready.ends_with(" (cluster local)\n"),
        "{}",
        kafka.ready
    );
    let servers = kafka.part("broker ")?;
    let front = ["--data-dir", "front", "--bootstrap-servers", servers];
    let running = Running::start(folder.path(), &front)?;
    assert_eq!(running.part("kafka ")?, servers);
    assert!(
        !running.ready.contains("(cluster local)"),
        "{}",
        running.ready
    );
    assert!(
        !folder.path().join("front/broker").exists(),
        "the bundled broker stays off"
    );
    let named = Running::start(
        folder.path(),
        &[
            "--data-dir",
            "named",
            "--bootstrap-servers",
            servers,
            "--cluster-name",
            "east",
        ],
    )?;
    assert!(
        named.ready.ends_with(" (cluster east)\n"),
        "{}",
        named.ready
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_ends_the_program_with_what_happened() -> Outcome {
    let folder = tempfile::tempdir()?;
    // No file may grow beyond 17 MiB, and the signal that says so is ignored: writing fails, when the
    // first segment is larger than an extent of the commit log.
    let limited = r#"trap '' XFSZ; ulimit -f 34816; exec "$0" "$@""#;
    let mut arguments = vec![
        "-c",
        limited,
        env!("CARGO_BIN_EXE_sluice"),
        "--data-dir",
        "data",
    ];
    arguments.extend([
        "--broker-listen",
        "127.0.0.1:0",
        "--http-listen",
        "127.0.0.1:0",
        "--broker-commit-log-extent-size",
        "4MiB",
        "--broker-disk-reserve",
        "8MiB",
    ]);
    let running = Running::spawn(command(folder.path(), "sh", &arguments))?;

    let bootstrap = vec![running.part("broker ")?.parse()?];
    let (dial, runtime) = (Arc::new(TcpDial), tokio::runtime::Handle::current());
    let client = Client::new(sluice_client::Config::new(bootstrap), dial, runtime);
    let producer = client.producer(ProducerSettings::default());
    let record = ProduceRecord {
        value: Some(vec![b'v'; 900_000].into()),
        ..ProduceRecord::default()
    };
    let records = vec![record; 20];
    let sending = tokio::spawn(async move { producer.send("orders", records).await });
    let (status, log) = running.end()?;
    let last = log.lines().last().unwrap_or_default();
    assert_eq!(status, Some(1), "{log}");
    assert!(
        last.starts_with("sluice: the bundled broker can no longer keep"),
        "{log}"
    );
    sending.abort();
    Ok(())
}

#[test]
fn a_bad_configuration_is_one_line_a_fault() -> Outcome {
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("sluice.toml"),
        "colour = \"red\"\n[http]\nworkers = -1\n",
    )?;
    let lines = refused(
        folder.path(),
        &["--broker-listen", "0.0.0.0:9092", "--insecure"],
    )?;
    let expected = ["colour", "http.workers = \"-1\"", "--broker-advertised"];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, part) in lines.iter().zip(expected) {
        assert!(
            line.starts_with("sluice: ") && line.contains(part),
            "{line}"
        );
    }
    Ok(())
}

#[test]
fn what_is_not_http_is_answered_and_not_logged() -> Outcome {
    let folder = tempfile::tempdir()?;
    let running = Running::start(folder.path(), &["--data-dir", "data"])?;
    let http = running.part("http http://")?.to_owned();
    for nonsense in [
        "\u{16}\u{3}\u{1}\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ] {
        let mut client = TcpStream::connect(&http)?;
        client.write_all(nonsense.as_bytes())?;
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{answer}"
        );
    }
    running.signal(Signal::TERM)?;
    let (_status, log) = running.end()?;
    assert!(!log.contains("ERROR"), "{log}");
    Ok(())
}

#[test]
fn a_body_announced_too_large_is_refused_at_once() -> Outcome {
    let folder = tempfile::tempdir()?;
    let running = Running::start(folder.path(), &["--data-dir", "data"])?;
    let mut client = TcpStream::connect(running.part("http http://")?)?;
    write!(
        client,
        "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\
         Content-Type: application/vnd.kafka.json.v2+json\r\n\r\n{{"
    )?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("http.request_size_max"), "{answer}");
    Ok(())
}

#[test]
fn the_effective_configuration_starts_the_same_program() -> Outcome {
    let folder = tempfile::tempdir()?;
    let printed = run(
        folder.path(),
        &["config", "--http-workers", "3", "--insecure"],
    )?;
    std::fs::write(folder.path().join("sluice.toml"), &printed.stdout)?;
    let again = String::from_utf8(run(folder.path(), &["config"])?.stdout)?;
    assert!(again.contains("workers = 3  # sluice.toml\n"), "{again}");
    assert!(
        again.contains("insecure = true  # sluice.toml\n"),
        "{again}"
    );
    Ok(())
}

#[test]
fn the_description_is_printed_as_it_is_committed() -> Outcome {
    let folder = tempfile::tempdir()?;
    let printed = run(folder.path(), &["openapi"])?.stdout;
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/sluice.json");
    assert!(printed == std::fs::read(committed)?);
    Ok(())
}

#[test]
fn health_of_a_program_that_does_not_run_says_so() -> Outcome {
    let folder = tempfile::tempdir()?;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .to_string();
    let lines = refused(folder.path(), &["health", "--http-listen", &closed])?;
    assert!(
        matches!(&lines[..], [line] if line.contains("no answer from http://")),
        "{lines:?}"
    );
    Ok(())
}
