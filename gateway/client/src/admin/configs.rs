//! Reading and changing configs of topics, brokers and groups.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::join_all;
use sluice_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResult,
};
use sluice_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use sluice_protocol::{ApiKey, ErrorCode};

use super::{Admin, ItemResults, matched};
use crate::error::ClientError;

/// Something that has configs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConfigResource {
    /// A topic, by name.
    Topic(String),
    /// A broker, by id.
    Broker(i32),
    /// The defaults of all brokers.
    AllBrokers,
    /// The loggers of a broker, by id.
    BrokerLogger(i32),
    /// A group, by name.
    Group(String),
}

impl ConfigResource {
    const fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) | Self::AllBrokers => 4,
            Self::BrokerLogger(_) => 8,
            Self::Group(_) => 32,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Topic(name) | Self::Group(name) => name.clone(),
            Self::Broker(id) | Self::BrokerLogger(id) => id.to_string(),
            Self::AllBrokers => String::new(),
        }
    }

    /// The one broker that can answer; any broker can where there is none.
    const fn owner(&self) -> Option<i32> {
        match self {
            Self::Broker(id) | Self::BrokerLogger(id) => Some(*id),
            Self::Topic(_) | Self::Group(_) | Self::AllBrokers => None,
        }
    }
}

/// What to tell of configs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigQuery {
    /// Names of the configs of interest; `None` for all.
    pub names: Option<Vec<String>>,
    /// Whether to tell where else a value could come from.
    pub synonyms: bool,
    /// Whether to explain each config.
    pub documentation: bool,
}

/// A config and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name of the config.
    pub name: String,
    /// The value; `None` for none, and for secrets.
    pub value: Option<String>,
    /// Whether it cannot be changed while the broker runs.
    pub is_read_only: bool,
    /// Whether the value is a secret.
    pub is_sensitive: bool,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Type of the value.
    pub config_type: ConfigType,
    /// Where the value could come from, the one in force first; empty unless asked for.
    pub synonyms: Vec<ConfigSynonym>,
    /// What the config does, where asked for.
    pub documentation: Option<String>,
}

impl Config {
    /// Whether nobody changed the value.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        matches!(self.source, ConfigSource::Default)
    }
}

/// A place a value could come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// Name of the config there.
    pub name: String,
    /// The value there.
    pub value: Option<String>,
    /// The place.
    pub source: ConfigSource,
}

macro_rules! coded {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal, $kafka:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
            /// One this release does not know.
            Unknown,
        }

        impl $name {
            const fn of(code: i8) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }

            /// Kafka's name of it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $kafka,)*
                    Self::Unknown => "UNKNOWN",
                }
            }
        }
    };
}

coded! {
    /// Where a value comes from (KIP-226).
    ConfigSource {
        /// Set on the topic.
        Topic = 1, "DYNAMIC_TOPIC_CONFIG";
        /// Set on the broker while it ran.
        Broker = 2, "DYNAMIC_BROKER_CONFIG";
        /// Set for all brokers while they ran.
        AllBrokers = 3, "DYNAMIC_DEFAULT_BROKER_CONFIG";
        /// From the file of the broker.
        File = 4, "STATIC_BROKER_CONFIG";
        /// Kafka's default.
        Default = 5, "DEFAULT_CONFIG";
        /// Set on a logger of the broker.
        Logger = 6, "DYNAMIC_BROKER_LOGGER_CONFIG";
        /// Set for client metrics.
        ClientMetrics = 7, "DYNAMIC_CLIENT_METRICS_CONFIG";
        /// Set on the group.
        Group = 8, "DYNAMIC_GROUP_CONFIG";
    }
}

coded! {
    /// Type of a value (KIP-569).
    ConfigType {
        /// `true` or `false`.
        Boolean = 1, "BOOLEAN";
        /// Text.
        String = 2, "STRING";
        /// 32-bit number.
        Int = 3, "INT";
        /// 16-bit number.
        Short = 4, "SHORT";
        /// 64-bit number.
        Long = 5, "LONG";
        /// Floating-point number.
        Double = 6, "DOUBLE";
        /// Texts separated by commas.
        List = 7, "LIST";
        /// Name of a class.
        Class = 8, "CLASS";
        /// A secret.
        Password = 9, "PASSWORD";
    }
}

/// A change to one config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// Name of the config.
    pub name: String,
    /// What to do with it.
    pub operation: ConfigOperation,
}

/// What to do with a config (KIP-339).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// Set the value; `None` is refused by most brokers.
    Set(Option<String>),
    /// Return to the default.
    Delete,
    /// Add to a list.
    Append(String),
    /// Take from a list.
    Subtract(String),
}

impl ConfigOperation {
    fn into_parts(self) -> (i8, Option<String>) {
        match self {
            Self::Set(value) => (0, value),
            Self::Delete => (1, None),
            Self::Append(value) => (2, Some(value)),
            Self::Subtract(value) => (3, Some(value)),
        }
    }
}

impl Admin {
    /// Configs of resources.
    pub async fn describe_configs(
        &self,
        resources: Vec<ConfigResource>,
        query: &ConfigQuery,
    ) -> ItemResults<ConfigResource, Vec<Config>> {
        let asked = owned(&resources)
            .into_iter()
            .map(|(owner, resources)| async move {
                let answers = self.describe_configs_of(owner, &resources, query).await;
                matched(resources, answers)
            });
        reordered(resources, join_all(asked).await)
    }

    async fn describe_configs_of(
        &self,
        owner: Option<i32>,
        resources: &[ConfigResource],
        query: &ConfigQuery,
    ) -> Result<Vec<Result<Vec<Config>, ClientError>>, ClientError> {
        let rows = resources.iter().map(|resource| DescribeConfigsResource {
            resource_type: resource.kind(),
            resource_name: resource.name(),
            configuration_keys: query.names.clone(),
        });
        let request = DescribeConfigsRequest {
            resources: rows.collect(),
            include_synonyms: query.synonyms,
            include_documentation: query.documentation,
        };
        let attempt = || async {
            match owner {
                Some(broker) => self.cluster.call(broker, self.purpose, &request).await,
                None => self.cluster.call_any(self.purpose, &request).await,
            }
        };
        let response = self.cluster.retry(attempt).await?;
        let rows = response.results.into_iter();
        let mut rows: HashMap<(i8, String), DescribeConfigsResult> = rows
            .map(|row| ((row.resource_type, row.resource_name.clone()), row))
            .collect();
        let found = resources.iter().map(|resource| {
            let row = rows.remove(&(resource.kind(), resource.name()));
            let row = row.ok_or_else(|| incomplete(ApiKey::DescribeConfigs, resource))?;
            ClientError::check(row.error_code, row.error_message)?;
            Ok(row.configs.into_iter().map(config).collect())
        });
        Ok(found.collect())
    }

    /// Changes configs of resources one by one, or only checks whether that could be done. The
    /// changes of one resource happen together or not at all.
    pub async fn alter_configs(
        &self,
        changes: Vec<(ConfigResource, Vec<ConfigChange>)>,
        validate_only: bool,
    ) -> ItemResults<ConfigResource, ()> {
        let resources: Vec<_> = changes
            .iter()
            .map(|(resource, _)| resource.clone())
            .collect();
        let mut changes: HashMap<_, _> = changes.into_iter().collect();
        let asked = owned(&resources).into_iter().map(|(owner, resources)| {
            let rows = resources
                .iter()
                .map(|resource| alteration(resource, changes.remove(resource).unwrap_or_default()));
            let request = IncrementalAlterConfigsRequest {
                resources: rows.collect(),
                validate_only,
            };
            async move {
                let answers = self.alter_configs_of(owner, &resources, &request).await;
                matched(resources, answers)
            }
        });
        let asked: Vec<_> = asked.collect();
        reordered(resources, join_all(asked).await)
    }

    async fn alter_configs_of(
        &self,
        owner: Option<i32>,
        resources: &[ConfigResource],
        request: &IncrementalAlterConfigsRequest,
    ) -> Result<Vec<Result<(), ClientError>>, ClientError> {
        let response = match owner {
            Some(broker) => {
                let attempt = || self.cluster.call(broker, self.purpose, request);
                self.cluster.retry(attempt).await?
            }
            None => {
                let codes = |response: &<IncrementalAlterConfigsRequest as sluice_protocol::messages::Request>::Response| {
                    response.responses.iter().map(|row| row.error_code).collect()
                };
                self.call_controller(request, codes).await?
            }
        };
        let rows = response.responses.into_iter();
        let mut rows: HashMap<_, _> = rows
            .map(|row| ((row.resource_type, row.resource_name.clone()), row))
            .collect();
        let found = resources.iter().map(|resource| {
            let row = rows.remove(&(resource.kind(), resource.name()));
            let row = row.ok_or_else(|| incomplete(ApiKey::IncrementalAlterConfigs, resource))?;
            ClientError::check(row.error_code, row.error_message)
        });
        Ok(found.collect())
    }

    /// Whether the cluster creates topics when they are first written to; `None` where it does not
    /// tell, for want of a permission for example.
    pub async fn creates_topics(&self) -> Option<bool> {
        let broker = self.cluster.brokers().await.ok()?.first().copied()?;
        let query = ConfigQuery {
            names: Some(vec!["auto.create.topics.enable".to_owned()]),
            ..ConfigQuery::default()
        };
        let resources = vec![ConfigResource::Broker(broker)];
        let described = self.describe_configs(resources, &query).await;
        let (_, configs) = described.into_iter().next()?;
        let value = configs.ok()?.into_iter().next()?.value?;
        value.parse().ok()
    }
}

/// Splits resources by the broker that must be asked.
fn owned(resources: &[ConfigResource]) -> BTreeMap<Option<i32>, Vec<ConfigResource>> {
    let mut owned: BTreeMap<Option<i32>, Vec<ConfigResource>> = BTreeMap::new();
    for resource in resources {
        owned
            .entry(resource.owner())
            .or_default()
            .push(resource.clone());
    }
    owned
}

fn reordered<T>(
    resources: Vec<ConfigResource>,
    parts: Vec<ItemResults<ConfigResource, T>>,
) -> ItemResults<ConfigResource, T> {
    let mut results: HashMap<_, _> = parts.into_iter().flatten().collect();
    let ordered = resources.into_iter().map(|resource| {
        // A resource named twice has one answer.
        let duplicate = ClientError::kafka(ErrorCode::InvalidRequest);
        let result = results.remove(&resource).unwrap_or(Err(duplicate));
        (resource, result)
    });
    ordered.collect()
}

fn config(row: DescribeConfigsResourceResult) -> Config {
    let synonyms = row.synonyms.into_iter().map(|synonym| ConfigSynonym {
        name: synonym.name,
        value: synonym.value,
        source: ConfigSource::of(synonym.source),
    });
    Config {
        name: row.name,
        value: row.value,
        is_read_only: row.read_only,
        is_sensitive: row.is_sensitive,
        source: ConfigSource::of(row.config_source),
        config_type: ConfigType::of(row.config_type),
        synonyms: synonyms.collect(),
        documentation: row.documentation,
    }
}

fn alteration(resource: &ConfigResource, changes: Vec<ConfigChange>) -> AlterConfigsResource {
    let configs = changes.into_iter().map(|change| {
        let (config_operation, value) = change.operation.into_parts();
        AlterableConfig {
            name: change.name,
            config_operation,
            value,
        }
    });
    AlterConfigsResource {
        resource_type: resource.kind(),
        resource_name: resource.name(),
        configs: configs.collect(),
    }
}

fn incomplete(api: ApiKey, resource: &ConfigResource) -> ClientError {
    ClientError::Incomplete {
        api,
        item: format!("{resource:?}"),
    }
}
