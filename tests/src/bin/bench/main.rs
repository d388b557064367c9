//! The numbers the project promises, each measured against a peer in the same run.
//!
//! `tests/bench` builds and runs it. Sides take turns, so that whatever else the machine does meets all of them; medians are
//! compared, with the lowest and highest beside them. `--short` does two rounds of less load, to see that everything
//! runs; its ratios say little, so it forgives what is worse than promised by less than a factor. `--rounds` sets the
//! number of turns. The exit code is 1 if a promise is broken.

mod backlog;
mod bare;
mod consume;
mod flush;
mod idle;
mod librdkafka;
mod link;
mod load;
mod paced;
mod perf_test;
mod prewritten;
mod rest;
mod rounds;
mod side;
mod starts;
mod wire;

use std::path::{Path, PathBuf};

use rounds::Table;
use sluice_e2e::{process, repository};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Turns of each side.
    rounds: usize,
    /// Seconds of load at a rate, or of HTTP, a turn.
    seconds: usize,
    /// Records a turn over the wire.
    records: usize,
    /// Records of a long log.
    backlog: i64,
    /// The factor by which a number may be worse than promised.
    slack: f64,
}

impl Extent {
    /// Starts to measure: of two, a single stall of a disk that others share would be half of what is told.
    fn starts(self) -> usize {
        self.rounds.max(3)
    }
}

const WHOLE: Extent = Extent {
    rounds: 5,
    seconds: 5,
    records: 500_000,
    backlog: 100_000_000,
    slack: 1.0,
};
const SHORT: Extent = Extent {
    rounds: 2,
    seconds: 2,
    records: 50_000,
    backlog: 1_000_000,
    slack: 4.0,
};

/// What can be measured, in the order in which it is.
const PARTS: [&str; 11] = [
    "idle", "starts", "flush", "alone", "many", "fast", "wire", "paced", "consume", "rest",
    "backlog",
];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    // The peer of the REST numbers is a process of its own, as the gateway is.
    if words == ["bare"] {
        return bare::serve().await;
    }
    let Some(extent) = extent(&mut words) else {
        eprintln!(
            "bench [--short] [--rounds <number>] [{}]...",
            PARTS.join("|")
        );
        std::process::exit(2);
    };
    let folder: PathBuf = repository::fresh_log_folder("bench");
    process::remove_in_the_end(&folder);
    let mut table = Table::begin(extent.slack);
    for part in PARTS {
        if words.is_empty() || words.iter().any(|word| word == part) {
            measure(part, extent, &folder, &mut table).await;
        }
    }
    for line in table.broken() {
        eprintln!("{line}");
    }
    std::process::exit(i32::from(!table.broken().is_empty()));
}

async fn measure(part: &str, extent: Extent, folder: &Path, table: &mut Table) {
    let folder = folder.join(part);
    std::fs::create_dir(&folder).expect("a folder");
    match part {
        "idle" => idle::measure(extent, &folder, table).await,
        "starts" => starts::measure(extent, &folder, table).await,
        "flush" => flush::measure(extent, &folder, table).await,
        "alone" => librdkafka::measure_alone(extent, &folder, table).await,
        "many" => librdkafka::measure_many(extent, &folder, table).await,
        "fast" => librdkafka::measure_fast(extent, &folder, table).await,
        "wire" => wire::measure(extent, &folder, table).await,
        "paced" => paced::measure(extent, &folder, table).await,
        "consume" => consume::measure(extent, &folder, table).await,
        "rest" => rest::measure(extent, &folder, table).await,
        "backlog" => backlog::measure(extent, &folder, table).await,
        _ => unreachable!("{part} is not a part"),
    }
    // The next part has the disk for itself.
    std::fs::remove_dir_all(&folder).expect("remove the folder");
}

/// Takes the options out of `words` and leaves what to measure; nothing if they are not understood.
fn extent(words: &mut Vec<String>) -> Option<Extent> {
    let whole = words.len();
    words.retain(|word| word != "--short");
    let mut extent = if words.len() < whole { SHORT } else { WHOLE };
    if let Some(place) = words.iter().position(|word| word == "--rounds") {
        let option: Vec<String> = words
            .splice(place..words.len().min(place + 2), [])
            .collect();
        extent.rounds = option.get(1)?.parse().ok().filter(|rounds| *rounds > 0)?;
    }
    let is_known = words.iter().all(|word| PARTS.contains(&word.as_str()));
    is_known.then_some(extent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(usize, f64, Vec<String>)> {
        let mut words = text.split_whitespace().map(str::to_owned).collect();
        let extent = extent(&mut words)?;
        Some((extent.rounds, extent.slack, words))
    }

    #[test]
    fn options_come_in_any_order() {
        assert_eq!(parsed(""), Some((WHOLE.rounds, WHOLE.slack, vec![])));
        let rest = vec!["rest".to_owned()];
        assert_eq!(
            parsed("rest --short"),
            Some((SHORT.rounds, SHORT.slack, rest.clone()))
        );
        assert_eq!(parsed("--rounds 9 rest"), Some((9, WHOLE.slack, rest)));
        assert_eq!(parsed("--rounds"), None);
        assert_eq!(parsed("--rounds none"), None);
        assert_eq!(parsed("--rounds 0"), None);
        assert_eq!(parsed("everything"), None);
    }
}
