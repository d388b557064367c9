//! The built-in pages: functions of the monitor's snapshot and history, rendered here.
//!
//! Charts are inline SVG, the script is small and our own, nothing is loaded from elsewhere. A page
//! refreshes itself by asking for itself again, so there is one way in which anything is shown. Pages
//! know neither Kafka nor how they are served; `handlers` serves them.

pub mod chart;
pub mod format;
pub mod group;
pub(crate) mod handlers;
mod lag;
pub mod missing;
pub mod overview;
pub mod page;
pub mod sparkline;

/// The stylesheet of all pages.
pub const STYLESHEET: &str = include_str!("style.css");
/// The script of all pages.
pub const SCRIPT: &str = include_str!("page.js");

#[cfg(test)]
mod tests;
