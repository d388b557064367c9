//! `DescribeLogDirs` 1-5: how much space partitions take (KIP-113).
//!
//! * There is one directory. Null asks for all partitions; what does not exist is left out.
//! * 4 tells the size of the volume (KIP-827); 5 which directories are cordoned: none.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sluice_protocol::messages::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsRequest,
    DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};

use super::call::Call;
use crate::model::PartitionId;
use crate::topics::Partition;

/// Measures partitions and their volume.
pub(crate) async fn handle(
    call: &Call,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let partitions = match request.topics {
        Some(topics) => named(call, topics),
        None => all(call),
    };
    let mut topics = BTreeMap::<String, Vec<_>>::new();
    for partition in partitions {
        let name = partition.topic().to_string();
        topics.entry(name).or_default().push(measure(&partition));
    }
    let directory = call.services.config.data_dir.clone();
    let log_dir = directory.display().to_string();
    let volume = call.blocking(move || volume(&directory)).await;
    let (total_bytes, usable_bytes) = volume.unwrap_or((-1, -1));
    let of_topic = |(name, partitions)| DescribeLogDirsTopic { name, partitions };
    DescribeLogDirsResponse {
        results: vec![DescribeLogDirsResult {
            log_dir,
            topics: topics.into_iter().map(of_topic).collect(),
            total_bytes,
            usable_bytes,
            ..DescribeLogDirsResult::default()
        }],
        ..DescribeLogDirsResponse::default()
    }
}

fn all(call: &Call) -> Vec<Arc<Partition>> {
    let topics = call.services.topics.list();
    let partitions = topics.iter().map(|topic| topic.partitions());
    partitions.flat_map(|all| all.to_vec()).collect()
}

fn named(call: &Call, topics: Vec<DescribableLogDirTopic>) -> Vec<Arc<Partition>> {
    let mut partitions = Vec::new();
    for topic in topics {
        for index in topic.partitions {
            partitions.extend(call.partition(&topic.topic, PartitionId(index)));
        }
    }
    partitions
}

fn measure(partition: &Partition) -> DescribeLogDirsPartition {
    DescribeLogDirsPartition {
        partition_index: partition.id().0,
        partition_size: partition.size().try_into().unwrap_or(i64::MAX),
        ..DescribeLogDirsPartition::default()
    }
}

/// Total and usable bytes of the volume, or -1 where the system does not say.
fn volume(directory: &Path) -> (i64, i64) {
    let Ok(volume) = rustix::fs::statvfs(directory) else {
        return (-1, -1);
    };
    let bytes = |blocks: u64| {
        let bytes = blocks.saturating_mul(volume.f_frsize);
        i64::try_from(bytes).unwrap_or(i64::MAX)
    };
    (bytes(volume.f_blocks), bytes(volume.f_bavail))
}
