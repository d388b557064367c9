//! What a browser is shown at `/groups/{group}` where there is no such group.

use askama::Template;

use super::page::Frame;

/// The page.
#[derive(Debug, Template)]
#[template(path = "missing.html")]
pub struct MissingPage<'a> {
    /// What is around it.
    pub frame: Frame,
    /// The name that was asked for.
    pub group: &'a str,
}
