//! A real Prometheus scrapes running Sluices: every query of every panel finds numbers, and what waits for a trigger finds none
//! before it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sluice_e2e::http::Http;
use sluice_e2e::prometheus::{Prometheus, promtool};
use sluice_e2e::repository;

use super::catalogue::Catalogue;
use super::dashboard::{Dashboard, NAMES, Target};
use super::grafana::{self, Choice};
use super::traffic::{Pair, Traffic};
use super::triggers::Triggers;
use super::{rules, scrape};

/// From the first record to numbers in every panel. Requests to a cluster that is gone try for a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// A query of a panel.
#[derive(Debug)]
struct Query<'a> {
    dashboard: usize,
    target: &'a Target,
    /// For people: dashboard, panel, target, expression.
    name: String,
    trigger: Option<&'a str>,
}

fn queries<'a>(dashboards: &'a [Dashboard], triggers: &'a Triggers) -> Vec<Query<'a>> {
    let mut queries = Vec::new();
    for (number, (name, dashboard)) in NAMES.iter().zip(dashboards).enumerate() {
        for panel in dashboard.charts() {
            queries.extend(panel.targets.iter().map(|target| Query {
                dashboard: number,
                target,
                name: format!("{name}: {} {}: {}", panel.title, target.id, target.expr),
                trigger: triggers.of(name, &panel.title),
            }));
        }
    }
    queries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_has_numbers_for_every_panel_once_kcat_and_rest_were_used() {
    let mut pair = Pair::start().await;
    let prometheus = scraping(&pair).await;
    let dashboards = NAMES.map(Dashboard::named);
    let triggers = Triggers::of_repository();
    let mut queries = queries(&dashboards, &triggers);
    for query in queries.iter().filter(|query| query.trigger.is_some()) {
        let numbers = grafana::numbers(&prometheus, query.target, &Choice::all()).await;
        assert_eq!(numbers, 0, "before its trigger: {}", query.name);
    }

    let traffic = Traffic::start(&mut pair).await;
    let start = Instant::now();
    while !queries.is_empty() {
        traffic.turn(&pair).await;
        let left = unanswered(&prometheus, &dashboards, &mut queries).await;
        assert!(
            start.elapsed() < PATIENCE,
            "no numbers after {PATIENCE:?}:\n{}",
            left.join("\n")
        );
    }
    prometheus_reads_every_rule(&prometheus).await;
    what_is_shown_is_declared(&pair).await;
}

/// Takes the queries out that find numbers, with *All* and with every value chosen by name; what is left, and why.
async fn unanswered(
    prometheus: &Prometheus,
    dashboards: &[Dashboard],
    queries: &mut Vec<Query<'_>>,
) -> Vec<String> {
    let mut choices = Vec::new();
    for dashboard in dashboards {
        match Choice::of_every_value(dashboard, prometheus).await {
            Ok(choice) => choices.push(choice),
            Err(error) => return vec![error],
        }
    }
    let mut left = Vec::new();
    for query in std::mem::take(queries) {
        let chosen = choices.get(query.dashboard).expect("one a dashboard");
        let has_numbers = grafana::numbers(prometheus, query.target, &Choice::all()).await > 0
            && grafana::numbers(prometheus, query.target, chosen).await > 0;
        if !has_numbers {
            left.push(query);
        }
    }
    let names = left.iter().map(|query| query.name.clone()).collect();
    *queries = left;
    names
}

/// A Prometheus that scrapes both every second, with the rules of the repository.
async fn scraping(pair: &Pair) -> Prometheus {
    let targets = pair.addresses().await;
    let targets = targets.map(|url| url.trim_start_matches("http://").to_owned());
    let rules = repository::root().join("dashboards/alerts.yml");
    let rules = rules.canonicalize().expect("the rules are there");
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}']\n\
         scrape_configs:\n\
         - job_name: sluice\n  static_configs: [{{targets: ['{}', '{}']}}]\n",
        rules.display(),
        targets[0],
        targets[1],
    );
    Prometheus::with_config(&config, pair.world.folder()).await
}

/// What the tests take for the rules is what Prometheus takes for them, and it can evaluate each.
async fn prometheus_reads_every_rule(prometheus: &Prometheus) {
    let read = prometheus.http().get("/api/v1/rules").await;
    let groups = read["data"]["groups"].as_array().into_iter().flatten();
    let read: Vec<_> = groups
        .flat_map(|group| group["rules"].as_array().into_iter().flatten())
        .collect();
    let names: BTreeSet<&str> = read
        .iter()
        .filter_map(|rule| rule["name"].as_str())
        .collect();
    let known = rules::of_repository();
    let known: BTreeSet<&str> = known.iter().map(|rule| rule.alert.as_str()).collect();
    assert_eq!(names, known);
    for rule in read {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}

/// Both scrapes hold to the catalogue and to promtool, and between them show every family there is.
async fn what_is_shown_is_declared(pair: &Pair) {
    let mut catalogue = Catalogue::of_repository();
    catalogue.families.remove("up");
    let mut shown = BTreeSet::new();
    for address in pair.addresses().await {
        let text = Http::new(&address).text("/metrics").await;
        let findings = scrape::findings(&text, &catalogue);
        assert!(findings.is_empty(), "{address}: {}", findings.join("\n"));
        promtool(pair.world.folder(), &["check", "metrics"], &text)
            .await
            .ok();
        shown.extend(scrape::families(&text).into_keys());
    }
    let missing: Vec<&String> = catalogue
        .families
        .keys()
        .filter(|name| !shown.contains(*name))
        .collect();
    assert!(missing.is_empty(), "declared and never shown: {missing:?}");
}
