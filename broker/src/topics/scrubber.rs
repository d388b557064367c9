//! The thread that scrubs: it reads one partition after the other, slowly, and rests between passes.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::Topics;
use super::pace::{Stop, Throttle};
use crate::log::StorageError;

/// How much the scrub may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubConfig {
    /// Bytes read in a second; 0 turns it off. Default 4 MiB: a terabyte in three days.
    pub bytes_per_second_max: u64,
    /// Time between the end of a pass and the next one. Default a day.
    pub interval: Duration,
}

impl Default for ScrubConfig {
    fn default() -> Self {
        Self {
            bytes_per_second_max: 4 * 1024 * 1024,
            interval: Duration::from_hours(24),
        }
    }
}

/// What the scrub has to tell.
#[derive(Debug)]
pub enum ScrubNews {
    /// That many bytes were read and checked.
    Checked(usize),
    /// A partition could not be scrubbed.
    Failed(StorageError),
}

/// The running thread, unless it is turned off. It ends soon after this is dropped.
#[derive(Debug)]
pub struct Scrubber {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Scrubber {
    /// Starts the thread, which tells `observe` what it does. What it finds damaged is told like all
    /// damage.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        topics: Topics,
        config: ScrubConfig,
        observe: impl Fn(ScrubNews) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let thread = match config.bytes_per_second_max {
            0 => None,
            _ => {
                let asked = Arc::clone(&stop);
                let work = move || scrub(&topics, config, &asked, observe);
                let thread = std::thread::Builder::new().name("sluice-scrub".to_owned());
                Some(thread.spawn(work)?)
            }
        };
        Ok(Self { stop, thread })
    }

    /// Has the thread end soon.
    pub fn ask_to_stop(&self) {
        self.stop.ask();
    }

    /// Ends the thread and waits for that.
    pub fn stop(mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            // If it panicked, nothing is being scrubbed either.
            drop(thread.join());
        }
    }
}

impl Drop for Scrubber {
    fn drop(&mut self) {
        self.stop.ask();
    }
}

fn scrub(topics: &Topics, config: ScrubConfig, asked: &Stop, observe: impl Fn(ScrubNews)) {
    let clock = topics.0.clock.clone();
    let mut throttle = Throttle::new(config.bytes_per_second_max);
    let mut pace = |bytes| {
        observe(ScrubNews::Checked(bytes));
        !asked.wait(throttle.wait_after(bytes, clock.now()))
    };
    loop {
        for topic in topics.list() {
            for partition in topic.partitions().iter() {
                match partition.log.scrub(&mut pace) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => observe(ScrubNews::Failed(error)),
                }
            }
        }
        if asked.wait(config.interval) {
            return;
        }
    }
}
