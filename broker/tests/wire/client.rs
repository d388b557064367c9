//! A client that says exactly what a test tells it to, over either link.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use prometheus::Registry;
use sluice_broker::{Broker, Config, InProcessLink};
use sluice_protocol::header::{decode_response_header, request_frame};
use sluice_protocol::messages::{Message, Request};
use sluice_protocol::wire::Reader;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A broker of its own, in a directory of its own.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) registry: Registry,
    pub(crate) directory: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::configured(|_config| ()).await
    }

    pub(crate) async fn configured(adjust: impl FnOnce(&mut Config)) -> Self {
        Self::reopened(tempfile::tempdir().unwrap(), adjust).await
    }

    pub(crate) async fn reopened(directory: TempDir, adjust: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::for_testing(directory.path());
        adjust(&mut config);
        let registry = Registry::new();
        let broker = Broker::start(config, &registry).await.unwrap();
        Self {
            broker,
            registry,
            directory,
        }
    }

    /// A client over each kind of link, with the name of the link.
    pub(crate) async fn clients(&self) -> [(&'static str, Client); 2] {
        [("tcp", self.tcp().await), ("in-process", self.in_process())]
    }

    pub(crate) async fn tcp(&self) -> Client {
        Client::connected(self.broker.addresses()[0]).await
    }

    pub(crate) fn in_process(&self) -> Client {
        Client::new(Link::InProcess(self.broker.connector().connect()))
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
        let value = |metric: &prometheus::proto::Metric| {
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        metrics.iter().map(value).sum()
    }

    /// The observations of a histogram, over its labels.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
        let count = |metric: &prometheus::proto::Metric| metric.get_histogram().get_sample_count();
        metrics.iter().map(count).sum()
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect(what);
}

enum Link {
    Tcp(TcpStream),
    InProcess(InProcessLink),
}

/// One connection.
pub(crate) struct Client {
    link: Link,
    correlation_id: i32,
}

impl Client {
    /// A client over TCP.
    pub(crate) async fn connected(address: SocketAddr) -> Self {
        Self::new(Link::Tcp(TcpStream::connect(address).await.unwrap()))
    }

    fn new(link: Link) -> Self {
        let correlation_id = 0;
        Self {
            link,
            correlation_id,
        }
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        let correlation_id = self.send(request, version).await;
        let (answered, response) = self.answer::<R>(version).await;
        assert_eq!(answered, correlation_id);
        response
    }

    /// Sends a request, and returns its correlation id.
    pub(crate) async fn send<R: Request>(&mut self, request: &R, version: i16) -> i32 {
        self.correlation_id += 1;
        let name = Some("wire-test");
        let frame = request_frame(request, version, self.correlation_id, name).unwrap();
        self.send_frame(frame.concat()).await;
        self.correlation_id
    }

    /// Takes the next answer, with its correlation id.
    pub(crate) async fn answer<R: Request>(&mut self, version: i16) -> (i32, R::Response) {
        let frame = self.frame().await.expect("the connection was closed");
        let mut reader = Reader::new(frame);
        let correlation_id = decode_response_header(&mut reader, R::API, version).unwrap();
        let version = R::Response::version(version).unwrap();
        let response = sluice_protocol::wire::Wire::decode(&mut reader, version).unwrap();
        reader.finish().unwrap();
        (correlation_id, response)
    }

    /// Sends the bytes of one frame. Whether anybody reads them is not known here.
    pub(crate) async fn send_frame(&mut self, frame: Vec<u8>) {
        match &mut self.link {
            Link::Tcp(stream) => {
                let length = i32::try_from(frame.len()).unwrap();
                let bytes = [&length.to_be_bytes(), frame.as_slice()].concat();
                drop(stream.write_all(&bytes).await);
            }
            Link::InProcess(link) => {
                // In pieces, as a client may have it.
                let chunks = frame.chunks(5).map(Bytes::copy_from_slice).collect();
                drop(link.requests.send(chunks).await);
            }
        }
    }

    /// Sends bytes as they are, where the link has bytes.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let Link::Tcp(stream) = &mut self.link else {
            panic!("an in-process link carries frames");
        };
        drop(stream.write_all(bytes).await);
    }

    /// The next frame, or `None` once the broker closed the connection.
    pub(crate) async fn frame(&mut self) -> Option<Bytes> {
        timeout(PATIENCE, self.next_frame())
            .await
            .expect("neither an answer nor an end")
    }

    async fn next_frame(&mut self) -> Option<Bytes> {
        match &mut self.link {
            Link::Tcp(stream) => {
                let length = stream.read_i32().await.ok()?;
                let mut frame = vec![0; usize::try_from(length).unwrap()];
                stream.read_exact(&mut frame).await.ok()?;
                Some(frame.into())
            }
            Link::InProcess(link) => Some(link.responses.recv().await?.concat().into()),
        }
    }

    /// The next frame, or `None` once the connection is closed or `patience` is over.
    pub(crate) async fn frame_within(&mut self, patience: Duration) -> Option<Bytes> {
        timeout(patience, self.next_frame()).await.ok().flatten()
    }

    /// Whether no answer comes within `wait`.
    pub(crate) async fn is_silent_for(&mut self, wait: Duration) -> bool {
        timeout(wait, self.next_frame()).await.is_err()
    }
}
