//! What an idle consumer costs the client: 10,000 members, each alone in its group, and 10,000 readers
//! that wait for records. Prints the memory each of them takes.

mod answering;

use std::sync::Arc;
use std::time::Duration;

use answering::{Answering, Fault, report, runtime};
use sluice_client::{Client, Config, GroupConfig, Isolation, TopicPartition};
use tokio::runtime::Handle;

const COUNT: u32 = 10_000;

async fn measure() -> Result<(), Fault> {
    let config = Config::new(vec!["null:1".parse()?]);
    let client = Client::new(config, Arc::new(Answering), Handle::current());
    // What the first one brings with it belongs to all.
    let topics = vec!["bench".to_owned()];
    let first = client
        .groups()
        .join(GroupConfig::new("first", topics.clone()));
    first.assigned().await?;

    let before = resident_bytes()?;
    let mut members = Vec::new();
    for number in 0..COUNT {
        let group = GroupConfig::new(format!("group-{number}"), topics.clone());
        let member = client.groups().join(group);
        member.assigned().await?;
        members.push(member);
    }
    let joined = resident_bytes()?;
    tell("member", joined.saturating_sub(before))?;

    let readers = (0..COUNT).map(|number| {
        let watcher = client.watcher();
        let partition = i32::try_from(number % 4).unwrap_or(0);
        tokio::spawn(async move {
            let positions = [(TopicPartition::new("bench", partition), 0)];
            let patience = Duration::from_secs(8);
            watcher
                .wait(&positions, Isolation::default(), patience)
                .await
        })
    });
    let readers: Vec<_> = readers.collect();
    tokio::time::sleep(Duration::from_secs(3)).await;
    tell("waiting reader", resident_bytes()?.saturating_sub(joined))?;
    for reader in readers {
        if reader.await? {
            return Err("a reader was woken".into());
        }
    }
    Ok(())
}

fn tell(what: &str, bytes: u64) -> Result<(), Fault> {
    report(&format!(
        "{} bytes for each idle {what}\n",
        bytes / u64::from(COUNT)
    ))
}

/// Resident memory of the process.
fn resident_bytes() -> Result<u64, Fault> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm
        .split_whitespace()
        .nth(1)
        .ok_or("no pages in /proc/self/statm")?;
    Ok(pages.parse::<u64>()? * 4096)
}

fn main() -> Result<(), Fault> {
    runtime()?.block_on(measure())
}
