//! `POST …/records`: JSON values one after another in, an outcome for each out, as they come.
//!
//! The answer begins with the first record and each record's outcome leaves in its order, so a client
//! can keep one request open and write for hours. Records that arrived together are written together.
//! A value that is not JSON ends the stream after its outcome, since nobody knows where it ends.
//!
//! What has arrived and is not written yet counts as a request body: towards the limit of one, and towards
//! what all together may hold, where a stream that finds no room ends with an outcome that says so.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpResponse, post, web};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::time::timeout;

use super::link::Links;
use super::record::{Decoded, RecordDto, Refused, Written};
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Permit, TypeV3};
use crate::produce::{ProduceRecord, RecordOutcome};

/// How long a client may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(300);
/// Bytes read ahead of the records being written.
const READ_AHEAD: usize = 1024 * 1024;
/// Records written together, at most: the shortest take a hundred times their text in memory.
const TOGETHER_MAX: usize = 1_000;
/// What separates the outcomes.
const SEPARATOR: &[u8] = b"\r\n";

/// Produces records as they arrive.
#[utoipa::path(
    operation_id = "v3_record_stream_produce",
    tag = "v3 records",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
    ),
    request_body(content = RecordDto<'static>, description = "One record, or many, one after another."),
    responses(
        (status = 200, description = "An outcome for each record, one after another.", body = Written),
        (status = 415, description = "The body is not JSON.", body = ErrorBody),
        (status = 422, description = "There are no records.", body = ErrorBody),
    )
)]
#[post("/v3/clusters/{cluster_id}/topics/{topic_name}/records")]
pub(crate) async fn produce(
    state: web::Data<AppState>,
    links: Links,
    _: TypeV3,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let size_max = state.config.http.request_size_max.as_usize();
    let mut session = Session {
        cluster: links.cluster_id().to_owned(),
        topic: path.into_inner().1,
        arriving: Arriving {
            payload,
            split: Splitter::new(size_max),
            permit: Permit::new(Arc::clone(&state.terms.budget)),
        },
        state,
    };
    let first = session.next().await;
    let first = first.ok_or_else(|| ApiError::InvalidPayload {
        message: "Request body is empty. Data is required.".to_owned(),
    })?;
    let rest = stream::unfold(session, |mut session| async move {
        session.next().await.map(|outcomes| (outcomes, session))
    });
    let body = stream::once(async { first })
        .chain(rest)
        .map(Ok::<_, ApiError>);
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .streaming(body))
}

/// One open request.
struct Session {
    state: web::Data<AppState>,
    cluster: String,
    topic: String,
    arriving: Arriving,
}

impl Session {
    /// Outcomes of the records that arrive next, or `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let arrived = self.arriving.next(&self.state).await?;
        let mut lines = Vec::new();
        let mut decoded = Vec::with_capacity(arrived.len());
        for value in arrived {
            decoded.push(value.and_then(|json| {
                decode(&json).or_else(|error| {
                    // Behind what only looked like an object, nothing can be trusted.
                    check(&json).inspect_err(|_broken| self.arriving.split.stop())?;
                    Err(error)
                })
            }));
            if self.arriving.split.is_stopped {
                break;
            }
        }
        let records = decoded
            .iter_mut()
            .flatten()
            .map(|it| std::mem::take(&mut it.record));
        let records: Vec<_> = records.collect();
        let mut outcomes = self.send(records).await.into_iter();
        for value in decoded {
            let outcome = value
                .map_err(|error| Refused::from(&error))
                .and_then(|sent| match outcomes.next() {
                    Some(Ok(outcome)) => {
                        Written::new(&self.cluster, &self.topic, sent.infos(), outcome)
                    }
                    Some(Err(refused)) => Err(refused),
                    None => Err(Refused::from(&ApiError::internal(
                        "a record without an outcome",
                    ))),
                });
            match outcome {
                Ok(written) => put_line(&mut lines, &written),
                Err(refused) => put_line(&mut lines, &refused),
            }
        }
        Some(lines.into())
    }

    /// An outcome for each record; a refusal of all of them is each one's.
    async fn send(&self, records: Vec<ProduceRecord>) -> Vec<Result<RecordOutcome, Refused>> {
        let count = records.len();
        if count == 0 {
            return Vec::new();
        }
        match self.state.produce.send(&self.topic, records).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(Refused::from(&ApiError::from(error))); count],
        }
    }
}

/// Whether it is JSON at all, whatever it says.
fn check(json: &[u8]) -> Result<(), ApiError> {
    let parsed: serde_json::Result<IgnoredAny> = serde_json::from_slice(json);
    parsed.map_or_else(|error| Err(broken(&error.to_string())), |_any| Ok(()))
}

fn decode(json: &[u8]) -> Result<Decoded, ApiError> {
    crate::extract::parse::<RecordDto<'_>>(json)?.decode()
}

fn put_line(lines: &mut Vec<u8>, outcome: &impl Serialize) {
    // Writing to memory fails only for values that are not JSON, and these are.
    if serde_json::to_writer(&mut *lines, outcome).is_ok() {
        lines.extend_from_slice(SEPARATOR);
    }
}

/// The body as it arrives.
struct Arriving {
    payload: web::Payload,
    split: Splitter,
    /// For the bytes of `split`, and of the values being written.
    permit: Permit,
}

impl Arriving {
    /// The values that arrive next, at least one; `None` at the end.
    async fn next(&mut self, state: &AppState) -> Option<Vec<Result<Bytes, ApiError>>> {
        // The values given last are written.
        self.permit.shrink_to(self.split.bytes.len());
        loop {
            let values = self.split.take();
            if !values.is_empty() {
                return Some(values);
            }
            if self.split.has_ended {
                return None;
            }
            let chunk = tokio::select! {
                chunk = timeout(SILENCE_MAX, self.payload.next()) => chunk,
                () = state.lifecycle.ended() => Ok(None),
            };
            match chunk {
                Ok(Some(Ok(chunk))) => self.read_ahead(&chunk, state),
                Ok(Some(Err(_)) | None) => self.split.end(),
                Err(_silent) => self.split.fail(ApiError::BodyTimeout),
            }
        }
    }

    /// Takes a chunk, and what else has arrived already.
    fn read_ahead(&mut self, chunk: &[u8], state: &AppState) {
        self.put(chunk, state);
        while self.split.bytes.len() < READ_AHEAD && !self.split.has_ended {
            match futures_util::FutureExt::now_or_never(self.payload.next()) {
                Some(Some(Ok(chunk))) => self.put(&chunk, state),
                Some(Some(Err(_)) | None) => self.split.end(),
                None => return,
            }
        }
    }

    fn put(&mut self, chunk: &[u8], state: &AppState) {
        if self.permit.grow(chunk.len()) {
            self.split.put(chunk);
        } else {
            self.split.fail(state.terms.no_memory());
        }
    }
}

/// Cuts a stream of JSON objects into single ones.
#[derive(Debug)]
struct Splitter {
    bytes: BytesMut,
    /// How far `bytes` was looked at, and what was seen.
    seen: usize,
    depth: usize,
    is_string: bool,
    is_escaped: bool,
    size_max: usize,
    has_ended: bool,
    is_stopped: bool,
    failure: Option<ApiError>,
}

impl Splitter {
    fn new(size_max: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            seen: 0,
            depth: 0,
            is_string: false,
            is_escaped: false,
            size_max,
            has_ended: false,
            is_stopped: false,
            failure: None,
        }
    }

    fn put(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    fn end(&mut self) {
        self.has_ended = true;
    }

    /// Forgets what has arrived, and whatever comes.
    fn stop(&mut self) {
        self.bytes.clear();
        self.has_ended = true;
        self.is_stopped = true;
    }

    /// Ends behind the whole objects that have arrived.
    fn fail(&mut self, error: ApiError) {
        self.failure.get_or_insert(error);
        self.has_ended = true;
    }

    /// The whole objects that have arrived, up to a number; behind the last what is wrong, if something is.
    fn take(&mut self) -> Vec<Result<Bytes, ApiError>> {
        let values = std::iter::from_fn(|| self.take_one());
        let mut values: Vec<_> = values.map(Ok).take(TOGETHER_MAX).collect();
        if values.len() == TOGETHER_MAX {
            return values;
        }
        let is_cut_off = self.has_ended && !self.bytes.is_empty();
        if self.failure.is_none() && is_cut_off {
            self.fail(broken("the body ends within a record"));
        }
        if self.failure.is_none() && self.bytes.len() > self.size_max {
            self.fail(broken(
                "Produce request size is larger than allowed threshold",
            ));
        }
        if let Some(error) = self.failure.take() {
            self.bytes.clear();
            values.push(Err(error));
        }
        values
    }

    fn take_one(&mut self) -> Option<Bytes> {
        self.skip_blanks();
        while let Some(byte) = self.bytes.get(self.seen).copied() {
            if self.depth == 0 && byte != b'{' {
                self.fail(broken("a record must be a JSON object"));
                return None;
            }
            self.seen += 1;
            self.look_at(byte);
            if self.depth == 0 {
                let value = self.bytes.split_to(self.seen).freeze();
                self.seen = 0;
                return Some(value);
            }
        }
        None
    }

    fn skip_blanks(&mut self) {
        if self.seen == 0 {
            let blanks = self
                .bytes
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            let _blanks = self.bytes.split_to(blanks);
        }
    }

    const fn look_at(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.is_string => self.is_escaped = true,
            b'"' => self.is_string = !self.is_string,
            b'{' | b'[' if !self.is_string => self.depth += 1,
            b'}' | b']' if !self.is_string => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

fn broken(cause: &str) -> ApiError {
    ApiError::BadRequest {
        detail: format!("Error processing message: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&str]) -> Vec<Result<String, String>> {
        let mut splitter = Splitter::new(64);
        let mut values = Vec::new();
        for chunk in chunks {
            splitter.put(chunk.as_bytes());
            values.extend(splitter.take());
        }
        splitter.end();
        values.extend(splitter.take());
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        values
            .into_iter()
            .map(|it| it.map(text).map_err(|error| error.to_string()))
            .collect()
    }

    #[test]
    fn objects_are_cut_apart_wherever_the_chunks_end() {
        let body = "{\"a\":\"}\\\"{\"} \n{\"b\":[{}]}{}";
        let expected = ["{\"a\":\"}\\\"{\"}", "{\"b\":[{}]}", "{}"].map(|it| Ok(it.to_owned()));
        assert_eq!(split(&[body]), expected);
        let bytes: Vec<_> = body.split("").collect();
        assert_eq!(split(&bytes), expected);
        assert_eq!(split(&[" \r\n "]), []);
    }

    #[test]
    fn what_is_no_record_ends_the_stream_after_those_before_it() {
        for (body, cause) in [
            ("{} 7 {}", "a record must be a JSON object"),
            ("{}[{}]", "a record must be a JSON object"),
            ("{}{\"a\":", "the body ends within a record"),
        ] {
            let error = format!("Bad Request: Error processing message: {cause}");
            assert_eq!(split(&[body]), [Ok("{}".to_owned()), Err(error)], "{body}");
        }
    }

    #[test]
    fn many_records_are_taken_a_part_at_a_time() {
        let mut splitter = Splitter::new(64);
        splitter.put("{}".repeat(TOGETHER_MAX + 1).as_bytes());
        splitter.end();
        let mut taken = || splitter.take().len();
        assert_eq!([taken(), taken(), taken()], [TOGETHER_MAX, 1, 0]);
    }

    #[test]
    fn whole_records_before_a_refusal_keep_their_places() {
        let mut splitter = Splitter::new(64);
        splitter.put(b"{} {}{\"a\"");
        splitter.fail(ApiError::BodyTimeout);
        let are_whole: Vec<_> = splitter.take().iter().map(Result::is_ok).collect();
        assert_eq!(are_whole, [true, true, false]);
        assert!(splitter.take().is_empty() && splitter.has_ended);
    }

    #[test]
    fn a_record_without_end_is_refused_at_the_limit() {
        let endless = format!("{{\"a\":\"{}", "x".repeat(100));
        let error = "Bad Request: Error processing message: Produce request size is larger than \
             allowed threshold";
        assert_eq!(split(&[&endless, "yyy\"}"])[0], Err(error.to_owned()));
    }
}
