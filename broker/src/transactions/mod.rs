//! Producers: who they are. Transactions are not here yet.

mod producer_ids;

pub(crate) use producer_ids::{PRODUCER_IDS_FILE, ProducerIdError, ProducerIds};
