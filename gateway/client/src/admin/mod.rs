//! Administration: topics, configs, groups, records, brokers.
//!
//! Every operation on several items has a result per item: one item that is refused does not fail its
//! neighbours, and an error of the whole request is the error of each item. Retriable refusals are
//! retried until the operation's time is over.

mod brokers;
mod configs;
mod groups;
mod records;
mod topics;

use std::sync::Arc;
use std::time::Instant;

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::Request;

pub use brokers::{LogDir, ReplicaSize};
pub use configs::{
    Config, ConfigChange, ConfigOperation, ConfigQuery, ConfigResource, ConfigSource,
    ConfigSynonym, ConfigType,
};
pub use groups::{GroupDescription, GroupListing, GroupListings, MemberDescription};
pub use topics::{CreatedTopic, NewPartitions, NewTopic};

use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::pool::Purpose;

/// Items and their results, in the order asked.
pub type ItemResults<K, T> = Vec<(K, Result<T, ClientError>)>;

/// Administration of a cluster.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Arc<Cluster>,
    purpose: Purpose,
}

impl Admin {
    pub(crate) const fn new(cluster: Arc<Cluster>, purpose: Purpose) -> Self {
        Self { cluster, purpose }
    }

    /// Asks the controller until it is the controller that answers. `codes` are the errors of the
    /// items: they tell of a controller that moved.
    async fn call_controller<R: Request>(
        &self,
        request: &R,
        codes: impl Fn(&R::Response) -> Vec<ErrorCode>,
    ) -> Result<R::Response, ClientError> {
        let attempt = || async {
            let controller = self.cluster.controller().await?;
            let response = self.cluster.call(controller, self.purpose, request).await?;
            if codes(&response).contains(&ErrorCode::NotController) {
                return Err(ClientError::kafka(ErrorCode::NotController));
            }
            Ok(response)
        };
        self.cluster.retry(attempt).await
    }

    fn deadline(&self) -> Instant {
        self.cluster.deadline()
    }

    /// What a broker is told to allow itself, in milliseconds.
    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.cluster.config().request_timeout.as_millis()).unwrap_or(i32::MAX)
    }
}

/// The results of `items`, each taken off `answers`, or the error of all.
fn matched<K, T>(
    items: Vec<K>,
    answers: Result<Vec<Result<T, ClientError>>, ClientError>,
) -> ItemResults<K, T> {
    match answers {
        Ok(answers) => items.into_iter().zip(answers).collect(),
        Err(error) => {
            let failed = items.into_iter();
            failed.map(|item| (item, Err(error.clone()))).collect()
        }
    }
}
