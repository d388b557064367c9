//! Asking the cluster for metadata, once for all who ask at the same time.
//!
//! What is asked for while an answer is on its way is gathered into the next request. So a
//! thousand callers that lose a leader together cost two requests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use sluice_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use tokio::sync::oneshot;

use super::TopicAnswers;
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::pool::Purpose;

/// What a refresh is to learn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Brokers and controller only.
    Cluster,
    /// One topic, which is not created if it is missing.
    Topic(Arc<str>),
    /// One topic, created if it is missing and the cluster creates topics automatically.
    TopicOrCreate(Arc<str>),
    /// Several topics, none of them created.
    Topics(Vec<Arc<str>>),
    /// Every topic.
    All,
}

/// What a refresh learned of topics; may hold more than was asked for.
pub(crate) type Refreshed = Result<Arc<TopicAnswers>, ClientError>;

/// Gathers what is asked for.
#[derive(Debug, Default)]
pub(crate) struct Refresher(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_running: bool,
    round: Round,
}

/// The questions of one round, and who asked them.
#[derive(Debug, Default)]
struct Round {
    all: bool,
    named: BTreeSet<Arc<str>>,
    created: BTreeSet<Arc<str>>,
    askers: Vec<oneshot::Sender<Refreshed>>,
}

impl Round {
    fn add(&mut self, scope: Scope, asker: oneshot::Sender<Refreshed>) {
        match scope {
            Scope::Cluster => {}
            Scope::Topic(name) => drop(self.named.insert(name)),
            Scope::TopicOrCreate(name) => drop(self.created.insert(name)),
            Scope::Topics(names) => self.named.extend(names),
            Scope::All => self.all = true,
        }
        self.askers.push(asker);
    }

    /// The requests of this round: what may create topics is asked apart.
    fn requests(&self) -> Vec<MetadataRequest> {
        let request = |names: Option<&BTreeSet<Arc<str>>>, allow_auto_topic_creation| {
            let topics = names.map(|names| {
                let topics = names.iter().map(|name| MetadataRequestTopic {
                    name: Some(name.to_string()),
                    ..MetadataRequestTopic::default()
                });
                topics.collect()
            });
            MetadataRequest {
                topics,
                allow_auto_topic_creation,
                ..MetadataRequest::default()
            }
        };
        let mut requests = Vec::new();
        if !self.created.is_empty() {
            requests.push(request(Some(&self.created), true));
        }
        if self.all {
            requests.push(request(None, false));
        } else if !self.named.is_empty() || requests.is_empty() {
            requests.push(request(Some(&self.named), false));
        }
        requests
    }
}

impl Refresher {
    /// Asks the cluster, together with everybody who asks before the next request leaves.
    pub(crate) async fn refresh(&self, cluster: &Arc<Cluster>, scope: Scope) -> Refreshed {
        let (asker, answer) = oneshot::channel();
        let starts = {
            let mut state = self.0.lock();
            state.round.add(scope, asker);
            !std::mem::replace(&mut state.is_running, true)
        };
        if starts {
            let cluster = Arc::clone(cluster);
            cluster.runtime().clone().spawn(run(cluster));
        }
        answer.await.unwrap_or(Err(ClientError::Closed))
    }

    /// Takes the questions gathered, or stops the running where there are none.
    fn take(&self) -> Option<Round> {
        let mut state = self.0.lock();
        let round = std::mem::take(&mut state.round);
        state.is_running = !round.askers.is_empty();
        state.is_running.then_some(round)
    }
}

async fn run(cluster: Arc<Cluster>) {
    while let Some(round) = cluster.refresher().take() {
        let answers = ask(&cluster, &round).await.map(Arc::new);
        for asker in round.askers {
            // The asker may have gone; then nobody wants the answer.
            drop(asker.send(answers.clone()));
        }
    }
}

async fn ask(cluster: &Arc<Cluster>, round: &Round) -> Result<TopicAnswers, ClientError> {
    let mut answers = TopicAnswers::new();
    for request in round.requests() {
        let response = cluster.call_any(Purpose::Discovery, &request).await?;
        ClientError::check(response.error_code, None)?;
        let is_complete = request.topics.is_none();
        let now = Instant::now();
        answers.extend(cluster.metadata().apply(response, is_complete, now));
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(scopes: Vec<Scope>) -> Vec<(Option<usize>, bool)> {
        let mut round = Round::default();
        for scope in scopes {
            round.add(scope, oneshot::channel().0);
        }
        let requests = round.requests().into_iter().map(|request| {
            let names = request.topics.map(|topics| topics.len());
            (names, request.allow_auto_topic_creation)
        });
        requests.collect()
    }

    #[test]
    fn questions_of_one_round_share_a_request() {
        let topic = |name: &str| Scope::Topic(name.into());
        assert_eq!(round(vec![Scope::Cluster]), [(Some(0), false)]);
        let asked = vec![topic("a"), topic("b"), topic("a"), Scope::Cluster];
        assert_eq!(round(asked), [(Some(2), false)]);
        let asked = vec![topic("a"), Scope::All, Scope::Topics(vec!["b".into()])];
        assert_eq!(round(asked), [(None, false)]);
    }

    #[test]
    fn only_a_topic_asked_for_creation_may_be_created() {
        let create = Scope::TopicOrCreate("new".into());
        assert_eq!(round(vec![create.clone()]), [(Some(1), true)]);
        let asked = vec![create, Scope::Topic("a".into())];
        assert_eq!(round(asked), [(Some(1), true), (Some(1), false)]);
    }
}
