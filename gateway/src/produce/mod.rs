//! What producing over REST means, without HTTP.
//!
//! Records of many callers share one producer of the client, which batches them by what is on its way;
//! the outcome of each record is its caller's alone. Nothing waits for a fixed time.

use std::time::Instant;

use sluice_client::{ErrorCode, ProduceError, Producer, RecordMetadata};
pub use sluice_client::{Header, ProduceRecord};

use crate::metrics::rest::RestMetrics;

/// The one way records are produced through the gateway.
#[derive(Clone, Debug)]
pub struct Produce {
    producer: Producer,
    metrics: RestMetrics,
}

/// What became of one record.
pub type RecordOutcome = Result<RecordMetadata, ProduceError>;

impl Produce {
    /// Produces through `producer`.
    #[must_use]
    pub const fn new(producer: Producer, metrics: RestMetrics) -> Self {
        Self { producer, metrics }
    }

    /// Produces records to a topic; an outcome for each, in their order.
    ///
    /// # Errors
    /// [`ProduceError`] where no record could be sent, such as to an unknown topic.
    pub async fn send(
        &self,
        topic: &str,
        records: Vec<ProduceRecord>,
    ) -> Result<Vec<RecordOutcome>, ProduceError> {
        let started = Instant::now();
        let outcome = self.producer.send(topic, records).await;
        self.metrics.produced_in(started.elapsed());
        match &outcome {
            Ok(outcomes) => {
                let failed = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
                failed.for_each(|error| self.metrics.refused(error_name(error)));
                let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
                self.metrics.produced(topic, written);
            }
            Err(error) => self.metrics.refused(error_name(error)),
        }
        outcome
    }
}

/// A name of few values, for a label.
fn error_name(error: &ProduceError) -> String {
    if matches!(error, ProduceError::BufferFull { .. }) {
        return "BUFFER_FULL".to_owned();
    }
    error
        .code()
        .map_or_else(|| "UNREACHABLE".to_owned(), ErrorCode::kafka_name)
}
