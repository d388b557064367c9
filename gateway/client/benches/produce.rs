//! What a produced record costs the client: 64 callers with one record each, against a broker in the
//! process that answers at once and keeps nothing. Prints the rate and the CPU time per record, that
//! of the answering included.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluice_client::{
    Address, Client, Config, Connection, Dial, Dialing, ProduceRecord, ProducerSettings,
};
use sluice_protocol::header::{RequestHeader, response_frame};
use sluice_protocol::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use sluice_protocol::messages::init_producer_id::InitProducerIdResponse;
use sluice_protocol::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use sluice_protocol::messages::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use sluice_protocol::messages::{ApiKey, Message};
use sluice_protocol::wire::Reader;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

const CALLERS: usize = 64;
const PARTITIONS: i32 = 4;
const DURATION: Duration = Duration::from_secs(3);

type Fault = Box<dyn Error + Send + Sync>;

#[derive(Debug)]
struct Answering;

impl Dial for Answering {
    fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
        Box::pin(async {
            let (requests, taken) = mpsc::channel(16);
            let (answers, responses) = mpsc::channel(16);
            tokio::spawn(serve(taken, answers));
            Ok(Connection::Frames {
                requests,
                responses,
            })
        })
    }
}

async fn serve(mut taken: mpsc::Receiver<Vec<Bytes>>, answers: mpsc::Sender<Vec<Bytes>>) {
    while let Some(request) = taken.recv().await {
        let Ok(answer) = answer(request) else { return };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

fn answer(request: Vec<Bytes>) -> Result<Vec<Bytes>, Fault> {
    let mut reader = Reader::from_chunks(request);
    let header = RequestHeader::decode(&mut reader)?;
    let (version, id) = (header.api_version, header.correlation_id);
    let api = ApiKey::try_from(header.api_key)?;
    let frame = if api == ApiKey::ApiVersions {
        response_frame(&versions(), version, id)?
    } else if api == ApiKey::InitProducerId {
        response_frame(&InitProducerIdResponse::default(), version, id)?
    } else if api == ApiKey::Metadata {
        let request = MetadataRequest::from_bytes(reader.rest()?, version)?;
        response_frame(&metadata(request), version, id)?
    } else if api == ApiKey::Produce {
        let request = ProduceRequest::from_bytes(reader.rest()?, version)?;
        response_frame(&produced(request), version, id)?
    } else {
        return Err(format!("{api:?} is not expected").into());
    };
    Ok(frame)
}

fn versions() -> ApiVersionsResponse {
    let rows = ApiKey::ALL.iter().map(|api| ApiVersion {
        api_key: api.key(),
        min_version: *api.versions().start(),
        max_version: *api.versions().end(),
    });
    ApiVersionsResponse {
        api_keys: rows.collect(),
        ..ApiVersionsResponse::default()
    }
}

fn metadata(request: MetadataRequest) -> MetadataResponse {
    let partitions = (0..PARTITIONS).map(|partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        ..MetadataResponsePartition::default()
    });
    let partitions: Vec<_> = partitions.collect();
    let topics = request.topics.unwrap_or_default().into_iter();
    MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: 1,
            host: "null".to_owned(),
            port: 1,
            rack: None,
        }],
        controller_id: 1,
        topics: topics
            .map(|topic| MetadataResponseTopic {
                name: topic.name,
                partitions: partitions.clone(),
                ..MetadataResponseTopic::default()
            })
            .collect(),
        ..MetadataResponse::default()
    }
}

fn produced(request: ProduceRequest) -> ProduceResponse {
    let topics = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.into_iter();
        TopicProduceResponse {
            name: topic.name,
            partition_responses: partitions
                .map(|partition| PartitionProduceResponse {
                    index: partition.index,
                    ..PartitionProduceResponse::default()
                })
                .collect(),
            ..TopicProduceResponse::default()
        }
    });
    ProduceResponse {
        responses: topics.collect(),
        ..ProduceResponse::default()
    }
}

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

fn report(line: &str) -> Result<(), Fault> {
    use std::io::Write as _;
    Ok(std::io::stdout().write_all(line.as_bytes())?)
}

fn main() -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build()?;
    for record_bytes in [100, 1024] {
        runtime.block_on(measure(record_bytes))?;
    }
    Ok(())
}
