//! Stories that hold operations of the API to their contract, and are held to it themselves.
//!
//! A story names the operations it is about, by their ids in `openapi/sluice.json`. When it is over, the gateway must have
//! counted a success for the route of each while the story ran (`sluice_http_requests_total`): one that stops calling a
//! route fails. What [`contracts!`](crate::contracts) declares in a file is its `CONTRACTS`; a test of the suite compares
//! all of them with the description.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::http::Http;
use crate::world::World;
use crate::{repository, wait};

/// An answer is counted when its last byte is sent, which may be a moment after it was read.
const COUNTED: Duration = Duration::from_secs(5);

/// A method and the template of a route.
type Route = (String, String);

/// The operations that `openapi/sluice.json` describes, by their ids.
///
/// # Panics
/// If it is not there or no description.
#[must_use]
pub fn described() -> BTreeMap<String, Route> {
    let text = std::fs::read_to_string(repository::root().join("openapi/sluice.json"));
    let api: Value = serde_json::from_str(&text.expect("it is committed")).expect("JSON");
    let mut operations = BTreeMap::new();
    for (path, methods) in api["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            operations.insert(id, (method.to_uppercase(), path.clone()));
        }
    }
    operations
}

/// Runs `story`, which must succeed with each of `operations` at least once.
///
/// # Panics
/// If one of them is not described, or was not called with success.
pub async fn held(world: &World, operations: &[&str], story: impl Future<Output = ()>) {
    if operations.is_empty() {
        return Box::pin(story).await;
    }
    let described = described();
    let route = |id: &&str| {
        let route = described.get(*id);
        route.unwrap_or_else(|| panic!("no operation is called {id}"))
    };
    let routes: Vec<&Route> = operations.iter().map(route).collect();
    let gateway = Gateway::new(world.http().await);
    let before = gateway.successes().await;
    Box::pin(story).await;
    wait::until("what the story is about to be counted", COUNTED, || async {
        let now = gateway.successes().await;
        let missing = routes
            .iter()
            .filter(|route| now.get(**route) <= before.get(**route));
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("the story does not succeed with {missing:?}"))
        }
    })
    .await;
}

/// What one gateway counts.
struct Gateway {
    http: Http,
    /// How often it was asked: it counts that too.
    scrapes: AtomicU64,
}

impl Gateway {
    const fn new(http: Http) -> Self {
        let scrapes = AtomicU64::new(0);
        Self { http, scrapes }
    }

    /// Successes of each route, but for those of this method.
    async fn successes(&self) -> BTreeMap<Route, u64> {
        let text = self.http.text("/metrics").await;
        let mut successes = BTreeMap::new();
        for (route, count) in text.lines().filter_map(success) {
            *successes.entry(route).or_default() += count;
        }
        let own = self.scrapes.fetch_add(1, Ordering::Relaxed);
        let scrape = ("GET".to_owned(), "/metrics".to_owned());
        successes
            .entry(scrape)
            .and_modify(|count: &mut u64| *count = count.saturating_sub(own));
        successes
    }
}

/// A route and a count of its successes, if the line of the exposition tells one.
fn success(line: &str) -> Option<(Route, u64)> {
    let rest = line.strip_prefix("sluice_http_requests_total{code=\"")?;
    let (code, rest) = rest.split_once("\",method=\"")?;
    let (method, rest) = rest.split_once("\",route=\"")?;
    let (path, count) = rest.rsplit_once("\"} ")?;
    let is_success = code.starts_with(['2', '3']);
    let route = (method.to_owned(), path.to_owned());
    is_success.then_some((route, count.parse().ok()?))
}

/// Makes each story a test on both targets, held to the operations it names: `contracts!(a_story: ["v2_topics_list"],
/// another);` once a file, where a story is an `async fn(&World)`. What they name is the file's `CONTRACTS`.
#[macro_export]
macro_rules! contracts {
    ($($story:ident $(: [$($operation:literal),+ $(,)?])?),+ $(,)?) => {
        /// Operations of the API that the stories of this file hold to their contract.
        pub(crate) const CONTRACTS: &[&[&str]] = &[$(&[$($($operation),+)?]),+];

        mod on_sluice {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                let world = $crate::World::start($crate::Target::Bundled).await;
                let operations = &[$($($operation),+)?];
                $crate::contract::held(&world, operations, super::$story(&world)).await;
            })+
        }

        mod on_apache_kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                let world = $crate::World::start($crate::Target::ApacheKafka).await;
                let operations = &[$($($operation),+)?];
                $crate::contract::held(&world, operations, super::$story(&world)).await;
            })+
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successes_are_told_by_route() {
        let line = |code: &str| {
            let labels = "method=\"GET\",route=\"/topics/{topic}\"";
            format!("sluice_http_requests_total{{code=\"{code}\",{labels}}} 3")
        };
        let route = ("GET".to_owned(), "/topics/{topic}".to_owned());
        assert_eq!(success(&line("204")), Some((route, 3)));
        assert_eq!(success(&line("404")), None);
        assert_eq!(success("sluice_http_requests_in_flight 1"), None);
    }

    #[test]
    fn operations_are_known_by_method_and_route() {
        let route = ("POST".to_owned(), "/topics/{topic}".to_owned());
        assert_eq!(described()["v2_produce_to_topic"], route);
    }
}
