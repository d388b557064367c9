//! The world of one story: a Kafka, the gateway in front of it, the tools, a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use crate::apache_kafka::{self, ApacheKafka};
use crate::browser::Browser;
use crate::console::Console;
use crate::disk::{Disk, Lost};
use crate::http::Http;
use crate::kcat::Kcat;
use crate::prometheus::Prometheus;
use crate::python::Python;
use crate::repository;
use crate::seed::Random;
use crate::sluice::Sluice;
use crate::tmpfs::Tmpfs;

/// Which Kafka is behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The broker inside `sluice`; every story has its own.
    Bundled,
    /// Apache Kafka, one for all stories of the process.
    ApacheKafka,
}

/// Everything one story needs; what it started ends with it.
#[derive(Debug)]
pub struct World {
    story: String,
    folder: PathBuf,
    bootstrap: String,
    arguments: Vec<String>,
    shared: Option<&'static ApacheKafka>,
    // In front of Apache Kafka it is started when first asked for: many stories need the wire alone.
    sluice: OnceCell<Sluice>,
    // Below the program that uses it: dropped after it.
    disk: Option<Disk>,
    tmpfs: Option<Tmpfs>,
}

impl World {
    /// A world on `target` with everything as shipped.
    pub async fn start(target: Target) -> Self {
        Self::with(target, &[]).await
    }

    /// A world on `target` whose `sluice` gets further command-line arguments.
    ///
    /// # Panics
    /// If something does not start.
    pub async fn with(target: Target, arguments: &[&str]) -> Self {
        let (story, folder) = fresh_story();
        match target {
            Target::Bundled => Self::bundled(story, folder, None, arguments).await,
            Target::ApacheKafka => {
                let kafka = apache_kafka::shared().await;
                Self {
                    story,
                    folder,
                    bootstrap: kafka.bootstrap().to_owned(),
                    arguments: owned(arguments),
                    shared: Some(kafka),
                    sluice: OnceCell::new(),
                    disk: None,
                    tmpfs: None,
                }
            }
        }
    }

    /// A world on the bundled broker, whose data are on a [`Disk`] that forgets and fails on demand.
    ///
    /// # Panics
    /// If something does not start, or the story's name lacks `fuse_disk`.
    pub async fn on_disk(random: Random, arguments: &[&str]) -> Self {
        let (story, folder) = fresh_story();
        let disk = Disk::mount(&folder, "data", random);
        let world = Self::bundled(story, folder, Some(disk), arguments).await;
        world.named_after("fuse_disk");
        world
    }

    /// A world on the bundled broker, whose data are on a [`Tmpfs`] of so many bytes.
    ///
    /// # Panics
    /// If something does not start, or the story's name lacks `tmpfs`.
    pub async fn on_tmpfs(bytes: u64, arguments: &[&str]) -> Self {
        let (story, folder) = fresh_story();
        let tmpfs = Tmpfs::mount(&folder, "data", bytes);
        let mut world = Self::bundled(story, folder, None, arguments).await;
        world.tmpfs = Some(tmpfs);
        world.named_after("tmpfs");
        world
    }

    async fn bundled(
        story: String,
        folder: PathBuf,
        disk: Option<Disk>,
        arguments: &[&str],
    ) -> Self {
        let sluice = Sluice::bundled(&folder, arguments).await;
        Self {
            story,
            folder,
            bootstrap: sluice.addresses().broker.clone().expect("a bundled broker"),
            arguments: owned(arguments),
            shared: None,
            sluice: OnceCell::new_with(Some(sluice)),
            disk,
            tmpfs: None,
        }
    }

    /// `host:port` for Kafka clients.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Which Kafka this is.
    #[must_use]
    pub const fn target(&self) -> Target {
        if self.shared.is_some() {
            Target::ApacheKafka
        } else {
            Target::Bundled
        }
    }

    /// The story's own folder, removed if it succeeds.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A name no other story uses: topics and groups of a shared Kafka have to differ.
    #[must_use]
    pub fn unique(&self, name: &str) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// The running `sluice`.
    pub async fn sluice(&self) -> &Sluice {
        self.sluice
            .get_or_init(|| async {
                let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
                Sluice::in_front_of(&self.bootstrap, &self.folder, &arguments).await
            })
            .await
    }

    /// The running `sluice`, to be ended and started again.
    ///
    /// # Panics
    /// If nobody asked for it before and it is not the bundled one.
    pub fn sluice_mut(&mut self) -> &mut Sluice {
        self.sluice.get_mut().expect("sluice runs")
    }

    /// The disk with the data.
    ///
    /// # Panics
    /// If the world has none of its own.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("a world on a disk")
    }

    /// The small disk with the data.
    ///
    /// # Panics
    /// If the world has none.
    #[must_use]
    pub fn tmpfs(&self) -> &Tmpfs {
        self.tmpfs.as_ref().expect("a world on a tmpfs")
    }

    /// Cuts the power, of the disk and then of `sluice`, and gives it back to the disk.
    ///
    /// # Panics
    /// If the world has no disk of its own.
    pub fn cut_power(&mut self) -> Lost {
        let disk = self.disk.as_mut().expect("a world on a disk");
        let lost = disk.cut_power();
        self.sluice.get_mut().expect("sluice runs").kill();
        disk.power_up();
        lost
    }

    /// The gateway's HTTP side.
    pub async fn http(&self) -> Http {
        Http::new(&self.sluice().await.addresses().http)
    }

    /// A story's name tells the tools it uses, so that `tests/run --without` can leave it out.
    fn named_after(&self, tool: &str) {
        assert!(
            self.story.contains(tool),
            "rename {}: a story that uses {tool} has it in its name",
            self.story
        );
    }

    /// kcat on this cluster.
    ///
    /// # Panics
    /// If the story's name lacks `kcat`.
    #[must_use]
    pub fn kcat(&self) -> Kcat {
        self.named_after("kcat");
        Kcat::new(&self.bootstrap)
    }

    /// Kafka's console tools on this cluster.
    ///
    /// # Panics
    /// If the story's name lacks `console_tools`.
    #[must_use]
    pub fn console(&self) -> Console {
        self.named_after("console_tools");
        Console::new(&self.bootstrap)
    }

    /// Python clients on this cluster.
    ///
    /// # Panics
    /// If the story's name lacks `kafka_python`.
    #[must_use]
    pub fn python(&self) -> Python {
        self.named_after("kafka_python");
        Python::new(&self.bootstrap)
    }

    /// A Prometheus that scrapes the gateway every second.
    ///
    /// # Panics
    /// If the story's name lacks `prometheus`.
    pub async fn prometheus(&self) -> Prometheus {
        self.named_after("prometheus");
        Prometheus::start(&self.sluice().await.addresses().http, &self.folder).await
    }

    /// A headless browser.
    ///
    /// # Panics
    /// If the story's name lacks `chromium`.
    pub async fn browser(&self) -> Browser {
        self.named_after("chromium");
        Browser::start(&self.folder).await
    }
}

/// The name of the story that runs, after which the test harness names its thread, and a folder for it.
fn fresh_story() -> (String, PathBuf) {
    let thread = std::thread::current();
    let story = thread.name().unwrap_or("unnamed").to_owned();
    let folder = repository::fresh_log_folder(&story.replace("::", "."));
    (story, folder)
}

fn owned(arguments: &[&str]) -> Vec<String> {
    let arguments = arguments.iter();
    arguments.map(|&argument| argument.to_owned()).collect()
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Some(kafka) = self.shared {
                kafka.copy_log(&self.folder);
            }
            eprintln!("logs and data are kept in {}", self.folder.display());
            return;
        }
        drop(self.sluice.take());
        drop(self.disk.take());
        drop(self.tmpfs.take());
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} is left: {error}", self.folder.display());
        }
    }
}

/// Makes each story a test on both targets: `on_both_targets!(a_story, another);` once a file, where a story is an
/// `async fn(World)`.
#[macro_export]
macro_rules! on_both_targets {
    ($($story:ident),+ $(,)?) => {
        mod on_sluice {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story($crate::World::start($crate::Target::Bundled).await).await;
            })+
        }

        mod on_apache_kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story($crate::World::start($crate::Target::ApacheKafka).await).await;
            })+
        }
    };
}
