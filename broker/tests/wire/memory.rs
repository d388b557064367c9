//! What a broker takes of memory, whatever its clients do: measured in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use prometheus::Registry;
use sluice_broker::{Broker, Config};
use sluice_protocol::ErrorCode;
use sluice_protocol::header::request_frame;
use sluice_protocol::messages::Request;
use sluice_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use sluice_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use sluice_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use sluice_protocol::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use sluice_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use sluice_protocol::record_batch::{BatchBuilder, Compression, NewRecord};
use tempfile::TempDir;

use crate::admin::{create, with_config};
use crate::client::Client;
use crate::hostile_batches::{batch_of_one, record_of_headers};
use crate::records::{fetch, only_partition, produce};

const MIB: usize = 1024 * 1024;
/// What requests and responses of the measured broker may take.
const BUDGET: usize = 32 * MIB;
/// Where the measured broker keeps its data.
const DIRECTORY: &str = "SLUICE_MEASURED_DIRECTORY";
/// What it says before its address.
const GREETING: &str = "listening on ";

/// The process that is measured; it ends with its input.
#[test]
#[ignore = "is started by the other tests, to be measured"]
fn measured_broker() {
    let mut config = Config::for_testing(std::env::var_os(DIRECTORY).unwrap());
    config.network.in_flight_bytes_max = BUDGET;
    config.network.request_bytes_max = BUDGET;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let broker = runtime.block_on(Broker::start(config, &Registry::new()));
    let broker = broker.unwrap();
    println!("\n{GREETING}{}", broker.addresses()[0]);
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

struct Measured {
    process: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Measured {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "memory::measured_broker",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(DIRECTORY, directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let address = said
            .lines()
            .find_map(|line| line.unwrap().strip_prefix(GREETING).map(str::to_owned));
        Self {
            process,
            address: address.expect("no address").parse().unwrap(),
            _directory: directory,
        }
    }

    async fn client(&self) -> Client {
        Client::connected(self.address).await
    }

    async fn clients(&self, count: usize) -> Vec<Client> {
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(self.client().await);
        }
        clients
    }

    /// How much more it ever had than `before`. The system counts a little late, and may tell less than it told.
    fn grown_since(&self, before: usize) -> usize {
        self.peak().saturating_sub(before)
    }

    /// The most memory it ever had, in bytes.
    fn peak(&self) -> usize {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kib.parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A batch of one record whose value is `size` zeros.
fn zeros(size: usize, compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    let record = NewRecord {
        timestamp: 1_000,
        key: None,
        value: Some(vec![0; size].into()),
        ..NewRecord::default()
    };
    builder.append(&record).unwrap();
    builder.build().unwrap().unwrap().into_bytes()
}

async fn produce_one(client: &mut Client, records: Bytes) {
    let answer = client.ask(&produce("t", 0, records, 1), 9).await;
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::None);
}

#[tokio::test]
async fn hostile_lengths_take_no_memory() {
    let measured = Measured::start();
    let mut bystander = measured.client().await;
    bystander.ask(&create("t", 1), 7).await;
    let before = measured.peak();
    let announced = i32::try_from(BUDGET).unwrap().to_be_bytes();
    let metadata_of_2_31_topics = [
        &[0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff][..],
        &[0x7f, 0xff, 0xff, 0xff],
    ];
    let mut clients = measured.clients(100).await;
    for client in &mut clients {
        client.send_frame(metadata_of_2_31_topics.concat()).await;
        assert_eq!(client.frame().await, None);
    }
    let mut clients = measured.clients(100).await;
    for client in &mut clients {
        client.send_bytes(&announced).await;
        client.send_bytes(&[0; 8]).await;
    }
    bystander.ask(&fetch("t", 0, 0), 12).await;
    let grown = measured.grown_since(before);
    assert!(grown < 16 * MIB, "{} MiB", grown / MIB);
}

#[tokio::test]
async fn clients_that_do_not_read_their_records_hold_no_more_than_the_budget() {
    const TAIL: usize = 28 * MIB;
    for is_followed in [true, false] {
        let measured = Measured::start();
        let mut client = measured.client().await;
        client.ask(&create("t", 1), 7).await;
        if is_followed {
            // Who reads at the end of a partition has what comes next kept in memory.
            client.ask(&fetch("t", 0, 0), 12).await;
        }
        for _ in 0..TAIL / MIB {
            produce_one(&mut client, zeros(MIB - 1024, Compression::None)).await;
        }
        let mut request = fetch("t", 0, 0);
        request.max_bytes = i32::MAX;
        request.topics[0].partitions[0].partition_max_bytes = i32::MAX;
        let before = measured.peak();
        let mut clients = measured.clients(60).await;
        for client in &mut clients {
            client.send(&request, 12).await;
        }
        for client in &mut clients {
            let (_, fetched) = client.answer::<FetchRequest>(12).await;
            let records = only_partition(fetched).records.unwrap();
            assert!(!records.is_empty());
        }
        // What the allocator keeps of memory given back is not in the budget.
        let grown = measured.grown_since(before);
        assert!(grown < 3 * BUDGET, "{is_followed} {} MiB", grown / MIB);
    }
}

/// Asks for the first record of the topic `t` from `timestamp` on.
fn look_up(timestamp: i64) -> ListOffsetsRequest {
    ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: vec![ListOffsetsPartition {
                partition_index: 0,
                timestamp,
                ..ListOffsetsPartition::default()
            }],
        }],
        ..ListOffsetsRequest::default()
    }
}

#[tokio::test]
async fn look_ups_in_decompression_bombs_unpack_two_at_a_time() {
    const UNPACKED: usize = 48 * MIB;
    let measured = Measured::start();
    let mut client = measured.client().await;
    client.ask(&create("t", 1), 7).await;
    produce_one(&mut client, zeros(UNPACKED, Compression::Zstd)).await;
    let request = look_up(500);
    let before = measured.peak();
    let mut clients = measured.clients(20).await;
    for client in &mut clients {
        client.send(&request, 5).await;
    }
    for client in &mut clients {
        let (_, found) = client.answer::<ListOffsetsRequest>(5).await;
        assert_eq!(found.topics[0].partitions[0].offset, 0);
    }
    let grown = measured.grown_since(before);
    assert!(grown < 3 * UNPACKED, "{} MiB", grown / MIB);
}

/// Mutation: a record that has its headers taken apart when it is read.
#[tokio::test]
async fn a_record_of_many_headers_takes_little_more_than_its_bytes() {
    const HEADERS: usize = 12 << 20;
    let content = record_of_headers(HEADERS);
    let batch = batch_of_one(Compression::Gzip, &content);
    let measured = Measured::start();
    let mut client = measured.client().await;
    client.ask(&create("t", 1), 7).await;
    let mut recompressed = create("recompressed", 1);
    with_config(&mut recompressed, "compression.type", "zstd");
    client.ask(&recompressed, 7).await;
    let before = measured.peak();
    produce_one(&mut client, batch.clone()).await;
    let found = client.ask(&look_up(500), 5).await;
    assert_eq!(found.topics[0].partitions[0].offset, 0);
    let grown = measured.grown_since(before);
    assert!(grown < content.len(), "{} MiB", grown / MIB);
    let answer = client.ask(&produce("recompressed", 0, batch, 1), 9).await;
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::None);
    let grown = measured.grown_since(before);
    assert!(grown < 5 * content.len(), "{} MiB", grown / MIB);
}

/// Requests of few bytes that ask for much: what each is, and its frame.
fn greedy_requests() -> Vec<(&'static str, Vec<u8>)> {
    let name = "x".repeat(32_000);
    let fetch_all = FetchRequest {
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: name.clone(),
            partitions: (0..50_000).map(fetch_partition).collect(),
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    };
    let produce_nothing = ProduceRequest {
        acks: 1,
        topic_data: vec![TopicProduceData {
            name: name.clone(),
            partition_data: (0..10_000).map(produce_partition).collect(),
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    };
    let ends = ListOffsetsRequest {
        topics: vec![ListOffsetsTopic {
            name,
            partitions: (0..20_000).map(end_partition).collect(),
        }],
        ..ListOffsetsRequest::default()
    };
    let configs = DescribeConfigsRequest {
        resources: vec![broker_resource(); 20_000],
        ..DescribeConfigsRequest::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: "g".repeat(30),
        ..OffsetFetchRequestGroup::default()
    };
    let groups = OffsetFetchRequest {
        groups: vec![group; 20_000],
        ..OffsetFetchRequest::default()
    };
    vec![
        ("fetch", frame(&fetch_all, 4)),
        ("produce", frame(&produce_nothing, 8)),
        ("list offsets", frame(&ends, 1)),
        ("describe configs", frame(&configs, 3)),
        ("offset fetch", frame(&groups, 8)),
    ]
}

fn fetch_partition(partition: i32) -> FetchPartition {
    FetchPartition {
        partition,
        ..FetchPartition::default()
    }
}

fn produce_partition(index: i32) -> PartitionProduceData {
    PartitionProduceData {
        index,
        records: None,
    }
}

fn end_partition(partition_index: i32) -> ListOffsetsPartition {
    ListOffsetsPartition {
        partition_index,
        timestamp: -1,
        ..ListOffsetsPartition::default()
    }
}

fn broker_resource() -> DescribeConfigsResource {
    DescribeConfigsResource {
        resource_type: 4,
        resource_name: "1".to_owned(),
        configuration_keys: None,
    }
}

fn frame<R: Request>(request: &R, version: i16) -> Vec<u8> {
    request_frame(request, version, 7, None).unwrap().concat()
}

#[tokio::test]
async fn small_requests_that_ask_for_much_take_little_memory() {
    for (what, frame) in greedy_requests() {
        let measured = Measured::start();
        let mut bystander = measured.client().await;
        bystander.ask(&create("t", 1), 7).await;
        let before = measured.peak();
        // None of them reads what it asked for.
        let mut clients = measured.clients(20).await;
        for client in &mut clients {
            client.send_frame(frame.clone()).await;
        }
        assert_eq!(
            clients[0].frame().await.map(|_answer| ()),
            Some(()),
            "{what}"
        );
        bystander.ask(&fetch("t", 0, 0), 12).await;
        let grown = measured.grown_since(before);
        assert!(grown < 3 * BUDGET, "{what}: {} MiB", grown / MIB);
    }
}

#[tokio::test]
async fn a_request_of_more_elements_than_there_may_be_ends_its_connection() {
    let measured = Measured::start();
    let request = FetchRequest {
        topics: vec![FetchTopic {
            topic: "t".to_owned(),
            partitions: (0..200_000).map(fetch_partition).collect(),
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    };
    let mut client = measured.client().await;
    client.send_frame(frame(&request, 4)).await;
    assert_eq!(client.frame().await, None);
}
