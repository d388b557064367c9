//! What a produced record costs the client: 64 callers with one record each, against a broker in the
//! process that answers at once and keeps nothing. Prints the rate and the CPU time per record, that
//! of the answering included.

mod answering;

use std::sync::Arc;
use std::time::{Duration, Instant};

use answering::{Answering, Fault, report, runtime};
use bytes::Bytes;
use sluice_client::{Client, Config, ProduceRecord, ProducerSettings};
use tokio::runtime::Handle;

const CALLERS: usize = 64;
const DURATION: Duration = Duration::from_secs(3);

async fn measure(record_bytes: usize) -> Result<(), Fault> {
    let config = Config::new(vec!["null:1".parse()?]);
    let client = Client::new(config, Arc::new(Answering), Handle::current());
    let producer = client.producer(ProducerSettings::default());
    let value = Bytes::from(vec![b'x'; record_bytes]);
    let (started, cpu) = (Instant::now(), cpu_time()?);
    let callers = (0..CALLERS).map(|_| {
        let (producer, value) = (producer.clone(), value.clone());
        tokio::spawn(async move {
            let mut count = 0_u32;
            while started.elapsed() < DURATION {
                let record = ProduceRecord {
                    value: Some(value.clone()),
                    ..ProduceRecord::default()
                };
                for result in producer.send("bench", vec![record]).await? {
                    result?;
                }
                count += 1;
            }
            Ok::<u32, Fault>(count)
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut count = 0;
    for caller in callers {
        count += caller.await??;
    }
    let used = cpu_time()?.saturating_sub(cpu);
    let rate = f64::from(count) / started.elapsed().as_secs_f64();
    let each = used.as_secs_f64() * 1e6 / f64::from(count);
    report(&format!(
        "{record_bytes} B, {CALLERS} callers: {rate:.0} records/s, {each:.2} us CPU each\n"
    ))
}

/// User and system time of the process.
fn cpu_time() -> Result<Duration, Fault> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<u64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(Duration::from_millis(ticks.iter().sum::<u64>() * 10))
}

fn main() -> Result<(), Fault> {
    for record_bytes in [100, 1024] {
        runtime()?.block_on(measure(record_bytes))?;
    }
    Ok(())
}
