//! The cluster under test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use sluice_client::admin::NewTopic;
use sluice_client::{Client, Config, TcpDial};
use tokio::runtime::Handle;

/// A client of the cluster under test.
pub(crate) fn client() -> Client {
    let bootstrap = std::env::var("KAFKA_BOOTSTRAP").expect("set KAFKA_BOOTSTRAP to host:port");
    let config = Config::new(vec![bootstrap.parse().unwrap()]);
    Client::new(config, Arc::new(TcpDial), Handle::current())
}

/// A name nobody else uses.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let nanos = UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{name}-{}-{nanos:x}-{number}", std::process::id())
}

/// A new topic.
pub(crate) async fn topic(client: &Client, partitions: i32) -> String {
    let name = unique("topic");
    let topic = NewTopic {
        name: name.clone(),
        partitions: Some(partitions),
        ..NewTopic::default()
    };
    let created = client.admin().create_topics(vec![topic], false).await;
    created[0].1.clone().unwrap();
    name
}

/// What `look` finds, looking again for up to ten seconds.
pub(crate) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen within 10 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
