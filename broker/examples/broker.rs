//! The broker alone, to try clients against: `cargo run -p sluice-broker --example broker -- 9092 ./data`.

use std::error::Error;
use std::time::Duration;

use sluice_broker::{Broker, Config};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("the port and the data directory are needed".into());
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let mut config = Config::new(directory);
    config.network.listen.port = port.parse()?;
    let broker = Broker::start(config, &prometheus::Registry::new()).await?;
    tokio::select! {
        stop = tokio::signal::ctrl_c() => stop?,
        error = broker.failed() => return Err(error.into()),
    }
    broker.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
