//! Whether there is a topic to produce to.
//!
//! A cluster that creates topics automatically answers "unknown" at first, as one does that never
//! will. So the setting is read, once in a while: where topics are created, or that cannot be known,
//! the topic is asked for again for a short time; else the answer is final at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluice_protocol::ErrorCode;
use tokio::time::timeout_at;

use super::ProduceError;
use crate::admin::{Admin, NewTopic};
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::metadata::{Scope, Topic};
use crate::pool::Purpose;

/// How long the cluster's setting is believed.
const SETTING_AGE_MAX: Duration = Duration::from_secs(60);
/// Pause between looks at a topic being created.
const LOOK_INTERVAL: Duration = Duration::from_millis(15);

/// What was last read of `auto.create.topics.enable`.
#[derive(Debug, Default)]
pub(crate) struct AutoCreation(Mutex<Option<(Instant, Option<bool>)>>);

impl AutoCreation {
    fn known(&self) -> Option<Option<bool>> {
        let known = *self.0.lock();
        known.and_then(|(read, setting)| (read.elapsed() < SETTING_AGE_MAX).then_some(setting))
    }
}

impl Cluster {
    /// A topic with partitions, created if the cluster creates topics automatically.
    pub(super) async fn writable_topic(
        self: &Arc<Self>,
        name: &str,
    ) -> Result<Arc<Topic>, ProduceError> {
        if let Some(topic) = self.cached_topic(name).filter(|topic| is_writable(topic)) {
            return Ok(topic);
        }
        let deadline = Instant::now() + self.config().creation_timeout;
        loop {
            let code = match self.look(name).await? {
                Ok(topic) if is_writable(&topic) => return Ok(topic),
                Ok(_) => ErrorCode::LeaderNotAvailable,
                Err(code) => code,
            };
            let passes = code == ErrorCode::LeaderNotAvailable
                || (code == ErrorCode::UnknownTopicOrPartition && self.may_create_topics().await);
            if !passes || Instant::now() + LOOK_INTERVAL >= deadline {
                return Err(self.absent(code, name, deadline).await);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    async fn look(
        self: &Arc<Self>,
        name: &str,
    ) -> Result<Result<Arc<Topic>, ErrorCode>, ClientError> {
        let name: Arc<str> = name.into();
        let scope = || Scope::TopicOrCreate(Arc::clone(&name));
        let answers = self.retry(|| self.refresh(scope())).await?;
        let answer = answers.get(&name).cloned();
        Ok(answer.unwrap_or(Err(ErrorCode::UnknownTopicOrPartition)))
    }

    /// Why there is no topic to produce to. Whoever waits for it does not wait beyond `deadline` for the words.
    async fn absent(
        self: &Arc<Self>,
        code: ErrorCode,
        name: &str,
        deadline: Instant,
    ) -> ProduceError {
        if code == ErrorCode::UnknownTopicOrPartition {
            let topic = name.to_owned();
            return ProduceError::UnknownTopic { topic };
        }
        if !is_of_creation(code) {
            return ProduceError::refused(code, None);
        }
        let why = timeout_at(deadline.into(), self.why_not_created(code, name));
        ProduceError::refused(code, why.await.unwrap_or(None))
    }

    /// What the broker says that would have to create the topic: an answer that tells of a topic has a code alone.
    async fn why_not_created(self: &Arc<Self>, refused: ErrorCode, name: &str) -> Option<String> {
        let topic = NewTopic {
            name: name.to_owned(),
            ..NewTopic::default()
        };
        let admin = Admin::new(Arc::clone(self), Purpose::Discovery);
        let checked = admin.create_topics(vec![topic], true).await.pop();
        match checked {
            Some((_, Err(ClientError::Kafka { code, message }))) if code == refused => message,
            _ => None,
        }
    }

    async fn may_create_topics(self: &Arc<Self>) -> bool {
        if let Some(setting) = self.auto_creation().known() {
            return setting.unwrap_or(true);
        }
        let admin = Admin::new(Arc::clone(self), Purpose::Discovery);
        let setting = admin.creates_topics().await;
        *self.auto_creation().0.lock() = Some((Instant::now(), setting));
        setting.unwrap_or(true)
    }
}

/// Whether a code may be what became of a creation, so that asking for another tells more: a topic without a leader
/// is there, and who may not write to one is not told of it either.
const fn is_of_creation(code: ErrorCode) -> bool {
    !matches!(
        code,
        ErrorCode::LeaderNotAvailable
            | ErrorCode::TopicAuthorizationFailed
            | ErrorCode::ClusterAuthorizationFailed
    )
}

fn is_writable(topic: &Topic) -> bool {
    let mut partitions = topic.partitions.iter();
    partitions.any(|partition| partition.leader.is_some())
}
