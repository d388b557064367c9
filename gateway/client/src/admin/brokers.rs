//! The cluster itself, and the space its brokers use.

use std::sync::Arc;

use futures_util::future::join_all;
use sluice_protocol::messages::describe_log_dirs::{DescribeLogDirsRequest, DescribeLogDirsResult};

use super::{Admin, ItemResults};
use crate::error::ClientError;
use crate::metadata::{ClusterInfo, Scope};
use crate::model::TopicPartition;

/// A directory in which a broker keeps partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDir {
    /// Absolute path on the broker's machine.
    pub path: String,
    /// Bytes of the volume, where the broker tells.
    pub total_bytes: Option<i64>,
    /// Bytes free on the volume, where the broker tells.
    pub usable_bytes: Option<i64>,
    /// The replicas in it.
    pub replicas: Vec<ReplicaSize>,
}

/// The space one replica takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSize {
    /// The partition.
    pub partition: TopicPartition,
    /// Bytes of its segments.
    pub size_bytes: i64,
    /// Records the log end is ahead of the high watermark, or a future replica behind.
    pub offset_lag: i64,
    /// Whether it is a replica being moved here.
    pub is_future: bool,
}

impl Admin {
    /// Brokers, controller and id of the cluster, asked for anew.
    ///
    /// # Errors
    /// [`ClientError`] of the request.
    pub async fn describe_cluster(&self) -> Result<Arc<ClusterInfo>, ClientError> {
        self.cluster.refresh(Scope::Cluster).await?;
        Ok(self.cluster.metadata().cluster())
    }

    /// The directories of brokers, with the space every replica takes. A directory that is offline
    /// gives its error: it fails its broker's item.
    pub async fn log_dirs(&self, brokers: Vec<i32>) -> ItemResults<i32, Vec<LogDir>> {
        let asked = brokers.into_iter().map(|broker| async move {
            let attempt = || async {
                let request = DescribeLogDirsRequest { topics: None };
                let response = self.cluster.call(broker, self.purpose, &request).await?;
                ClientError::check(response.error_code, None)?;
                response.results.into_iter().map(log_dir).collect()
            };
            (broker, self.cluster.retry(attempt).await)
        });
        join_all(asked).await
    }
}

fn log_dir(row: DescribeLogDirsResult) -> Result<LogDir, ClientError> {
    ClientError::check(row.error_code, None)?;
    let known = |bytes: i64| Some(bytes).filter(|bytes| *bytes >= 0);
    let mut replicas = Vec::new();
    for topic in row.topics {
        let name: Arc<str> = topic.name.into();
        replicas.extend(topic.partitions.into_iter().map(|replica| ReplicaSize {
            partition: TopicPartition::new(Arc::clone(&name), replica.partition_index),
            size_bytes: replica.partition_size,
            offset_lag: replica.offset_lag,
            is_future: replica.is_future_key,
        }));
    }
    Ok(LogDir {
        path: row.log_dir,
        total_bytes: known(row.total_bytes),
        usable_bytes: known(row.usable_bytes),
        replicas,
    })
}
