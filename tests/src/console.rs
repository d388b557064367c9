//! The console tools of Apache Kafka, and any other class from its jars: each a short-lived JVM.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::process::Server;
use crate::repository;
use crate::tool::{self, Output};

/// JVMs of tools at a time: each takes a core for most of a second.
static JVMS: Semaphore = Semaphore::const_new(2);

/// The folder with the jars of Apache Kafka: `SLUICE_KAFKA_LIBS`, or where `tests/run` puts them.
#[must_use]
pub fn jars() -> PathBuf {
    std::env::var_os("SLUICE_KAFKA_LIBS")
        .map_or_else(|| repository::fetched("kafka/libs"), PathBuf::from)
}

/// A tool that ships with Apache Kafka, named as its script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `kafka-topics`
    Topics,
    /// `kafka-configs`
    Configs,
    /// `kafka-console-producer`
    ConsoleProducer,
    /// `kafka-console-consumer`
    ConsoleConsumer,
    /// `kafka-console-share-consumer`
    ConsoleShareConsumer,
    /// `kafka-consumer-groups`
    ConsumerGroups,
    /// `kafka-delete-records`
    DeleteRecords,
    /// `kafka-get-offsets`
    GetOffsets,
    /// `kafka-log-dirs`
    LogDirs,
    /// `kafka-broker-api-versions`
    BrokerApiVersions,
    /// `kafka-producer-perf-test`
    ProducerPerfTest,
    /// `kafka-consumer-perf-test`
    ConsumerPerfTest,
    /// `kafka-verifiable-producer`
    VerifiableProducer,
    /// `kafka-verifiable-consumer`
    VerifiableConsumer,
}

impl Tool {
    const fn class(self) -> &'static str {
        match self {
            Self::Topics => "org.apache.kafka.tools.TopicCommand",
            Self::Configs => "kafka.admin.ConfigCommand",
            Self::ConsoleProducer => "org.apache.kafka.tools.ConsoleProducer",
            Self::ConsoleConsumer => "org.apache.kafka.tools.consumer.ConsoleConsumer",
            Self::ConsoleShareConsumer => "org.apache.kafka.tools.consumer.ConsoleShareConsumer",
            Self::ConsumerGroups => "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
            Self::DeleteRecords => "org.apache.kafka.tools.DeleteRecordsCommand",
            Self::GetOffsets => "org.apache.kafka.tools.GetOffsetShell",
            Self::LogDirs => "org.apache.kafka.tools.LogDirsCommand",
            Self::BrokerApiVersions => "org.apache.kafka.tools.BrokerApiVersionsCommand",
            Self::ProducerPerfTest => "org.apache.kafka.tools.ProducerPerformance",
            Self::ConsumerPerfTest => "org.apache.kafka.tools.ConsumerPerformance",
            Self::VerifiableProducer => "org.apache.kafka.tools.VerifiableProducer",
            Self::VerifiableConsumer => "org.apache.kafka.tools.VerifiableConsumer",
        }
    }
}

/// What a JVM is set up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jvm {
    /// To start fast and stay small, for what runs a moment.
    Hurried,
    /// To run fast, as Kafka's own scripts set it up, for what is measured.
    AsShipped,
}

impl Jvm {
    /// A JVM with Apache Kafka's jars on its class path and at most `heap` of memory, such as `128M`.
    #[must_use]
    pub fn command(self, heap: &str) -> std::process::Command {
        let jars = jars();
        let mut command = std::process::Command::new("java");
        command
            .env("CLASSPATH", jars.join("*"))
            .arg(format!("-Xmx{heap}"));
        match self {
            Self::Hurried => {
                // Made by tests/run; where it is missing or does not fit, the JVM goes without.
                let archive = jars.with_extension("jsa");
                command
                    .args([
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xshare:auto",
                    ])
                    .arg(format!("-XX:SharedArchiveFile={}", archive.display()));
            }
            Self::AsShipped => {
                command.args([
                    "-server",
                    "-XX:+UseG1GC",
                    "-XX:MaxGCPauseMillis=20",
                    "-XX:InitiatingHeapOccupancyPercent=35",
                    "-XX:+ExplicitGCInvokesConcurrent",
                ]);
            }
        }
        command
    }
}

/// The tools, talking to one cluster.
#[derive(Debug, Clone)]
pub struct Console {
    bootstrap: String,
    jvm: Jvm,
}

impl Console {
    /// For the cluster at `bootstrap`.
    #[must_use]
    pub fn new(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            jvm: Jvm::Hurried,
        }
    }

    /// For the cluster at `bootstrap`, to measure it.
    #[must_use]
    pub fn as_shipped(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            jvm: Jvm::AsShipped,
        }
    }

    /// `host:port` of a broker of the cluster.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The command that runs `tool` with `--bootstrap-server` and `args`, split at spaces.
    #[must_use]
    pub fn command(&self, tool: Tool, args: &str) -> std::process::Command {
        let logging = repository::tests("apache-kafka/tools-log4j2.properties");
        let heap = match self.jvm {
            Jvm::Hurried => "128M",
            Jvm::AsShipped => "512M",
        };
        let mut command = self.jvm.command(heap);
        command
            .arg(format!("-Dlog4j2.configurationFile={}", logging.display()))
            .arg(tool.class())
            .args(["--bootstrap-server", &self.bootstrap])
            .args(args.split_whitespace());
        command
    }

    /// Runs `tool` to its end with `input` on standard input.
    ///
    /// # Panics
    /// If it has not ended after a minute.
    pub async fn run(&self, tool: Tool, args: &str, input: impl AsRef<[u8]>) -> Output {
        let _permit = JVMS.acquire().await.expect("never closed");
        tool::run(Command::from(self.command(tool, args)), input).await
    }

    /// Starts `tool`, to be stopped by the caller; its output is in `<folder>/<name>.out`.
    #[must_use]
    pub fn start(&self, name: &str, tool: Tool, args: &str, folder: &Path) -> Server {
        Server::start(name, &mut self.command(tool, args), folder)
    }
}

/// The events a verifiable producer or consumer has told so far, one JSON object a line.
#[must_use]
pub fn events(server: &Server) -> Vec<Value> {
    let said = server.stdout();
    // The last line may be half written.
    said.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
