//! `POST …/records:batch`: a few records in one request, each with a name of the caller's.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::link::Links;
use super::record::{Decoded, RecordDto, Refused, Written};
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{self, Body, TypeV3};

/// Entries in a batch, at most: the most that Confluent's proxy can be configured to take.
const ENTRIES_MAX: usize = 50;
/// Characters of an entry's id, at most.
const ID_MAX: usize = 80;

/// Records to produce.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProduceBatch<'a> {
    /// The records, each with a field `id` beside those of a record.
    #[serde(borrow, default)]
    #[schema(value_type = Vec<EntryDto<'static>>)]
    entries: Vec<&'a RawValue>,
}

/// An entry of a batch.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct EntryDto<'a> {
    /// Names the entry in the answer: 1 to 80 of `0-9a-zA-Z-_`.
    #[serde(borrow)]
    #[schema(value_type = String)]
    id: Option<&'a RawValue>,
}

/// What became of a batch.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct BatchOutcome {
    /// Records that were written.
    successes: Vec<Named<Written>>,
    /// Records that were not.
    failures: Vec<Named<Refused>>,
}

/// An outcome with the name of its entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Named<T> {
    /// The entry's id.
    id: String,
    /// The outcome.
    #[serde(flatten)]
    outcome: T,
}

/// Produces a batch of records.
#[utoipa::path(
    operation_id = "v3_record_batch_produce",
    tag = "v3 records",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
    ),
    request_body = ProduceBatch<'static>,
    responses(
        (status = 207, description = "What became of each record.", body = BatchOutcome),
        (status = 422, description = "The batch is empty, too large, or its ids are not distinct.", body = ErrorBody),
    )
)]
#[post("/v3/clusters/{cluster_id}/topics/{topic_name}/records:batch")]
pub(crate) async fn produce(
    state: web::Data<AppState>,
    links: Links,
    _: TypeV3,
    path: web::Path<(String, String)>,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    if body.0.is_empty() {
        return Err(invalid("Request body is empty. Data is required."));
    }
    let batch: ProduceBatch<'_> = extract::parse(&body.0)?;
    let entries = batch.into_entries()?;
    let outcome = send(&state, links.cluster_id(), &path.1, entries).await;
    Ok(HttpResponse::build(StatusCode::MULTI_STATUS).json(outcome))
}

/// An entry that has a name, and its record where it has one.
struct Entry {
    id: String,
    decoded: Result<Decoded, ApiError>,
}

impl ProduceBatch<'_> {
    fn into_entries(self) -> Result<Vec<Entry>, ApiError> {
        if self.entries.is_empty() {
            return Err(invalid("Empty batch."));
        }
        if self.entries.len() > ENTRIES_MAX {
            return Err(invalid("Too many entries in batch."));
        }
        let mut ids = BTreeSet::new();
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            let entry = Entry::parse(entry.get())?;
            if !ids.insert(entry.id.clone()) {
                return Err(invalid("Batch entry IDs are not distinct."));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl Entry {
    fn parse(json: &str) -> Result<Self, ApiError> {
        let named: EntryDto<'_> = extract::parse(json.as_bytes())?;
        let id = named
            .id
            .and_then(|id| serde_json::from_str::<String>(id.get()).ok());
        let id = id.filter(|id| is_legal(id));
        let id = id.ok_or_else(|| invalid("Batch entry identifier is not a valid string."))?;
        let record: Result<RecordDto<'_>, ApiError> = extract::parse(json.as_bytes());
        Ok(Self {
            id,
            decoded: record.and_then(RecordDto::decode),
        })
    }
}

fn is_legal(id: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=ID_MAX).contains(&id.len()) && id.bytes().all(is_legal)
}

async fn send(state: &AppState, cluster: &str, topic: &str, entries: Vec<Entry>) -> BatchOutcome {
    let mut answer = BatchOutcome::default();
    let mut names = Vec::new();
    let mut records = Vec::new();
    for Entry { id, decoded } in entries {
        match decoded {
            Ok(decoded) => {
                names.push((id, decoded.infos()));
                records.push(decoded.record);
            }
            Err(error) => answer.failures.push(Named {
                id,
                outcome: Refused::from(&error),
            }),
        }
    }
    if records.is_empty() {
        return answer;
    }
    match state.produce.send(topic, records).await {
        Ok(outcomes) => {
            for ((id, sent), outcome) in names.into_iter().zip(outcomes) {
                match Written::new(cluster, topic, sent, outcome) {
                    Ok(outcome) => answer.successes.push(Named { id, outcome }),
                    Err(outcome) => answer.failures.push(Named { id, outcome }),
                }
            }
        }
        Err(error) => {
            let refused = Refused::from(&ApiError::from(error));
            let failed = names.into_iter().map(|(id, _)| Named {
                id,
                outcome: refused.clone(),
            });
            answer.failures.extend(failed);
        }
    }
    answer
}

fn invalid(message: &str) -> ApiError {
    ApiError::InvalidBatch {
        message: message.to_owned(),
    }
}
