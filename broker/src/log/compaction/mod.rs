//! Compaction: of the records of a key, the last one stays.
//!
//! ```text
//!  assess ──> which part is dirty, how much of the log that is, whether it is due
//!     │
//!  OffsetMap <── the dirty part: hash of each key -> its last offset, in bounded memory
//!     │
//!  Sieve ──> each batch of all segments up to there: as it is, with fewer records, or gone
//!     │
//!  Group ──> segments that are small together become one
//!     │
//!  settle ──> the result takes the place of its inputs, in steps a crash may come between
//! ```
//! Decisions are pure; [`clean`] and [`replace`] act. The rules are Kafka's (its `LogCleaner`, KIP-58,
//! KIP-354, KIP-534). Invariants:
//! * the active segment and what is behind the last stable offset stay as they are;
//! * offsets never change, nor does what a batch says of its place and its producer;
//! * a deletion marker goes only when its horizon has passed, and after all it marks;
//! * at every moment the log on disk is the one before or the one after, or says how to become it.

mod assess;
mod clean;
mod group;
mod input;
mod offset_map;
mod output;
mod replace;
mod sieve;

pub use assess::{Assessment, CompactionPolicy, SegmentSpan, Situation, assess, dirtiest};
pub use clean::{Cleaned, CompactError, CompactionJob, Pace, Progress};
pub(super) use replace::settle;
pub(crate) use replace::{Fate, unsettled};
