//! Clusters that do what a test says, to meet what a healthy one does not.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sluice_client::{Address, ApiKey, Client, Config, Connection, Dial, Dialing};
use sluice_protocol::header::RequestHeader;
use sluice_protocol::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use sluice_protocol::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use sluice_protocol::messages::{AnyRequest, AnyResponse};
use sluice_protocol::wire::Reader;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// What a broker does about a request.
pub(crate) enum Reaction {
    Answer(AnyResponse),
    /// Close the connection.
    HangUp,
    /// Never answer this request, nor any behind it.
    Park,
}

type React = dyn Fn(i32, AnyRequest) -> Reaction + Send + Sync;

/// A cluster of the brokers 1 and 2.
#[derive(Clone)]
pub(crate) struct Cluster {
    react: Arc<React>,
    ceilings: Arc<HashMap<ApiKey, i16>>,
    asked: Arc<Mutex<Vec<(i32, ApiKey)>>>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cluster")
    }
}

impl Cluster {
    /// A cluster that reacts as told; `ceilings` are versions its brokers stop at.
    pub(crate) fn new(
        ceilings: &[(ApiKey, i16)],
        react: impl Fn(i32, AnyRequest) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        Self {
            react: Arc::new(react),
            ceilings: Arc::new(ceilings.iter().copied().collect()),
            asked: Arc::default(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        let config = Config::new(vec!["1:9092".parse().unwrap()]);
        Client::new(config, Arc::new(self.clone()), Handle::current())
    }

    /// How many requests of an API a broker got.
    pub(crate) fn count(&self, broker: i32, api: ApiKey) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|row| **row == (broker, api)).count()
    }

    fn react(&self, broker: i32, api: ApiKey, version: i16, body: Bytes) -> Reaction {
        if api == ApiKey::ApiVersions {
            return Reaction::Answer(AnyResponse::ApiVersions(self.versions()));
        }
        self.asked.lock().unwrap().push((broker, api));
        let request = AnyRequest::from_bytes(api, version, body).unwrap();
        (self.react)(broker, request)
    }

    fn versions(&self) -> ApiVersionsResponse {
        let rows = ApiKey::ALL.iter().map(|api| {
            let known: RangeInclusive<i16> = api.versions();
            let ceiling = self.ceilings.get(api).unwrap_or_else(|| known.end());
            ApiVersion {
                api_key: api.key(),
                min_version: *known.start(),
                max_version: *ceiling,
            }
        });
        ApiVersionsResponse {
            api_keys: rows.collect(),
            ..ApiVersionsResponse::default()
        }
    }

    async fn serve(
        self,
        broker: i32,
        mut requests: mpsc::Receiver<Vec<Bytes>>,
        responses: mpsc::Sender<Vec<Bytes>>,
    ) {
        while let Some(request) = requests.recv().await {
            let mut reader = Reader::from_chunks(request);
            let header = RequestHeader::decode(&mut reader).unwrap();
            let api = ApiKey::try_from(header.api_key).unwrap();
            let version = header.api_version;
            let response = match self.react(broker, api, version, reader.rest().unwrap()) {
                Reaction::Answer(response) => response,
                Reaction::HangUp => return,
                Reaction::Park => std::future::pending().await,
            };
            let mut head = header.correlation_id.to_be_bytes().to_vec();
            if api != ApiKey::ApiVersions && api.is_flexible(version) {
                head.push(0);
            }
            let frame = vec![head.into(), response.to_bytes(version).unwrap()];
            if responses.send(frame).await.is_err() {
                return;
            }
        }
    }
}

impl Dial for Cluster {
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a> {
        let broker = address.host.parse().unwrap();
        let (requests, taken) = mpsc::channel(16);
        let (answers, responses) = mpsc::channel(16);
        tokio::spawn(self.clone().serve(broker, taken, answers));
        Box::pin(async {
            Ok(Connection::Frames {
                requests,
                responses,
            })
        })
    }
}

/// Metadata of the topic `t` with one partition, led by `leader` in `epoch`.
pub(crate) fn led_by(leader: i32, epoch: i32) -> Reaction {
    let brokers = [1, 2].map(|node_id| MetadataResponseBroker {
        node_id,
        host: node_id.to_string(),
        port: 9092,
        rack: None,
    });
    let partition = MetadataResponsePartition {
        leader_id: leader,
        leader_epoch: epoch,
        ..MetadataResponsePartition::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("t".to_owned()),
        partitions: vec![partition],
        ..MetadataResponseTopic::default()
    };
    Reaction::Answer(AnyResponse::Metadata(MetadataResponse {
        brokers: brokers.into(),
        controller_id: 1,
        topics: vec![topic],
        ..MetadataResponse::default()
    }))
}
