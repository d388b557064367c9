//! Every route on one page.
//!
//! Mounting a handler here serves it, and puts it into the description of the API. Paths are matched in
//! this order, so those called most come first.

use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::ops;

/// Mounts everything.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(ops::health::live)
        .service(ops::health::ready)
        .service(ops::metrics::scrape)
        .service(ops::docs::description)
        .service(ops::docs::index)
        .service(ops::docs::file);
}
