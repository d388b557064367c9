//! Whether the program lives, and whether it should be sent requests.
//!
//! * `/health/live`: the process answers. A failure means: restart it.
//! * `/health/ready`: everything needed to serve is there. A failure means: send requests elsewhere;
//!   restarting would not help. The reasons are in the answer. What is refused while all else is served
//!   (records, by a full disk) is no failure, but is there too.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;

/// Whether requests should come here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `live`, `ready` or `not ready`.
    #[schema(example = "ready")]
    pub status: &'static str,
    /// Why it is not ready; or, where it is, what is refused all the same, such as records while the disk
    /// of the bundled broker is full. Empty as a rule.
    pub reasons: Vec<String>,
}

/// Whether the process answers.
#[utoipa::path(
    tag = "operations",
    responses((status = 200, description = "The process answers.", body = Health))
)]
#[get("/health/live")]
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health {
        status: "live",
        reasons: Vec::new(),
    })
}

/// Whether requests should come here.
#[utoipa::path(
    tag = "operations",
    responses(
        (status = 200, description = "Everything needed to serve is there.", body = Health),
        (status = 503, description = "Something is missing; the reasons say what.", body = Health),
    )
)]
#[get("/health/ready")]
pub(crate) async fn ready(state: web::Data<AppState>) -> HttpResponse {
    let reasons = state.lifecycle.reasons();
    if reasons.is_empty() {
        HttpResponse::Ok().json(Health {
            status: "ready",
            reasons: state.lifecycle.cautions(),
        })
    } else {
        HttpResponse::ServiceUnavailable().json(Health {
            status: "not ready",
            reasons,
        })
    }
}
