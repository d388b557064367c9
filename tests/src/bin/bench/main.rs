//! The numbers the project promises, each measured against a peer in the same run.
//!
//! `tests/bench` builds and runs it. Sides take turns, so that whatever else the machine does meets all of them; medians are
//! compared, with the lowest and highest beside them. `--short` does two rounds of less load, to see that everything
//! runs; its ratios say little. It reports and does not judge: machines differ.

mod bare;
mod idle;
mod load;
mod rest;
mod rounds;
mod wire;

use std::path::PathBuf;

use sluice_e2e::{process, repository};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Turns of each side.
    rounds: usize,
    /// Seconds of HTTP load a turn.
    seconds: u32,
    /// Records a turn over the wire.
    records: usize,
}

const WHOLE: Extent = Extent {
    rounds: 5,
    seconds: 5,
    records: 500_000,
};
const SHORT: Extent = Extent {
    rounds: 2,
    seconds: 2,
    records: 50_000,
};

const USAGE: &str = "bench [--short] [rest|wire|idle]...";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    // The peer of the REST numbers is a process of its own, as the gateway is.
    if words == ["bare"] {
        return bare::serve().await;
    }
    let whole = words.len();
    words.retain(|word| word != "--short");
    let extent = if words.len() < whole { SHORT } else { WHOLE };
    let known = ["rest", "wire", "idle"];
    if words.iter().any(|word| !known.contains(&word.as_str())) {
        eprintln!("{USAGE}");
        std::process::exit(2);
    }
    let folder: PathBuf = repository::fresh_log_folder("bench");
    process::remove_in_the_end(&folder);
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    println!("| what | unit | ours | peer | ratio |\n|---|---|---|---|---|");
    if wanted("idle") {
        idle::measure(extent, &folder).await;
    }
    if wanted("rest") {
        rest::measure(extent, &folder).await;
    }
    if wanted("wire") {
        wire::measure(extent, &folder).await;
    }
}
