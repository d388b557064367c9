//! `ApiVersions` (18): which APIs a broker serves, in which versions (KIP-35, KIP-511, KIP-584).

use crate::ErrorCode;

api!(ApiVersions, versions: 0..=4, flexible: 3,
    request: ApiVersionsRequest, response: ApiVersionsResponse);

wire! {
    /// Asks for the APIs, and says who asks.
    pub struct ApiVersionsRequest {
        /// Name of the client library, checked by the broker (KIP-511).
        client_software_name: String [3..],
        /// Version of the client library.
        client_software_version: String [3..],
    }

    /// The APIs served, and the cluster's features.
    pub struct ApiVersionsResponse {
        /// Why the answer is incomplete: `UnsupportedVersion` makes the client ask again.
        error_code: ErrorCode,
        /// Served APIs, in the order of their keys.
        api_keys: Vec<ApiVersion>,
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [1..],
        /// Features the broker could finalize.
        supported_features: Vec<SupportedFeature> [3..; tag 0],
        /// Version of the finalized features; negative for unknown.
        finalized_features_epoch: i64 [3..; tag 1] = -1,
        /// Features in force, which switch behaviour in clients.
        finalized_features: Vec<FinalizedFeature> [3..; tag 2],
        /// Whether a migration from `ZooKeeper` may start; never true here.
        zk_migration_ready: bool [3..; tag 3],
    }

    /// One API and its versions.
    pub struct ApiVersion {
        /// Key of the API.
        api_key: i16,
        /// Lowest version served.
        min_version: i16,
        /// Highest version served.
        max_version: i16,
    }

    /// A feature and the levels it could have.
    pub struct SupportedFeature {
        /// Name of the feature.
        name: String [3..],
        /// Lowest level.
        min_version: i16 [3..],
        /// Highest level.
        max_version: i16 [3..],
    }

    /// A feature and the levels in force.
    pub struct FinalizedFeature {
        /// Name of the feature.
        name: String [3..],
        /// Level in force.
        max_version_level: i16 [3..],
        /// Lowest level in force.
        min_version_level: i16 [3..],
    }
}
