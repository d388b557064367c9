//! Apache Kafka, one node of broker and controller: what the bundled broker is measured against.
//!
//! Starting one takes two seconds and 300 MB, so the stories of a process share one ([`shared`]) and keep apart by names.
//! A story that stops, crashes or configures its broker starts its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::console::Jvm;
use crate::process::{self, Server};
use crate::{port, repository, tool};

const START: Duration = Duration::from_secs(60);

/// Between choosing a port and listening on it another process may take it.
const TRIES: usize = 3;

/// A running Apache Kafka.
#[derive(Debug)]
pub struct ApacheKafka {
    server: Server,
    bootstrap: String,
    folder: PathBuf,
}

/// The broker all stories of this test process share, started when first asked for.
pub async fn shared() -> &'static ApacheKafka {
    static SHARED: OnceCell<ApacheKafka> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let folder = repository::fresh_log_folder("apache-kafka");
            process::remove_in_the_end(&folder);
            ApacheKafka::start(&folder, "", Jvm::Hurried).await
        })
        .await
}

impl ApacheKafka {
    /// Starts a broker of the caller's own in `folder`, with further lines for `server.properties`.
    ///
    /// # Panics
    /// If it is not ready after a minute.
    pub async fn start(folder: &Path, settings: &str, jvm: Jvm) -> Self {
        let mut failure = String::new();
        for attempt in 0..TRIES {
            let folder = folder.join(format!("kafka-{attempt}"));
            std::fs::create_dir_all(&folder).expect("a folder for Apache Kafka");
            match Self::try_start(folder, settings, jvm).await {
                Ok(kafka) => return kafka,
                Err(error) => failure = error,
            }
        }
        panic!("{failure}");
    }

    async fn try_start(folder: PathBuf, settings: &str, jvm: Jvm) -> Result<Self, String> {
        let [broker_port, controller_port] = port::free();
        let template = repository::tests("apache-kafka/server.properties");
        let properties = std::fs::read_to_string(template)
            .expect("read the template")
            .replace("{{broker_port}}", &broker_port.to_string())
            .replace("{{controller_port}}", &controller_port.to_string())
            .replace("{{data}}", &folder.join("data").display().to_string());
        let config = folder.join("server.properties");
        std::fs::write(&config, format!("{properties}\n{settings}\n")).expect("write the config");
        format_storage(&config).await;
        let heap = match jvm {
            Jvm::Hurried => "384M",
            Jvm::AsShipped => "1G",
        };
        let mut command = java(jvm, heap);
        command.arg("kafka.Kafka").arg(&config);
        let mut server = Server::start("kafka", &mut command, &folder);
        server
            .ready(START, |out| {
                out.contains("Kafka Server started").then_some(())
            })
            .await?;
        Ok(Self {
            server,
            bootstrap: format!("127.0.0.1:{broker_port}"),
            folder,
        })
    }

    /// `host:port` of its listener.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where its partitions are.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The server's process, to be stopped or read.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Copies its log to `folder`, where a failed story keeps what it knows.
    pub fn copy_log(&self, folder: &Path) {
        if let Err(error) = std::fs::copy(self.folder.join("kafka.out"), folder.join("kafka.out")) {
            eprintln!("the log of Apache Kafka is lost: {error}");
        }
    }
}

fn java(jvm: Jvm, heap: &str) -> std::process::Command {
    let logging = repository::tests("apache-kafka/log4j2.properties");
    let mut command = jvm.command(heap);
    command.arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
    command
}

/// Gives the data directory its identity, without which Kafka refuses to start.
async fn format_storage(config: &Path) {
    let cluster_id = URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes());
    let mut command = java(Jvm::Hurried, "128M");
    command
        .args([
            "kafka.tools.StorageTool",
            "format",
            &format!("--cluster-id={cluster_id}"),
            "-c",
        ])
        .arg(config);
    tool::run(Command::from(command), "").await.ok();
}
