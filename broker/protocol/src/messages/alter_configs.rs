//! `AlterConfigs` (33): replaces all configs of a resource (KIP-133).
//!
//! Deprecated in favour of [`super::incremental_alter_configs`], yet still sent by older clients.

use crate::ErrorCode;

api!(AlterConfigs, versions: 0..=2, flexible: 2,
    request: AlterConfigsRequest, response: AlterConfigsResponse);

wire! {
    /// Replaces all configs of resources.
    pub struct AlterConfigsRequest {
        /// The resources to change.
        resources: Vec<AlterConfigsResource>,
        /// Whether to check only, and change nothing.
        validate_only: bool,
    }

    /// A resource and all its configs.
    pub struct AlterConfigsResource {
        /// Kind of the resource: 2 topic, 4 broker, 8 logger, 16 client metrics, 32 group.
        resource_type: i8,
        /// Name of the topic or group, or id of the broker.
        resource_name: String,
        /// Configs of the resource.
        configs: Vec<AlterableConfig>,
    }

    /// A config to set.
    pub struct AlterableConfig {
        /// Name of the config.
        name: String,
        /// Value to set, or null.
        value: Option<String>,
    }

    /// Which resources are changed.
    pub struct AlterConfigsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per resource.
        responses: Vec<AlterConfigsResourceResponse>,
    }

    /// The answer for one resource.
    pub struct AlterConfigsResourceResponse {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String>,
        /// Kind of the resource: 2 topic, 4 broker, 8 logger, 16 client metrics, 32 group.
        resource_type: i8,
        /// Name of the topic or group, or id of the broker.
        resource_name: String,
    }
}
