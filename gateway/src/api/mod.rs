//! What HTTP offers: one resource a file, its bodies beside it. A handler extracts, calls, replies.

pub mod ops;
pub mod v2;
pub mod v3;
