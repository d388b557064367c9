//! `/v3/clusters/{cluster_id}/brokers` and their configs.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::link::{Content, Links, List, Place, Relation, Resource, ok};
use crate::admin;
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};

/// A broker.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Broker {
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Id of the broker.
    broker_id: i32,
    /// Where clients reach it.
    host: String,
    /// The port beside the host.
    port: u16,
    /// Its rack, or null.
    rack: Option<String>,
    /// Its configs.
    configs: Relation,
    /// The replicas it has.
    partition_replicas: Relation,
}

impl Content for Broker {
    const KIND: &'static str = "KafkaBroker";
    const LIST_KIND: &'static str = "KafkaBrokerList";
}

/// Lists the brokers.
#[utoipa::path(
    operation_id = "v3_broker_list",
    tag = "v3 brokers",
    params(("cluster_id" = String, Path, description = "Id of the cluster.")),
    responses(
        (status = 200, description = "All brokers.", body = List<Broker>),
        (status = 404, description = "There is no such cluster.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/brokers")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    links: Links,
) -> Result<HttpResponse, ApiError> {
    let cluster = state.admin.cluster().await?;
    let brokers = cluster
        .brokers
        .iter()
        .map(|broker| resource(&links, broker))
        .collect();
    Ok(ok(&links.list(&Place::default(), "brokers", brokers)))
}

/// Describes a broker.
#[utoipa::path(
    operation_id = "v3_broker_get",
    tag = "v3 brokers",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("broker_id" = i32, Path, description = "Id of the broker."),
    ),
    responses(
        (status = 200, description = "The broker.", body = Resource<Broker>),
        (status = 404, description = "There is no such broker.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/brokers/{broker_id}")]
pub(crate) async fn get(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, i32)>,
) -> Result<HttpResponse, ApiError> {
    let (_, id) = path.into_inner();
    let cluster = state.admin.cluster().await?;
    let broker = cluster.broker(id).ok_or_else(|| ApiError::NotFound {
        message: format!("Broker {id} cannot be found."),
    })?;
    Ok(ok(&resource(&links, broker)))
}

fn resource(links: &Links, broker: &admin::Broker) -> Resource<Broker> {
    let place = Place::default().item("brokers", "broker", broker.id);
    let content = Broker {
        cluster_id: links.cluster_id().to_owned(),
        broker_id: broker.id,
        host: broker.address.host.clone(),
        port: broker.address.port,
        rack: broker.rack.clone(),
        configs: links.below(&place, "configs"),
        partition_replicas: links.below(&place, "partition-replicas"),
    };
    links.resource(&place, content)
}
