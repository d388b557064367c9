//! `IncrementalAlterConfigs` (44): changes configs one by one (KIP-339).
//!
//! * 1 is flexible; otherwise the versions are alike.

use super::alter_configs::AlterConfigsResourceResponse;

api!(IncrementalAlterConfigs, versions: 0..=1, flexible: 1,
    request: IncrementalAlterConfigsRequest, response: IncrementalAlterConfigsResponse);

wire! {
    /// Changes configs of resources one by one.
    pub struct IncrementalAlterConfigsRequest {
        /// The resources to change.
        resources: Vec<AlterConfigsResource>,
        /// Whether to check only, and change nothing.
        validate_only: bool,
    }

    /// A resource and the changes to it.
    pub struct AlterConfigsResource {
        /// Kind of the resource: 2 topic, 4 broker, 8 logger, 16 client metrics, 32 group.
        resource_type: i8,
        /// Name of the topic or group, or id of the broker.
        resource_name: String,
        /// Configs of the resource.
        configs: Vec<AlterableConfig>,
    }

    /// A change to one config.
    pub struct AlterableConfig {
        /// Name of the config.
        name: String,
        /// 0 sets, 1 deletes, 2 appends to a list, 3 subtracts from it.
        config_operation: i8,
        /// Value to set, or null.
        value: Option<String>,
    }

    /// Which resources are changed; all changes of one, or none.
    pub struct IncrementalAlterConfigsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per resource.
        responses: Vec<AlterConfigsResourceResponse>,
    }
}
