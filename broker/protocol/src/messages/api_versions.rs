//! `ApiVersions` (18): which APIs a broker serves, in which versions (KIP-35).
//!
//! * 3 says who asks (KIP-511) and lists features (KIP-584); 4 may list features from level 0 on.
//!
//! The response header has no tagged fields in any version; see [`crate::header`].

use crate::ErrorCode;

api!(ApiVersions, versions: 0..=4, flexible: 3,
    request: ApiVersionsRequest, response: ApiVersionsResponse);

wire! {
    /// Asks for the APIs, and says who asks.
    pub struct ApiVersionsRequest {
        /// Name of the client library, checked by the broker (KIP-511).
        client_software_name: String [3..],
        /// Version of the client library, checked likewise.
        client_software_version: String [3..],
    }

    /// The APIs served, and the features of the cluster.
    pub struct ApiVersionsResponse {
        /// `UnsupportedVersion` makes the client ask again, with a version it finds here.
        error_code: ErrorCode,
        /// Served APIs.
        api_keys: Vec<ApiVersion>,
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [1..],
        /// Features the cluster could put in force (KIP-584).
        supported_features: Vec<SupportedFeature> [3..; tag 0],
        /// Version of the features in force; -1 for unknown.
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
        name: String,
        /// Lowest level.
        min_version: i16,
        /// Highest level.
        max_version: i16,
    }

    /// A feature and the levels in force.
    pub struct FinalizedFeature {
        /// Name of the feature.
        name: String,
        /// Level in force.
        max_version_level: i16,
        /// Lowest level in force.
        min_version_level: i16,
    }
}
