//! What happens around every handler.
//!
//! From the outside in: [`measure`] counts and logs the exchange; [`gate`] refuses what no handler
//! should see and labels what leaves.

mod gate;
mod measure;
mod origin;

pub use gate::gate;
pub use measure::{MeasuredBody, measure};
