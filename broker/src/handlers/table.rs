//! THE TABLE: which APIs are served, in which versions, and by whom.
//!
//! `ApiVersions`, the dispatch and `docs/protocol-support.md` derive from it. The versions are those
//! advertised; a version that the codec does not know is refused although it is advertised, as Kafka
//! refuses `Produce` 0 to 2: librdkafka concludes from the lower end whether a broker compresses.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;

use sluice_protocol::ApiKey;
use sluice_protocol::wire::Reader;

use super::call::Call;
use super::dispatch::{Outcome, serve};
use super::{
    alter_configs, api_versions, create_partitions, create_topics, delete_groups, delete_records,
    delete_topics, describe_cluster, describe_configs, describe_groups, describe_log_dirs,
    describe_topic_partitions, fetch, find_coordinator, heartbeat, incremental_alter_configs,
    init_producer_id, join_group, leave_group, list_groups, list_offsets, metadata, offset_commit,
    offset_delete, offset_fetch, offset_for_leader_epoch, produce, sync_group,
};

macro_rules! table {
    ($($(#[doc = $notes:literal])* $api:ident: $versions:expr => $kind:ident $handler:ident;)*) => {
        /// An API, the versions advertised, and what to know about them.
        #[derive(Debug)]
        pub(crate) struct Entry {
            /// The API.
            pub(crate) api: ApiKey,
            /// Versions advertised.
            pub(crate) versions: RangeInclusive<i16>,
            /// What differs from Apache Kafka, for the documentation.
            #[cfg(test)]
            pub(crate) notes: &'static str,
        }

        /// Every API served, in the order of the keys.
        pub(crate) const TABLE: &[Entry] = &[$(
            Entry {
                api: ApiKey::$api,
                versions: $versions,
                #[cfg(test)]
                notes: concat!("" $(, $notes)*),
            },
        )*];

        /// Versions advertised, or `None` for an API that is not served.
        pub(crate) const fn advertised(api: ApiKey) -> Option<RangeInclusive<i16>> {
            match api {
                $(ApiKey::$api => Some($versions),)*
                _ => None,
            }
        }

        /// The work of a request, whose version is served.
        pub(crate) fn work(
            call: Call,
            body: Reader,
        ) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
            match call.api {
                $(ApiKey::$api => table!(@$kind call, body, $handler::handle),)*
                _ => Box::pin(std::future::ready(Outcome::Silent)),
            }
        }
    };
    (@async $call:ident, $body:ident, $handle:path) => {
        Box::pin(serve($call, $body, $handle))
    };
    (@sync $call:ident, $body:ident, $handle:path) => {
        Box::pin(serve($call, $body, async |call: &Call, request| $handle(call, request)))
    };
}

table! {
    /// 0 to 2 are advertised and refused, as Apache Kafka does
    Produce: 0..=11 => async produce;
    /// without sessions; topic ids come later
    Fetch: 4..=12 => async fetch;
    ListOffsets: 1..=11 => async list_offsets;
    Metadata: 0..=13 => async metadata;
    /// topic ids come later
    OffsetCommit: 2..=9 => async offset_commit;
    /// topic ids come later
    OffsetFetch: 1..=9 => sync offset_fetch;
    /// groups; neither transactions nor share groups
    FindCoordinator: 0..=6 => sync find_coordinator;
    JoinGroup: 0..=9 => async join_group;
    Heartbeat: 0..=4 => async heartbeat;
    LeaveGroup: 0..=5 => async leave_group;
    SyncGroup: 0..=5 => async sync_group;
    DescribeGroups: 0..=6 => sync describe_groups;
    ListGroups: 0..=5 => sync list_groups;
    ApiVersions: 0..=4 => sync api_versions;
    CreateTopics: 2..=7 => async create_topics;
    DeleteTopics: 1..=6 => async delete_topics;
    DeleteRecords: 0..=2 => async delete_records;
    /// without transactional ids
    InitProducerId: 0..=5 => async init_producer_id;
    OffsetForLeaderEpoch: 2..=4 => sync offset_for_leader_epoch;
    /// topics and the broker
    DescribeConfigs: 1..=4 => sync describe_configs;
    /// topics; the broker's own configs cannot be changed while it runs
    AlterConfigs: 0..=2 => async alter_configs;
    DescribeLogDirs: 1..=5 => async describe_log_dirs;
    CreatePartitions: 0..=3 => async create_partitions;
    DeleteGroups: 0..=2 => async delete_groups;
    /// as AlterConfigs
    IncrementalAlterConfigs: 0..=1 => async incremental_alter_configs;
    OffsetDelete: 0..=0 => async offset_delete;
    DescribeCluster: 0..=2 => sync describe_cluster;
    DescribeTopicPartitions: 0..=0 => sync describe_topic_partitions;
}

/// Whether requests of an API may start before the one in front is answered: those that only append,
/// or only touch what later ones of their kind do not depend on.
pub(crate) const fn is_pipelined(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::Produce | ApiKey::OffsetCommit | ApiKey::Heartbeat
    )
}

/// Whether requests of an API have done all they do once they wait: for records, or for the other
/// members of a group.
pub(crate) const fn is_waiting(api: ApiKey) -> bool {
    matches!(api, ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::SyncGroup)
}

/// Versions that are advertised and known to the codec.
pub(crate) fn is_served(api: ApiKey, version: i16) -> bool {
    api.versions().contains(&version)
        && advertised(api).is_some_and(|versions| versions.contains(&version))
}

#[cfg(test)]
mod tests;
