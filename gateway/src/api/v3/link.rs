//! What all v3 resources have around them: kinds, addresses, names, lists.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{AcceptV3, BaseUrl, segment};

/// Where a resource is, and what it is called.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Metadata {
    /// Its address.
    #[serde(rename = "self")]
    this: String,
    /// Its Confluent resource name.
    resource_name: String,
}

/// Where a list is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ListMetadata {
    /// Its address.
    #[serde(rename = "self")]
    this: String,
    /// The address of the next page: always null.
    next: Option<String>,
}

/// The address of something related.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Relation {
    /// The address.
    related: String,
}

impl Relation {
    /// The address alone.
    pub(crate) fn into_address(self) -> String {
        self.related
    }
}

/// Something of a kind, with its address.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Resource<T> {
    /// What it is.
    kind: &'static str,
    /// Where it is.
    metadata: Metadata,
    /// Its content.
    #[serde(flatten)]
    content: T,
}

/// A list of resources.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// What it is.
    kind: &'static str,
    /// Where it is.
    metadata: ListMetadata,
    /// The items.
    data: Vec<Resource<T>>,
}

/// A resource with content of its own type.
pub(crate) trait Content: Serialize {
    /// Confluent's name of the resource.
    const KIND: &'static str;
    /// Confluent's name of a list of them.
    const LIST_KIND: &'static str;
}

/// A path below a cluster: its steps, each of which becomes a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    path: String,
    name: String,
}

impl Place {
    /// The same place and below it a collection and an item of it.
    pub(crate) fn item(mut self, collection: &str, kind: &str, id: impl std::fmt::Display) -> Self {
        let id = segment(&id.to_string());
        self.path = format!("{}/{collection}/{id}", self.path);
        self.name = format!("{}/{kind}={id}", self.name);
        self
    }

    /// The same place and below it something there is one of, or a collection.
    pub(crate) fn part(mut self, part: &str, kind: &str) -> Self {
        self.path = format!("{}/{part}", self.path);
        self.name = format!("{}/{kind}", self.name);
        self
    }
}

/// Makes the addresses of one request.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    base: String,
    cluster: String,
}

impl Links {
    fn address(&self, path: &str) -> String {
        format!("{}/v3/clusters/{}{path}", self.base, segment(&self.cluster))
    }

    /// The cluster all places are below.
    pub(crate) fn cluster_id(&self) -> &str {
        &self.cluster
    }

    /// The address of `place`.
    pub(crate) fn to(&self, place: &Place) -> Relation {
        Relation {
            related: self.address(&place.path),
        }
    }

    /// The address of a collection below `place`.
    pub(crate) fn below(&self, place: &Place, path: &str) -> Relation {
        Relation {
            related: self.address(&format!("{}/{path}", place.path)),
        }
    }

    /// A resource at `place`.
    pub(crate) fn resource<T: Content>(&self, place: &Place, content: T) -> Resource<T> {
        let metadata = Metadata {
            this: self.address(&place.path),
            resource_name: format!("crn:///kafka={}{}", segment(&self.cluster), place.name),
        };
        Resource {
            kind: T::KIND,
            metadata,
            content,
        }
    }

    /// A list at `place`, whose path is `path` below it.
    pub(crate) fn list<T: Content>(
        &self,
        place: &Place,
        path: &str,
        data: Vec<Resource<T>>,
    ) -> List<T> {
        let metadata = ListMetadata {
            this: self.below(place, path).related,
            next: None,
        };
        List {
            kind: T::LIST_KIND,
            metadata,
            data,
        }
    }

    /// The list of all clusters, which stands above all of them.
    pub(crate) fn top_list<T: Content>(&self, data: Vec<Resource<T>>) -> List<T> {
        let metadata = ListMetadata {
            this: format!("{}/v3/clusters", self.base),
            next: None,
        };
        List {
            kind: T::LIST_KIND,
            metadata,
            data,
        }
    }
}

/// The answer that carries a body.
pub(crate) fn ok(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

impl FromRequest for Links {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    /// Checks that a v3 answer is acceptable and that the path's cluster is ours.
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(links(request, payload))
    }
}

fn links(request: &HttpRequest, payload: &mut Payload) -> Result<Links, ApiError> {
    let AcceptV3 = AcceptV3::from_request(request, payload).into_inner()?;
    let BaseUrl(base) = BaseUrl::from_request(request, payload).into_inner()?;
    let state = request.app_data::<web::Data<AppState>>();
    let state = state.ok_or_else(|| ApiError::internal("no application state"))?;
    let cluster = state.cluster.id.to_string();
    match request.match_info().get("cluster_id") {
        Some(asked) if asked != cluster => {
            let message = format!("Cluster {asked} {} be found.", refusal(request));
            Err(ApiError::NotFound { message })
        }
        Some(_) | None => Ok(Links { base, cluster }),
    }
}

/// Confluent's words differ where consumer groups are asked for.
fn refusal(request: &HttpRequest) -> &'static str {
    let route = request.match_pattern();
    if route.is_some_and(|route| route.contains("/consumer-groups")) {
        "could not"
    } else {
        "cannot"
    }
}
