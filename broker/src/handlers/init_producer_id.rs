//! `InitProducerId` 0-5: an identity for an idempotent producer (KIP-98).
//!
//! * Without a transactional id every call gives a new id with epoch 0; from 3 on the client may send
//!   the identity it had, which changes nothing for it (KIP-360).
//! * With a transactional id: `UNSUPPORTED_VERSION`, since there are no transactions.
//! * 6 (two-phase commit) is unstable in Kafka, and not advertised.

use sluice_protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::call::Call;
use super::error::{Refusal, RequestError};

/// Gives an id.
pub(crate) async fn handle(call: &Call, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |error: Refusal| InitProducerIdResponse {
        error_code: call.refuse(error),
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    };
    if request.transactional_id.is_some() {
        return refused(RequestError::Transactions.into());
    }
    let ids = call.services.producer_ids.clone();
    match call.blocking(move || ids.next()).await {
        Ok(Ok(id)) => InitProducerIdResponse {
            producer_id: id.0,
            ..InitProducerIdResponse::default()
        },
        Ok(Err(error)) => refused(error.into()),
        Err(error) => refused(error.into()),
    }
}
