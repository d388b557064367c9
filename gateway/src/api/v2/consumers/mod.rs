//! Consumer instances: `/consumers/{group}` and what is below it.

pub mod assignments;
pub mod instances;
pub mod offsets;
pub mod positions;
pub mod records;
pub mod subscription;

use std::str::FromStr;

use actix_web::HttpResponse;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::app::AppState;
use crate::consume::{Consumer, TopicPartition};
use crate::error::ApiError;

/// Group and name of an instance, as a path has them.
type InstancePath = (String, String);

/// Partitions.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Partitions {
    /// The partitions.
    #[serde(deserialize_with = "crate::extract::object::objects")]
    partitions: Vec<PartitionName>,
}

/// A partition.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartitionName {
    /// Name of the topic.
    topic: String,
    /// Number of the partition.
    #[serde(deserialize_with = "number")]
    partition: i32,
}

impl PartitionName {
    fn into_partition(self) -> Result<TopicPartition, ApiError> {
        partition(self.topic, self.partition)
    }
}

impl From<TopicPartition> for PartitionName {
    fn from(at: TopicPartition) -> Self {
        Self {
            topic: at.topic.to_string(),
            partition: at.partition,
        }
    }
}

impl Partitions {
    fn into_partitions(self) -> Result<Vec<TopicPartition>, ApiError> {
        self.partitions
            .into_iter()
            .map(PartitionName::into_partition)
            .collect()
    }
}

/// A partition that could exist.
fn partition(topic: String, partition: i32) -> Result<TopicPartition, ApiError> {
    if partition < 0 {
        let message = format!("partition must be at least 0 (was {partition})");
        return Err(ApiError::Constraint { message });
    }
    if topic.is_empty() {
        let message = "topic must not be empty".to_owned();
        return Err(ApiError::Constraint { message });
    }
    Ok(TopicPartition::new(topic, partition))
}

/// The last offset a record can have: there is one behind it to commit.
const OFFSET_MAX: i64 = i64::MAX - 1;

/// An offset that could exist.
fn offset(offset: i64) -> Result<i64, ApiError> {
    let bound = match offset {
        0..=OFFSET_MAX => return Ok(offset),
        i64::MAX => format!("at most {OFFSET_MAX}"),
        _ => "at least 0".to_owned(),
    };
    let message = format!("offset must be {bound} (was {offset})");
    Err(ApiError::Constraint { message })
}

/// A number, which some clients write as a string.
fn number<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + FromStr,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "invalid type: expected a whole number in range")]
    enum Written<N> {
        Number(N),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Number(number) => Ok(number),
        Written::Text(text) => text.parse().map_err(|_invalid| {
            serde::de::Error::custom("invalid type: expected a whole number in range")
        }),
    }
}

fn find(state: &AppState, path: &InstancePath) -> Result<Consumer, ApiError> {
    Ok(state.consumers.find(&path.0, &path.1)?)
}

fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_beyond_a_bound_is_told_that_bound() {
        assert_eq!([offset(0), offset(OFFSET_MAX)], [Ok(0), Ok(OFFSET_MAX)]);
        for (wrong, message) in [
            (-7, "offset must be at least 0 (was -7)"),
            (
                i64::MAX,
                "offset must be at most 9223372036854775806 (was 9223372036854775807)",
            ),
        ] {
            assert_eq!(offset(wrong).unwrap_err().to_string(), message);
        }
    }
}
