//! Which broker coordinates a group.
//!
//! Looked up many groups at a time where the cluster can (KIP-699, Kafka 3.0), one by one where it
//! cannot; remembered until a broker says that it is another one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use sluice_protocol::ErrorCode;
use sluice_protocol::messages::find_coordinator::{
    FindCoordinatorRequest, FindCoordinatorResponse,
};

use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::pool::Purpose;

/// Groups remembered; beyond it all are forgotten and looked up again when needed.
const REMEMBERED_MAX: usize = 200_000;
/// Groups asked for in one request.
const KEYS_PER_REQUEST: usize = 1_000;
/// The first version that asks for many groups.
const FIRST_BATCHED: i16 = 4;

/// The coordinators that were found.
#[derive(Debug, Default)]
pub(crate) struct Coordinators(RwLock<HashMap<Arc<str>, i32>>);

impl Coordinators {
    fn known(&self, group: &str) -> Option<i32> {
        self.0.read().get(group).copied()
    }

    /// Remembers the coordinator of a group.
    pub(crate) fn remember(&self, group: &str, broker: i32) {
        if self.known(group) == Some(broker) {
            return;
        }
        let mut known = self.0.write();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(group.into(), broker);
    }

    /// Forgets the coordinator of a group.
    pub(crate) fn forget(&self, group: &str) {
        self.0.write().remove(group);
    }
}

/// Whether the group has another coordinator than the one asked, or none for now.
pub(crate) const fn tells_of_another_coordinator(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Kafka {
            code: ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable,
            ..
        } | ClientError::Unreachable { .. }
            | ClientError::Disconnected { .. }
            | ClientError::TimedOut { .. }
            | ClientError::UnknownBroker { .. }
    )
}

impl Cluster {
    /// The coordinator of a group.
    pub(crate) async fn coordinator(self: &Arc<Self>, group: &str) -> Result<i32, ClientError> {
        if let Some(broker) = self.coordinators().known(group) {
            return Ok(broker);
        }
        let request = request(&[group]);
        let response = self.call_any(Purpose::Discovery, &request).await?;
        let found = found(response, group).into_iter().next();
        let (_, broker) = found.unwrap_or_else(|| {
            let missing = ClientError::kafka(ErrorCode::CoordinatorNotAvailable);
            (group.to_owned(), Err(missing))
        });
        let broker = broker?;
        self.coordinators().remember(group, broker);
        Ok(broker)
    }

    /// The coordinators of many groups, each with its own result.
    pub(crate) async fn coordinators_of(
        self: &Arc<Self>,
        groups: &[&str],
    ) -> HashMap<String, Result<i32, ClientError>> {
        let mut all = HashMap::with_capacity(groups.len());
        let mut unknown = Vec::new();
        for group in groups {
            match self.coordinators().known(group) {
                Some(broker) => drop(all.insert((*group).to_owned(), Ok(broker))),
                None => unknown.push(*group),
            }
        }
        for chunk in unknown.chunks(KEYS_PER_REQUEST) {
            let answers = self.find(chunk).await;
            for (group, broker) in answers {
                if let Ok(broker) = broker {
                    self.coordinators().remember(&group, broker);
                }
                all.insert(group, broker);
            }
        }
        all
    }

    async fn find(self: &Arc<Self>, groups: &[&str]) -> Vec<(String, Result<i32, ClientError>)> {
        let request = FindCoordinatorRequest {
            coordinator_keys: groups.iter().map(|&group| group.to_owned()).collect(),
            ..FindCoordinatorRequest::default()
        };
        let wanted = FIRST_BATCHED..=i16::MAX;
        let called = self.call_any_in(Purpose::Discovery, &request, wanted);
        match called.await {
            Ok(response) => found(response, ""),
            Err(ClientError::Unsupported { .. }) => {
                let mut answers = Vec::with_capacity(groups.len());
                for group in groups {
                    answers.push(((*group).to_owned(), self.coordinator(group).await));
                }
                answers
            }
            Err(error) => {
                let failed = groups.iter();
                failed
                    .map(|&group| (group.to_owned(), Err(error.clone())))
                    .collect()
            }
        }
    }
}

/// A request for one group, in the form of every version.
fn request(groups: &[&str]) -> FindCoordinatorRequest {
    FindCoordinatorRequest {
        key: groups.first().copied().unwrap_or_default().to_owned(),
        coordinator_keys: groups.iter().map(|&group| group.to_owned()).collect(),
        ..FindCoordinatorRequest::default()
    }
}

/// What an answer says, in the old form or the new one. `asked` is the group of the old form.
fn found(
    response: FindCoordinatorResponse,
    asked: &str,
) -> Vec<(String, Result<i32, ClientError>)> {
    if response.coordinators.is_empty() {
        let checked = ClientError::check(response.error_code, response.error_message);
        return vec![(asked.to_owned(), checked.map(|()| response.node_id))];
    }
    let rows = response.coordinators.into_iter().map(|row| {
        let checked = ClientError::check(row.error_code, row.error_message);
        (row.key, checked.map(|()| row.node_id))
    });
    rows.collect()
}
