use sluice_protocol::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use sluice_protocol::wire::Wire as _;

use super::*;

/// Hands out the broker's end of every connection dialed.
#[derive(Debug)]
struct ManualDial(mpsc::Sender<Broker>);

#[derive(Debug)]
struct Broker {
    requests: mpsc::Receiver<Vec<Bytes>>,
    responses: mpsc::Sender<Vec<Bytes>>,
}

impl Dial for ManualDial {
    fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
        Box::pin(async move {
            let (requests, broker_requests) = mpsc::channel(16);
            let (broker_responses, responses) = mpsc::channel(16);
            let broker = Broker {
                requests: broker_requests,
                responses: broker_responses,
            };
            self.0.send(broker).await.unwrap();
            Ok(Connection::Frames {
                requests,
                responses,
            })
        })
    }
}

impl Broker {
    /// Takes a request and answers its correlation id and version.
    async fn take(&mut self) -> (i32, i16) {
        let mut reader = Reader::from_chunks(self.requests.recv().await.unwrap());
        let header = header::RequestHeader::decode(&mut reader).unwrap();
        (header.correlation_id, header.api_version)
    }

    async fn answer(&self, (correlation_id, version): (i32, i16)) {
        let response = ApiVersionsResponse {
            api_keys: vec![ApiVersion {
                api_key: 18,
                min_version: 0,
                max_version: 4,
            }],
            throttle_time_ms: correlation_id,
            ..ApiVersionsResponse::default()
        };
        let frame = header::response_frame(&response, version, correlation_id).unwrap();
        self.responses.send(frame).await.unwrap();
    }
}

async fn linked() -> (Link, Broker) {
    linked_observed(None).await
}

async fn linked_observed(observed: Option<Observed>) -> (Link, Broker) {
    let (dialed, mut brokers) = mpsc::channel(1);
    let config = LinkConfig {
        client_id: "test".into(),
        connect_timeout: Duration::from_secs(5),
        frame_bytes_max: 1 << 20,
        observed,
    };
    let address = "broker:1".parse().unwrap();
    let dial = ManualDial(dialed);
    let serving = async {
        let mut broker = brokers.recv().await.unwrap();
        let asked = broker.take().await;
        broker.answer(asked).await;
        broker
    };
    let (link, broker) = tokio::join!(Link::open(&dial, &address, &config), serving);
    (link.unwrap(), broker)
}

const TIMEOUT: Duration = Duration::from_secs(10);

async fn submitted(link: &Link) -> Pending<ApiVersionsRequest> {
    let request = ApiVersionsRequest::default();
    link.submit(&request, 4, TIMEOUT).await.unwrap()
}

#[tokio::test]
async fn pipelined_answers_reach_their_requests() {
    let (link, mut broker) = linked().await;
    let (first, second) = (submitted(&link).await, submitted(&link).await);
    let (one, two) = (broker.take().await, broker.take().await);
    broker.answer(one).await;
    broker.answer(two).await;
    assert_eq!(first.await.unwrap().throttle_time_ms, one.0);
    assert_eq!(second.await.unwrap().throttle_time_ms, two.0);
    assert_eq!(link.in_flight(), 0);
}

#[tokio::test]
async fn an_answer_nobody_awaits_any_more_does_no_harm() {
    let (link, mut broker) = linked().await;
    drop(submitted(&link).await);
    let kept = submitted(&link).await;
    let (one, two) = (broker.take().await, broker.take().await);
    broker.answer(one).await;
    broker.answer(two).await;
    assert_eq!(kept.await.unwrap().throttle_time_ms, two.0);
}

#[tokio::test]
async fn an_answer_out_of_order_ends_the_link() {
    let (link, mut broker) = linked().await;
    let first = submitted(&link).await;
    let (correlation_id, version) = broker.take().await;
    broker.answer((correlation_id + 1, version)).await;
    let error = first.await.unwrap_err();
    assert!(matches!(error, ClientError::Disconnected { .. }), "{error}");
    assert!(!link.is_open());
}

#[tokio::test]
async fn requests_sent_and_unsent_are_told_apart_when_the_link_ends() {
    let (link, mut broker) = linked().await;
    let sent = submitted(&link).await;
    broker.take().await;
    drop(broker);
    let error = sent.await.unwrap_err();
    assert!(error.may_have_happened(), "{error}");
    let error = link.call(&ApiVersionsRequest::default(), TIMEOUT).await;
    let error = error.unwrap_err();
    assert!(!error.may_have_happened(), "{error}");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_ends_the_link_at_its_deadline() {
    let (link, _broker) = linked().await;
    let request = ApiVersionsRequest::default();
    let patience = Duration::from_millis(1);
    let error = link.call(&request, patience).await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    assert!(!link.is_open());
}

#[tokio::test]
async fn a_frame_that_makes_no_sense_is_an_error_of_its_request() {
    let (link, mut broker) = linked().await;
    let pending = submitted(&link).await;
    let (correlation_id, _) = broker.take().await;
    let mut writer = sluice_protocol::wire::Writer::new();
    let version = sluice_protocol::wire::Version::new(0, 1);
    correlation_id.encode(&mut writer, version);
    broker
        .responses
        .send(writer.finish().unwrap())
        .await
        .unwrap();
    let error = pending.await.unwrap_err();
    assert!(matches!(error, ClientError::Malformed { .. }), "{error}");
}

#[derive(Debug, Default)]
struct Told(parking_lot::Mutex<Vec<(&'static str, Option<i32>)>>);

impl crate::observer::Observer for Told {
    fn sent(&self, api: &'static str) {
        self.0.lock().push((api, None));
    }

    fn answered(&self, broker: Option<i32>, api: &'static str, _elapsed: Duration) {
        self.0.lock().push((api, broker));
    }
}

#[tokio::test]
async fn an_observer_is_told_of_requests_and_of_those_answered() {
    let told = Arc::new(Told::default());
    let observer: Arc<dyn crate::observer::Observer> = Arc::<Told>::clone(&told);
    let broker = Some(7);
    let (link, mut broker) = linked_observed(Some(Observed { observer, broker })).await;
    let answered = submitted(&link).await;
    let asked = broker.take().await;
    broker.answer(asked).await;
    answered.await.unwrap();
    let _unanswered = submitted(&link).await;
    broker.take().await;
    let (sent, answered) = (("ApiVersions", None), ("ApiVersions", Some(7)));
    assert_eq!(*told.0.lock(), [sent, answered, sent, answered, sent]);
}
