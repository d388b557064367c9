//! `DescribeConfigs` 1-4: configs of topics and of the broker, complete (KIP-226, KIP-569).
//!
//! * Every key is told with its value, type, where it comes from, and on request with every place it
//!   could come from and its documentation. No keys named, or an empty list, asks for all.
//! * A broker is named by its id; the empty name asks for what holds for all brokers and can be
//!   changed while they run, which is nothing here.
//! * A resource that is named again is answered once.
//! * Other resources (loggers, client metrics, groups) are an `INVALID_REQUEST`.

use sluice_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};

use super::broker_configs;
use super::call::{Call, is_first};
use super::config_resource::ConfigResource;
use super::error::Refusal;
use crate::topics::topic_config::{ConfigEntry, ConfigSource, ConfigSynonym, ConfigType};

/// Describes the resources asked for.
pub(crate) fn handle(call: &Call, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let wish = Wish {
        synonyms: request.include_synonyms,
        documentation: request.include_documentation,
    };
    let is_first = is_first(&request.resources, |asked| {
        (asked.resource_type, asked.resource_name.as_str())
    });
    let resources = request.resources.into_iter().zip(is_first);
    let resources = resources.filter(|(_, is_first)| *is_first);
    let of_resource = |(asked, _)| result(call, wish, asked);
    DescribeConfigsResponse {
        results: resources.map(of_resource).collect(),
        ..DescribeConfigsResponse::default()
    }
}

/// What is wanted of each key besides its value.
#[derive(Clone, Copy, Debug)]
struct Wish {
    synonyms: bool,
    documentation: bool,
}

fn result(call: &Call, wish: Wish, asked: DescribeConfigsResource) -> DescribeConfigsResult {
    let described = describe(call, wish, &asked).and_then(|mut configs| {
        let keys = asked.configuration_keys.as_deref().unwrap_or_default();
        configs.retain(|config| keys.is_empty() || keys.contains(&config.name));
        call.take_room(configs.iter().map(size).sum())?;
        Ok(configs)
    });
    let mut result = DescribeConfigsResult {
        resource_type: asked.resource_type,
        resource_name: asked.resource_name,
        ..DescribeConfigsResult::default()
    };
    match described {
        Ok(configs) => result.configs = configs,
        Err(error) => (result.error_code, result.error_message) = call.explain(error),
    }
    result
}

/// Bytes that a config takes of an answer, about.
fn size(config: &DescribeConfigsResourceResult) -> usize {
    let documentation = config.documentation.as_ref().map_or(0, String::len);
    let value = config.value.as_ref().map_or(0, String::len);
    let synonyms = config.synonyms.len() * (size_of::<DescribeConfigsSynonym>() + value);
    size_of::<DescribeConfigsResourceResult>() + value + documentation + synonyms
}

fn describe(
    call: &Call,
    wish: Wish,
    asked: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    match ConfigResource::of(call, asked.resource_type, &asked.resource_name)? {
        ConfigResource::Topic(topic) => {
            let entries = topic.config().describe();
            Ok(entries.into_iter().map(|entry| wish.topic(entry)).collect())
        }
        ConfigResource::Broker => {
            let entries = broker_configs::describe(call);
            Ok(entries
                .into_iter()
                .map(|entry| wish.broker(entry))
                .collect())
        }
        ConfigResource::AllBrokers => Ok(Vec::new()),
    }
}

impl Wish {
    fn topic(self, entry: ConfigEntry) -> DescribeConfigsResourceResult {
        let synonyms = entry.synonyms.into_iter().map(synonym);
        DescribeConfigsResourceResult {
            name: entry.key.name.to_owned(),
            value: Some(entry.value),
            read_only: ConfigEntry::READ_ONLY,
            config_source: source_code(entry.source),
            is_sensitive: ConfigEntry::SENSITIVE,
            synonyms: synonyms.filter(|_| self.synonyms).collect(),
            config_type: type_code(entry.key.config_type),
            documentation: self
                .documentation
                .then(|| entry.key.documentation.to_owned()),
        }
    }

    fn broker(self, entry: broker_configs::Entry) -> DescribeConfigsResourceResult {
        let source = match entry.is_default {
            true => ConfigSource::Default,
            false => ConfigSource::StaticBroker,
        };
        let synonym = DescribeConfigsSynonym {
            name: entry.name.to_owned(),
            value: Some(entry.value.clone()),
            source: source_code(source),
        };
        DescribeConfigsResourceResult {
            name: entry.name.to_owned(),
            value: Some(entry.value),
            read_only: true,
            config_source: source_code(source),
            is_sensitive: false,
            synonyms: self.synonyms.then_some(synonym).into_iter().collect(),
            config_type: type_code(entry.config_type),
            documentation: self.documentation.then(|| entry.documentation.to_owned()),
        }
    }
}

fn synonym(synonym: ConfigSynonym) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym {
        name: synonym.name.to_owned(),
        value: Some(synonym.value),
        source: source_code(synonym.source),
    }
}

/// Kafka's number for where a value comes from.
pub(crate) const fn source_code(source: ConfigSource) -> i8 {
    match source {
        ConfigSource::Topic => 1,
        ConfigSource::StaticBroker => 4,
        ConfigSource::Default => 5,
    }
}

/// Kafka's number for the type of a key.
const fn type_code(config_type: ConfigType) -> i8 {
    match config_type {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
    }
}
