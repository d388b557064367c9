//! What happens around every handler.
//!
//! From the outside in: [`measure()`] counts and logs the exchange; [`gate()`] refuses what no handler
//! should see and labels what leaves; [`spare()`] keeps small answers from being compressed.

mod gate;
mod measure;
mod origin;
mod spare;

pub use gate::gate;
pub use measure::{MeasuredBody, measure};
pub use spare::spare;
