//! The brokers that are measured, one of which runs at a time.

use std::path::Path;

use sluice_e2e::apache_kafka::ApacheKafka;
use sluice_e2e::console::{Console, Jvm, Tool};
use sluice_e2e::process::Server;
use sluice_e2e::sluice::Sluice;

use crate::load::{self, cpu_seconds};

/// Of a topic that is measured.
pub(crate) const PARTITIONS: usize = 16;

#[derive(Debug)]
enum Broker {
    Sluice(Sluice),
    Kafka(ApacheKafka),
}

/// One broker, held while it is not its turn.
#[derive(Debug)]
pub(crate) struct Side {
    broker: Broker,
    pub(crate) console: Console,
}

impl Side {
    /// Ours, with data in `<folder>/<name>`.
    pub(crate) async fn sluice(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let sluice = Sluice::bundled(&made(folder, name), arguments).await;
        Self::held(Broker::Sluice(sluice))
    }

    /// Apache Kafka as shipped but for `settings`, with data in `<folder>/<name>`.
    pub(crate) async fn kafka(folder: &Path, name: &str, settings: &str) -> Self {
        let kafka = ApacheKafka::start(&made(folder, name), settings, Jvm::AsShipped).await;
        Self::held(Broker::Kafka(kafka))
    }

    fn held(broker: Broker) -> Self {
        let bootstrap = match &broker {
            Broker::Sluice(sluice) => sluice.addresses().broker.as_deref(),
            Broker::Kafka(kafka) => Some(kafka.bootstrap()),
        };
        let console = Console::as_shipped(bootstrap.expect("a broker"));
        let side = Self { broker, console };
        side.hold();
        side
    }

    /// `host:port` of its listener.
    pub(crate) fn bootstrap(&self) -> &str {
        self.console.bootstrap()
    }

    /// Its process.
    pub(crate) fn server(&self) -> &Server {
        match &self.broker {
            Broker::Sluice(sluice) => sluice.server(),
            Broker::Kafka(kafka) => kafka.server(),
        }
    }

    /// Begins its turn, with what other turns left in the machine's cache on the disk.
    pub(crate) fn go_on(&self) {
        load::settle();
        load::resume(self.server());
    }

    /// Ends its turn.
    pub(crate) fn hold(&self) {
        load::pause(self.server());
    }

    /// Processor seconds it has used.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.server())
    }

    /// Makes a topic whose files do not stay when it is deleted.
    pub(crate) async fn create(&self, topic: &str) {
        let args = format!(
            "--create --topic {topic} --partitions {PARTITIONS} --config file.delete.delay.ms=1000"
        );
        self.console.run(Tool::Topics, &args, "").await.ok();
    }

    /// Deletes a topic.
    pub(crate) async fn delete(&self, topic: &str) {
        let args = format!("--delete --topic {topic}");
        self.console.run(Tool::Topics, &args, "").await.ok();
    }
}

fn made(folder: &Path, name: &str) -> std::path::PathBuf {
    let folder = folder.join(name);
    std::fs::create_dir(&folder).expect("a folder");
    folder
}
