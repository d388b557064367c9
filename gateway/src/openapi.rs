//! The description of the API, derived from the routes.
//!
//! It is committed as `openapi/sluice.json`, so that a change of the API is a change people review.

use std::collections::BTreeMap;

use actix_web::App;
use bytes::Bytes;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt as _;

use crate::routes;

mod answers;

/// What no route says.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sluice",
        description = "Kafka over HTTP: produce, consume and administrate, and watch consumer lag. \
                       Every error has the body `{\"error_code\", \"message\"}`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This server")),
    tags(
        (name = "v2 produce", description = "Producing, as Confluent's API v2 has it."),
        (name = "v3 clusters", description = "The cluster."),
        (name = "v3 brokers", description = "Its brokers."),
        (name = "v3 topics", description = "Its topics, their configs, partitions and offsets."),
        (name = "v3 records", description = "Producing, streamed or in batches."),
        (name = "v3 consumer groups", description = "Groups, their consumers and their lag."),
        (name = "pages", description = "What people look at."),
        (name = "v2 metadata", description = "Brokers, topics and partitions, as Confluent's API v2 tells them."),
        (name = "v2 consumers", description = "Consumer instances of Confluent's API v2."),
        (name = "operations", description = "Health, metrics, and this description."),
    ),
)]
struct Base;

/// The description, ready to be served, and what follows from it.
#[derive(Clone, Debug)]
pub struct Description {
    /// The description as JSON.
    pub json: Bytes,
    allow: BTreeMap<String, String>,
}

impl Description {
    /// Derives it from the routes.
    ///
    /// # Errors
    /// None in practice: the description is plain data.
    pub fn from_routes() -> serde_json::Result<Self> {
        let (_app, mut api) = App::new()
            .into_utoipa_app()
            .openapi(Base::openapi())
            .configure(routes::mount)
            .split_for_parts();
        answers::complete(&mut api);
        let mut json = serde_json::to_vec_pretty(&api)?;
        json.push(b'\n');
        let allow = api
            .paths
            .paths
            .iter()
            .map(|(path, item)| (path.clone(), methods(item)));
        Ok(Self {
            json: json.into(),
            allow: allow.collect(),
        })
    }

    /// The methods of a route, as the header `Allow` has them; `None` when it is not described.
    #[must_use]
    pub fn allow(&self, route: &str) -> Option<&str> {
        self.allow.get(route).map(String::as_str)
    }
}

fn methods(item: &utoipa::openapi::PathItem) -> String {
    let methods = [
        ("GET, HEAD", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    let offered = methods
        .into_iter()
        .filter(|(_, operation)| operation.is_some());
    offered.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_operation_says_what_it_does_and_what_it_answers() {
        let api: Value = serde_json::from_slice(&Description::from_routes().unwrap().json).unwrap();
        let tags: HashSet<&Value> = api["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| &tag["name"])
            .collect();
        let mut ids = HashSet::new();
        for (path, item) in api["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let what = format!("{method} {path}");
                assert!(
                    operation["summary"].is_string(),
                    "{what} has no doc comment"
                );
                assert!(
                    ids.insert(&operation["operationId"]),
                    "{what} has another's operation id"
                );
                assert!(
                    tags.contains(&operation["tags"][0]),
                    "{what} has no declared tag"
                );
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    let shared = answer["$ref"].as_str();
                    let shared = shared.and_then(|at| api.pointer(at.trim_start_matches('#')));
                    let described = shared.unwrap_or(answer)["description"]
                        .as_str()
                        .is_some_and(|it| !it.is_empty());
                    assert!(described, "{what} does not describe {status}");
                }
            }
        }
    }

    /// The sources below `folder`.
    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push(std::fs::read_to_string(path).unwrap_or_default());
            }
        }
    }

    #[test]
    fn every_parameter_of_a_query_is_described() {
        let api: Value = serde_json::from_slice(&Description::from_routes().unwrap().json).unwrap();
        let operations = api["paths"].as_object().unwrap().values();
        let described: HashSet<_> = operations
            .flat_map(|item| item.as_object().unwrap().values())
            .flat_map(|operation| operation["parameters"].as_array().into_iter().flatten())
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let mut files = Vec::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut files,
        );
        let taken = regex::Regex::new(r": Query<(\w+)>,").unwrap();
        let field = regex::Regex::new(r"(?m)^    (\w+): ").unwrap();
        let mut count = 0;
        for file in &files {
            for handler in taken.captures_iter(file) {
                let (_, fields) = file
                    .split_once(&format!("struct {} {{", &handler[1]))
                    .unwrap();
                let (fields, _) = fields.split_once("\n}").unwrap();
                for name in field.captures_iter(fields) {
                    count += 1;
                    assert!(
                        described.contains(&name[1]),
                        "{} of {}",
                        &name[1],
                        &handler[1]
                    );
                }
            }
        }
        assert!(count >= 5, "{count} found");
    }

    #[test]
    fn the_methods_of_a_route_follow_from_the_description() {
        let description = Description::from_routes().unwrap();
        assert_eq!(description.allow("/metrics"), Some("GET, HEAD"));
        assert_eq!(description.allow("/nothing"), None);
    }
}
