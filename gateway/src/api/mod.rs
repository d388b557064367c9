//! What HTTP offers: one resource a file, its bodies beside it. A handler extracts, calls, replies.

pub mod ops;
