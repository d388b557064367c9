//! Runs a command while an Apache Kafka runs, whose address the command finds in `KAFKA_BOOTSTRAP`:
//! `cargo run -p sluice-e2e --bin with-apache-kafka -- cargo test -p sluice-client`.

use std::process::ExitCode;

use sluice_e2e::apache_kafka;
use tokio::process::Command;

#[tokio::main]
async fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("name a command to run");
        return ExitCode::from(2);
    };
    let kafka = apache_kafka::shared().await;
    let status = Command::new(program)
        .args(words)
        .env("KAFKA_BOOTSTRAP", kafka.bootstrap())
        .status()
        .await;
    match status {
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
