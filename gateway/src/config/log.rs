//! Settings of the log.

use super::setting::settings;
use super::value::Filter;

settings! {
    /// The log, written to standard error. It never holds keys, values or credentials.
    pub struct Log in "log" {
        /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or levels by module
        /// such as `info,sluice=debug`.
        level: Filter = "info,actix_server=warn",
    }
}
