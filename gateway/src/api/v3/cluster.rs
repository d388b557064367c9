//! `/v3/clusters`: the one cluster.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::link::{Content, Links, List, Place, Relation, Resource, ok};
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};

/// A cluster.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Cluster {
    /// Kafka's id of it.
    cluster_id: String,
    /// The broker that is its controller, or null.
    controller: Option<Relation>,
    /// Its ACLs; not served yet.
    acls: Relation,
    /// Its brokers.
    brokers: Relation,
    /// Configs of all brokers; not served yet.
    broker_configs: Relation,
    /// Its consumer groups.
    consumer_groups: Relation,
    /// Its topics.
    topics: Relation,
    /// Replicas being moved; not served yet.
    partition_reassignments: Relation,
}

impl Content for Cluster {
    const KIND: &'static str = "KafkaCluster";
    const LIST_KIND: &'static str = "KafkaClusterList";
}

/// Lists the cluster.
#[utoipa::path(
    operation_id = "v3_cluster_list",
    tag = "v3 clusters",
    responses((status = 200, description = "A list of one.", body = List<Cluster>))
)]
#[get("/v3/clusters")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    links: Links,
) -> Result<HttpResponse, ApiError> {
    let cluster = describe(&state, &links).await?;
    Ok(ok(&links.top_list(vec![cluster])))
}

/// Describes the cluster.
#[utoipa::path(
    operation_id = "v3_cluster_get",
    tag = "v3 clusters",
    params(("cluster_id" = String, Path, description = "Id of the cluster.")),
    responses(
        (status = 200, description = "The cluster.", body = Resource<Cluster>),
        (status = 404, description = "There is no such cluster.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}")]
pub(crate) async fn get(
    state: web::Data<AppState>,
    links: Links,
) -> Result<HttpResponse, ApiError> {
    Ok(ok(&describe(&state, &links).await?))
}

async fn describe(state: &AppState, links: &Links) -> Result<Resource<Cluster>, ApiError> {
    let cluster = state.admin.cluster().await?;
    let place = Place::default();
    let controller = cluster
        .controller
        .map(|id| place.clone().item("brokers", "broker", id));
    let content = Cluster {
        cluster_id: links.cluster_id().to_owned(),
        controller: controller.map(|broker| links.to(&broker)),
        acls: links.below(&place, "acls"),
        brokers: links.below(&place, "brokers"),
        broker_configs: links.below(&place, "broker-configs"),
        consumer_groups: links.below(&place, "consumer-groups"),
        topics: links.below(&place, "topics"),
        partition_reassignments: links.below(&place, "topics/-/partitions/-/reassignment"),
    };
    Ok(links.resource(&place, content))
}
