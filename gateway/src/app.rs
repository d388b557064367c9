//! What handlers share, and the application built around it, for `main` and for tests alike.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, NormalizePath, from_fn};
use actix_web::web::{self, Data};
use actix_web::{App, Error, HttpRequest, HttpResponse, ResponseError as _};
use prometheus::Registry;
use sluice_client::ProducerSettings;
use utoipa_actix_web::AppExt as _;

use crate::admin::Admin;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::consume::Consumers;
use crate::error::ApiError;
use crate::extract::Terms;
use crate::lifecycle::Lifecycle;
use crate::metrics::collector::CollectorMetrics;
use crate::metrics::rest::RestMetrics;
use crate::metrics::{HttpMetrics, Scrape};
use crate::middleware::{gate, measure, spare};
use crate::monitor::Monitor;
use crate::openapi::Description;
use crate::produce::Produce;
use crate::routes;
use crate::ui::sparkline::Sparklines;

#[cfg(test)]
mod tests;

/// The application cannot be built; a mistake of ours.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A metric cannot be registered.
    #[error("cannot register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The description of the API cannot be written.
    #[error("cannot write the description of the API: {0}")]
    Description(#[from] serde_json::Error),
}

/// What handlers share.
#[derive(Debug)]
pub struct AppState {
    /// What the program was told.
    pub config: Config,
    /// The Kafka that is worked with.
    pub cluster: Cluster,
    /// Whether it serves.
    pub lifecycle: Lifecycle,
    /// What `/metrics` shows.
    pub scrape: Scrape,
    /// Consumer lag.
    pub monitor: Arc<Monitor>,
    /// Producing records.
    pub produce: Produce,
    /// Administering topics and their configs.
    pub admin: Admin,
    /// Small charts that were drawn.
    pub sparklines: Sparklines,
    /// The metrics of REST.
    pub rest: RestMetrics,
    /// The consumer instances of the v2 API.
    pub consumers: Consumers,
    /// What every request must meet.
    pub terms: Data<Terms>,
    /// The description of the API.
    pub description: Description,
}

impl AppState {
    /// The state of a program with this configuration. The metrics of other parts are in `registry`.
    ///
    /// # Errors
    /// None in practice: names and routes are fixed.
    pub fn new(config: Config, cluster: Cluster, registry: Registry) -> Result<Self, AppError> {
        let terms = Terms::new(&config, HttpMetrics::new(&registry)?);
        let rest = RestMetrics::new(&cluster.name, &registry)?;
        let metrics = CollectorMetrics::new(&cluster.name, &registry)?;
        let monitor = Arc::new(Monitor::start(
            &cluster,
            &config.monitor,
            metrics,
            rest.clone(),
        ));
        let producer = cluster.client.producer(ProducerSettings::default());
        Ok(Self {
            lifecycle: lifecycle(&monitor),
            scrape: scrape(registry, &monitor)?,
            monitor,
            produce: Produce::new(producer, rest.clone()),
            admin: Admin::new(cluster.client.clone()),
            consumers: consumers(&cluster, &config, rest.clone()),
            sparklines: Sparklines::default(),
            rest,
            terms: Data::new(terms),
            description: Description::from_routes()?,
            cluster,
            config,
        })
    }
}

/// Ready is who can read its cluster.
fn lifecycle(monitor: &Arc<Monitor>) -> Lifecycle {
    let mut lifecycle = Lifecycle::default();
    let monitor = Arc::clone(monitor);
    lifecycle.check(move || {
        let failure = monitor.latest().failure?;
        tracing::debug!(%failure, "not ready");
        Some("the cluster does not answer".to_owned())
    });
    lifecycle
}

/// What is registered, and what follows from the monitor's picture.
fn scrape(registry: Registry, monitor: &Arc<Monitor>) -> prometheus::Result<Scrape> {
    let mut scrape = Scrape::new(registry)?;
    let monitor = Arc::clone(monitor);
    scrape.append(move |out| {
        let picture = monitor.latest();
        out.push_str(&picture.rendered.text);
        out.push_str(&picture.standing);
    });
    Ok(scrape)
}

/// Consumer instances, which end when nobody uses them.
fn consumers(cluster: &Cluster, config: &Config, metrics: RestMetrics) -> Consumers {
    let consumers = Consumers::new(cluster.client.clone(), config.rest_v2.clone(), metrics);
    consumers.expire(&cluster.runtime);
    consumers
}

/// The application: every route, behind the middleware.
pub fn app(
    state: Data<AppState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let (app, _description) = App::new()
        .app_data(state.terms.clone())
        .app_data(state)
        .app_data(
            web::PathConfig::default()
                .error_handler(|_error, _request| ApiError::RouteNotFound.into()),
        )
        .into_utoipa_app()
        .configure(routes::mount)
        .split_for_parts();
    app.default_service(web::to(unrouted))
        .wrap(NormalizePath::trim())
        .wrap(from_fn(spare))
        .wrap(Compress::default())
        .wrap(from_fn(gate))
        .wrap(from_fn(measure))
}

/// Answers what no route takes: 405 where the path has other methods, else 404.
async fn unrouted(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    let allow = request
        .match_pattern()
        .and_then(|route| state.description.allow(&route).map(str::to_owned));
    match allow {
        Some(allow) => ApiError::MethodNotAllowed { allow }.error_response(),
        None => ApiError::RouteNotFound.error_response(),
    }
}
