//! Metrics of the process, read from `/proc` at each scrape.
//!
//! What cannot be read is absent.

use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};

use super::exposition::{Family, families};

families! {
    CPU = "process_cpu_seconds_total", Counter, [], "Processor time, user and system.";
    OPEN_FDS = "process_open_fds", Gauge, [], "Open file descriptors.";
    MAX_FDS = "process_max_fds", Gauge, [], "The limit of open file descriptors.";
    VIRTUAL_MEMORY = "process_virtual_memory_bytes", Gauge, [], "Virtual memory.";
    RESIDENT_MEMORY = "process_resident_memory_bytes", Gauge, [], "Resident memory.";
    THREADS = "process_threads", Gauge, [], "Threads.";
    START_TIME = "process_start_time_seconds", Gauge, [], "When the process started, since the epoch.";
}

/// Reads `/proc/self` whenever it is scraped.
#[derive(Debug)]
pub struct ProcessCollector {
    cpu: Counter,
    gauges: Vec<(Source, Gauge)>,
    /// Since the epoch.
    booted_seconds: Option<f64>,
}

/// Reads one number; `None` when it is not known.
type Source = fn(&Look) -> Option<f64>;

/// What a scrape found.
#[derive(Clone, Copy, Debug)]
struct Look {
    usage: Option<Usage>,
    booted_seconds: Option<f64>,
}

/// What one look at the process shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Usage {
    cpu_seconds: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
    threads: f64,
    /// After the machine started.
    started_seconds: f64,
}

impl ProcessCollector {
    /// Makes the metrics; registering them is the caller's.
    ///
    /// # Errors
    /// None in practice: the names are valid.
    pub fn new() -> prometheus::Result<Self> {
        let gauge = |(family, source): (Family, Source)| {
            Gauge::with_opts(family.options()).map(|gauge| (source, gauge))
        };
        let sources: [(Family, Source); 6] = [
            (OPEN_FDS, |_look| open_descriptors()),
            (MAX_FDS, |_look| max_descriptors()),
            (VIRTUAL_MEMORY, |look| {
                look.usage.map(|usage| usage.virtual_bytes)
            }),
            (RESIDENT_MEMORY, |look| {
                look.usage.map(|usage| usage.resident_bytes)
            }),
            (THREADS, |look| look.usage.map(|usage| usage.threads)),
            (START_TIME, |look| {
                Some(look.booted_seconds? + look.usage?.started_seconds)
            }),
        ];
        let stat = fs::read_to_string("/proc/stat").ok();
        Ok(Self {
            cpu: Counter::with_opts(CPU.options())?,
            gauges: sources.into_iter().map(gauge).collect::<Result<_, _>>()?,
            booted_seconds: stat.as_deref().and_then(boot_time),
        })
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        let gauges = self.gauges.iter().flat_map(|(_, gauge)| gauge.desc());
        self.cpu.desc().into_iter().chain(gauges).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let look = Look {
            usage: usage(),
            booted_seconds: self.booted_seconds,
        };
        let mut families = Vec::new();
        if let Some(usage) = look.usage {
            // Two scrapes at once may meet here; a counter only takes what is new.
            self.cpu
                .inc_by((usage.cpu_seconds - self.cpu.get()).max(0.0));
            families.extend(self.cpu.collect());
        }
        for (source, gauge) in &self.gauges {
            if let Some(value) = source(&look) {
                gauge.set(value);
                families.extend(gauge.collect());
            }
        }
        families
    }
}

fn usage() -> Option<Usage> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    parse_stat(
        &text,
        float(rustix::param::clock_ticks_per_second()),
        page_bytes(),
    )
}

fn page_bytes() -> f64 {
    u64::try_from(rustix::param::page_size()).map_or(0.0, float)
}

/// Reads `/proc/self/stat` (proc(5)): the fields after the command, which may itself hold blanks and
/// parentheses, so the last `)` ends it.
fn parse_stat(text: &str, ticks_per_second: f64, page_bytes: f64) -> Option<Usage> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // `fields[0]` is field 3 of the manual.
    let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some(Usage {
        cpu_seconds: (number(14)? + number(15)?) / ticks_per_second,
        threads: number(20)?,
        started_seconds: number(22)? / ticks_per_second,
        virtual_bytes: number(23)?,
        resident_bytes: number(24)? * page_bytes,
    })
}

/// When the machine started, in seconds since the epoch, from `/proc/stat`.
fn boot_time(text: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

fn open_descriptors() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    // Reading the directory holds one of them.
    u32::try_from(count.saturating_sub(1)).ok().map(f64::from)
}

fn max_descriptors() -> Option<f64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .map(float)
}

/// A count as Prometheus holds it; exact below 2^53.
fn float(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & 0xffff_ffff).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let text = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9 0 1000 4096000 25 1 2 3";
        let usage = parse_stat(text, 100.0, 4096.0).unwrap();
        let expected = Usage {
            cpu_seconds: 3.0,
            virtual_bytes: 4_096_000.0,
            resident_bytes: 102_400.0,
            threads: 9.0,
            started_seconds: 10.0,
        };
        assert_eq!(usage, expected);
        assert_eq!(parse_stat("42 (short) S 1", 100.0, 4096.0), None);
    }

    #[test]
    fn this_process_has_every_value() {
        let families = ProcessCollector::new().unwrap().collect();
        assert_eq!(families.len(), 7);
        let resident = families
            .iter()
            .find(|it| it.name() == "process_resident_memory_bytes");
        assert!(resident.unwrap().get_metric()[0].get_gauge().get_value() > 100_000.0);
    }

    #[test]
    fn large_counts_stay_exact() {
        assert_eq!(float(0), 0.0);
        assert_eq!(float((1 << 40) + 7), 1_099_511_627_783.0);
    }
}
