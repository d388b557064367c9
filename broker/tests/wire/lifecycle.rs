//! Start, stop and start again.

use std::time::{Duration, Instant};

use prometheus::Registry;
use sluice_broker::{Broker, Config};
use sluice_protocol::ErrorCode;
use sluice_protocol::messages::fetch::FetchRequest;
use sluice_protocol::messages::join_group::JoinGroupRequest;

use crate::admin::create;
use crate::client::World;
use crate::records::{batch, fetch, produce};

/// More than any stop may need that does not wait for somebody.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    client
        .ask(&produce("t", 0, batch(&["a", "b"]), -1), 9)
        .await;
    let cluster_id = world.broker.cluster_id().to_owned();
    let World {
        broker, directory, ..
    } = world;
    broker.shutdown(SOON).await;
    assert_eq!(client.frame().await, None, "the old connection is closed");

    let world = World::reopened(directory, |_config| ()).await;
    assert_eq!(world.broker.cluster_id(), cluster_id);
    let mut client = world.tcp().await;
    let fetched = client.ask(&fetch("t", 0, 0), 12).await;
    assert_eq!(fetched.responses[0].partitions[0].high_watermark, 2);
}

#[tokio::test]
async fn parked_requests_are_answered_when_the_broker_stops() {
    let world = World::start().await;
    let mut fetcher = world.tcp().await;
    fetcher.ask(&create("t", 1), 7).await;
    let request = FetchRequest {
        max_wait_ms: 600_000,
        min_bytes: 1,
        ..fetch("t", 0, 0)
    };
    fetcher.send(&request, 12).await;
    let mut producer = world.in_process();
    producer.send(&produce("t", 0, batch(&["a"]), -1), 9).await;
    // The connections have taken the requests once this one is answered.
    producer
        .answer::<sluice_protocol::messages::produce::ProduceRequest>(9)
        .await;
    fetcher.answer::<FetchRequest>(12).await;
    let behind = FetchRequest {
        max_wait_ms: 600_000,
        min_bytes: 1,
        ..fetch("t", 0, 1)
    };
    fetcher.send(&behind, 12).await;
    assert!(fetcher.is_silent_for(Duration::from_millis(30)).await);
    let started = Instant::now();
    let World { broker, .. } = world;
    let stop = broker.shutdown(Duration::from_secs(60));
    let answer = async {
        let (_, response) = fetcher.answer::<FetchRequest>(12).await;
        assert_eq!(
            response.responses[0].partitions[0].error_code,
            ErrorCode::None
        );
        assert_eq!(fetcher.frame().await, None);
    };
    tokio::join!(stop, answer);
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[tokio::test]
async fn members_that_wait_for_a_rebalance_are_sent_away_when_the_broker_stops() {
    let world = World::configured(|config| {
        config.groups.initial_rebalance_delay = Duration::from_secs(600);
    })
    .await;
    let mut member = world.tcp().await;
    let request = JoinGroupRequest {
        group_id: "g".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 600_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![Default::default()],
        ..JoinGroupRequest::default()
    };
    member.send(&request, 3).await;
    assert!(member.is_silent_for(Duration::from_millis(50)).await);
    let stop = world.broker.shutdown(Duration::from_secs(60));
    let started = Instant::now();
    let ((), (_, response)) = tokio::join!(stop, member.answer::<JoinGroupRequest>(3));
    assert_eq!(response.error_code, ErrorCode::CoordinatorNotAvailable);
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_stopped_broker_gives_links_that_are_closed() {
    let world = World::start().await;
    let connector = world.broker.connector();
    let World { broker, .. } = world;
    broker.shutdown(SOON).await;
    let mut link = connector.connect();
    assert_eq!(link.responses.recv().await, None);
}

#[tokio::test]
async fn what_hinders_a_start_is_named_and_leaves_nothing_running() {
    let world = World::start().await;
    let taken = world.broker.addresses()[0].to_string();
    let start = async |adjust: &dyn Fn(&mut Config)| {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::for_testing(directory.path());
        adjust(&mut config);
        let started = Broker::start(config, &Registry::new()).await;
        started.err().map(|error| error.to_string()).unwrap()
    };
    let error = start(&|config| config.network.listen = taken.parse().unwrap()).await;
    assert!(
        error.contains("--broker-listen") && error.contains(&taken),
        "{error}"
    );

    let error = start(&|config| config.network.listen = "0.0.0.0:0".parse().unwrap()).await;
    assert!(error.contains("--broker-advertised"), "{error}");

    let directory = world.directory.path().to_owned();
    let error = start(&|config| config.data_dir.clone_from(&directory)).await;
    assert!(error.contains(&directory.display().to_string()), "{error}");
}

#[tokio::test]
async fn localhost_is_served_wherever_clients_look_for_it() {
    let world = World::configured(|config| {
        config.network.listen = "localhost:0".parse().unwrap();
    })
    .await;
    for address in world.broker.addresses() {
        tokio::net::TcpStream::connect(address).await.unwrap();
    }
    let mut client = world.tcp().await;
    let request = sluice_protocol::messages::metadata::MetadataRequest::default();
    let metadata = client.ask(&request, 12).await;
    assert_eq!(metadata.brokers[0].host, "localhost");
}

/// Mutation: a count at the start alone.
#[tokio::test]
async fn a_damaged_extent_that_is_kept_is_counted_until_somebody_removes_it() {
    const METRIC: &str = "sluice_broker_commit_log_damaged_extents";
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("commit-log/damaged/00000001.extent");
    let world = World::reopened(directory, |_config| ()).await;
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::write(&kept, "").unwrap();
    let World {
        broker, directory, ..
    } = world;
    broker.shutdown(SOON).await;

    let often = |config: &mut Config| {
        config.topics.retention_check_interval = Duration::from_millis(10);
    };
    let world = World::reopened(directory, often).await;
    assert_eq!(world.metric(METRIC), 1.0);
    std::fs::remove_file(&kept).unwrap();
    let began = Instant::now();
    while world.metric(METRIC) > 0.0 {
        assert!(began.elapsed() < SOON, "it stays counted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
