//! The cluster under test.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use sluice_broker::{Broker, Connector};
use sluice_client::admin::NewTopic;
use sluice_client::{Address, Client, Config, Connection, Dial, Dialing, TcpDial};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// A client of the cluster under test, and the cluster where it is the bundled one.
#[derive(Debug)]
pub(crate) struct World {
    client: Client,
    _broker: Option<(Broker, TempDir)>,
}

impl Deref for World {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Reaches the bundled broker without a socket.
#[derive(Debug)]
struct InProcess(Connector);

impl Dial for InProcess {
    fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
        Box::pin(async {
            let link = self.0.connect();
            Ok(Connection::Frames {
                requests: link.requests,
                responses: link.responses,
            })
        })
    }
}

/// A client of the cluster that `KAFKA_BOOTSTRAP` names, or of a bundled broker of its own.
pub(crate) async fn client() -> World {
    if let Ok(bootstrap) = std::env::var("KAFKA_BOOTSTRAP") {
        let config = Config::new(vec![bootstrap.parse().unwrap()]);
        return World {
            client: Client::new(config, Arc::new(TcpDial), Handle::current()),
            _broker: None,
        };
    }
    bundled(|_| ()).await
}

/// A client of a bundled broker of its own, with other settings than those for tests.
pub(crate) async fn bundled(change: impl FnOnce(&mut sluice_broker::Config)) -> World {
    let directory = TempDir::new().unwrap();
    let mut settings = sluice_broker::Config::for_testing(directory.path());
    change(&mut settings);
    let broker = Broker::start(settings, &prometheus::Registry::new())
        .await
        .unwrap();
    let address = broker.addresses()[0].to_string().parse().unwrap();
    let dial = InProcess(broker.connector());
    World {
        client: Client::new(
            Config::new(vec![address]),
            Arc::new(dial),
            Handle::current(),
        ),
        _broker: Some((broker, directory)),
    }
}

/// A name nobody else uses.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let nanos = UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{name}-{}-{nanos:x}-{number}", std::process::id())
}

/// A new topic, which every part of the cluster knows: a cluster is told of it a little later than its creator.
pub(crate) async fn topic(client: &Client, partitions: i32) -> String {
    let name = unique("topic");
    let topic = NewTopic {
        name: name.clone(),
        partitions: Some(partitions),
        ..NewTopic::default()
    };
    let created = client.admin().create_topics(vec![topic], false).await;
    created[0].1.clone().unwrap();
    until(async || client.admin().describe_topic(&name).await.ok()).await;
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
