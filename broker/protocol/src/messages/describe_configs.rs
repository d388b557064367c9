//! `DescribeConfigs` (32): configs of topics, brokers and groups.
//!
//! * 1 tells where a value comes from (KIP-226); 3 has types and documentation (KIP-569).

use crate::ErrorCode;

api!(DescribeConfigs, versions: 1..=4, flexible: 4,
    request: DescribeConfigsRequest, response: DescribeConfigsResponse);

wire! {
    /// Asks for configs.
    pub struct DescribeConfigsRequest {
        /// The resources asked for.
        resources: Vec<DescribeConfigsResource>,
        /// Whether to list where else the value could come from.
        include_synonyms: bool,
        /// Whether to explain each config.
        include_documentation: bool [3..],
    }

    /// A resource, and the configs asked for.
    pub struct DescribeConfigsResource {
        /// Kind of the resource: 2 topic, 4 broker, 8 logger, 16 client metrics, 32 group.
        resource_type: i8,
        /// Name of the topic or group, or id of the broker.
        resource_name: String,
        /// Names of the configs of interest; null for all.
        configuration_keys: Option<Vec<String>>,
    }

    /// The configs.
    pub struct DescribeConfigsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per resource.
        results: Vec<DescribeConfigsResult>,
    }

    /// Configs of one resource.
    pub struct DescribeConfigsResult {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String>,
        /// Kind of the resource: 2 topic, 4 broker, 8 logger, 16 client metrics, 32 group.
        resource_type: i8,
        /// Name of the topic or group, or id of the broker.
        resource_name: String,
        /// Configs of the resource.
        configs: Vec<DescribeConfigsResourceResult>,
    }

    /// One config.
    pub struct DescribeConfigsResourceResult {
        /// Name of the config.
        name: String,
        /// Value of the config, or null.
        value: Option<String>,
        /// Whether it cannot be changed.
        read_only: bool,
        /// Where the value comes from: 1 topic, 2 broker, 3 default of all brokers, 4 file,
        /// 5 built-in default, 6 logger, 7 client metrics, 8 group; -1 for unknown.
        config_source: i8 = -1,
        /// Whether the value is a secret, and left out.
        is_sensitive: bool,
        /// Where the value could come from, the one in force first.
        synonyms: Vec<DescribeConfigsSynonym>,
        /// Type of the value: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list,
        /// 8 class, 9 password; 0 for unknown.
        config_type: i8 [3..],
        /// What the config does, or null.
        documentation: Option<String> [3..],
    }

    /// A place the value could come from.
    pub struct DescribeConfigsSynonym {
        /// Name of the config there.
        name: String,
        /// Value of the config there, or null.
        value: Option<String>,
        /// Where that is, as `config_source`.
        source: i8,
    }
}
