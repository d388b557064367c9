//! The pages in a real browser: they show what `/metrics` and REST tell, keep themselves current, and load nothing from
//! elsewhere.

use std::process::Command;

use serde_json::Value;
use sluice_e2e::browser::Browser;
use sluice_e2e::process::Server;
use sluice_e2e::{Target, World, wait};

/// A sample each second: the stories wait for many.
const FAST: [&str; 4] = [
    "--monitor-interval",
    "1s",
    "--monitor-discovery-interval",
    "1s",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_shows_groups_of_kcat_on_sluice() {
    groups_and_their_lag(World::with(Target::Bundled, &FAST).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_shows_groups_of_kcat_on_apache_kafka() {
    groups_and_their_lag(World::with(Target::ApacheKafka, &FAST).await).await;
}

/// A topic, a group that keeps up with it and one that stopped.
struct Scene {
    topic: String,
    live: String,
    stalled: String,
    _member: Server,
}

async fn groups_and_their_lag(world: World) {
    let scene = set(&world).await;
    let browser = world.browser().await;
    let base = world.sluice().await.addresses().http.clone();
    browser.open(&base).await;
    lag_is(&browser, &scene.stalled, 7).await;
    overview_is_whole(&browser, &scene).await;
    others_tell_the_same(&world, &scene, 7).await;

    // What a reload would lose.
    browser.script("window.kept = true").await;
    world.kcat().produce(&scene.topic, "", &lines(1_234)).await;
    lag_is(&browser, &scene.stalled, 1_241).await;
    lag_is(&browser, &scene.live, 0).await;
    assert_eq!(browser.script("return window.kept").await, true, "reloaded");

    click_to_group(&browser, &scene.stalled).await;
    partitions_add_up(&browser, &scene.topic, 1_241).await;
    crosshair_follows_the_pointer(&browser).await;
    browser.open(&format!("{base}/groups/{}", scene.live)).await;
    let owner = format!("{} td:last-child", row("data-partition", "0"));
    wait_for_text(&browser, &owner, |text| text.starts_with("kcat-of-live ")).await;

    for path in ["/".to_owned(), format!("/groups/{}", scene.stalled)] {
        fits_a_phone_in_both_schemes(&browser, &format!("{base}{path}")).await;
    }
    assert_eq!(browser.console_messages().await, Vec::<String>::new());
    for url in browser.requested_urls().await {
        // The browser's own empty tab is `chrome:`.
        let is_own = [&format!("{base}/"), "data:", "chrome:"];
        let is_own = is_own.iter().any(|start| url.starts_with(*start));
        assert!(is_own, "the page asked for {url}");
    }
}

async fn set(world: &World) -> Scene {
    let (topic, live) = (world.unique("orders"), world.unique("live"));
    let stalled = world.unique("team-analytics.production.a-name-that-is-wider-than-any-phone");
    let kcat = world.kcat();
    kcat.produce(&topic, "", &lines(5)).await;
    let read = format!("-G {stalled} -X auto.offset.reset=earliest -e -q {topic}");
    kcat.run(&read, "").await.ok();
    kcat.produce(&topic, "", &lines(7)).await;
    let mut member = Command::new("kcat");
    member.args(["-b", world.bootstrap(), "-G", &live, "-u", "-q"]);
    member.args(["-X", "client.id=kcat-of-live"]);
    member.args(["-X", "auto.offset.reset=earliest"]);
    member.args(["-X", "auto.commit.interval.ms=200", &topic]);
    Scene {
        _member: Server::start("member", &mut member, world.folder()),
        topic,
        live,
        stalled,
    }
}

fn lines(count: usize) -> String {
    (0..count).map(|n| format!("order {n}\n")).collect()
}

/// The selector of the row for `name`.
fn row(attribute: &str, name: &str) -> String {
    format!("tr[{attribute}=\"{name}\"]")
}

async fn lag_is(browser: &Browser, group: &str, lag: u64) {
    let cell = format!("{} .lag", row("data-group", group));
    wait_for_text(browser, &cell, |text| number(text) == Some(lag)).await;
}

/// A number without what keeps its thousands apart.
fn number(text: &str) -> Option<u64> {
    text.replace('\u{202f}', "").parse().ok()
}

async fn wait_for_text(browser: &Browser, selector: &str, is_right: impl Fn(&str) -> bool) {
    wait::until(selector, wait::PATIENCE, || async {
        let text = browser.text(selector).await;
        match text {
            Some(text) if is_right(&text) => Ok(()),
            other => Err(format!("it shows {other:?}")),
        }
    })
    .await;
}

async fn overview_is_whole(browser: &Browser, scene: &Scene) {
    let (live, stalled) = (
        row("data-group", &scene.live),
        row("data-group", &scene.stalled),
    );
    wait_for_text(browser, &format!("{live} .state"), |text| text == "Stable").await;
    wait_for_text(browser, &format!("{stalled} .state"), |text| {
        text == "Empty"
    })
    .await;
    let spark = format!("return document.querySelector('{stalled} .spark path') !== null");
    wait::until_true("a sparkline", wait::PATIENCE, async || {
        browser.script(&spark).await == true
    })
    .await;
    let topic = format!("{} td:nth-child(2)", row("data-topic", &scene.topic));
    wait_for_text(browser, &topic, |text| text == "1").await;
    wait_for_text(browser, "tr[data-broker] .state", |text| text == "up").await;
    let names =
        "return [...document.querySelectorAll('tr[data-group]')].map((row) => row.dataset.group)";
    let names: Vec<String> = serde_json::from_value(browser.script(names).await).expect("names");
    let place = |name: &String| names.iter().position(|other| other == name);
    assert!(place(&scene.stalled) < place(&scene.live), "{names:?}");
}

async fn others_tell_the_same(world: &World, scene: &Scene, lag: u64) {
    let http = world.http().await;
    let metrics = http.text("/metrics").await;
    let (group, topic) = (&scene.stalled, &scene.topic);
    let labels = format!("group=\"{group}\",topic=\"{topic}\"}} {lag}\n");
    let is_lag =
        |line: &str| line.starts_with("sluice_group_lag{") && line.ends_with(labels.trim_end());
    assert!(
        metrics.lines().any(is_lag),
        "no sluice_group_lag of {labels}"
    );
    let clusters = http.get("/v3/clusters").await;
    let cluster = clusters["data"][0]["cluster_id"].as_str().expect("an id");
    let path = format!("/v3/clusters/{cluster}/consumer-groups/{group}/lag-summary");
    assert_eq!(http.get(&path).await["total_lag"], lag);
}

async fn click_to_group(browser: &Browser, group: &str) {
    browser
        .click(&format!("{} a", row("data-group", group)))
        .await;
    wait_for_text(browser, "h1", |text| text == group).await;
}

async fn partitions_add_up(browser: &Browser, topic: &str, lag: u64) {
    let cells = format!(
        "return [...document.querySelector('table[data-topic=\"{topic}\"] tbody tr').cells].map((cell) => cell.innerText)"
    );
    wait::until("a row that adds up", wait::PATIENCE, || async {
        let cells = browser.script(&cells).await;
        let cell = |index: usize| cells[index].as_str().and_then(number);
        let is_right = cell(0) == Some(0)
            && cell(1) == Some(5)
            && cell(2) == Some(5 + lag)
            && cell(3) == Some(lag)
            && cells[4].as_str().is_some_and(|time| time.ends_with(" s"))
            && cells[5] == "";
        if is_right {
            Ok(())
        } else {
            Err(cells.to_string())
        }
    })
    .await;
}

async fn crosshair_follows_the_pointer(browser: &Browser) {
    let drawn = "return ['end', 'committed', 'lag'].every((name) => document.querySelector(`.chart .line.${name}`))";
    wait::until_true("three lines", wait::PATIENCE, async || {
        browser.script(drawn).await == true
    })
    .await;
    browser.point_at(".chart").await;
    let is_told = |text: &str| text.contains("end ") && text.contains("committed 5");
    wait_for_text(browser, "figure output", is_told).await;
    browser
        .script("document.querySelector('.live').dataset.before = 'yes'")
        .await;
    wait::until_true("the next refresh", wait::PATIENCE, async || {
        let before = "return document.querySelector('.live').dataset.before ?? null";
        browser.script(before).await == Value::Null
    })
    .await;
    let told = browser.text("figure output").await;
    assert!(
        told.as_deref().is_some_and(is_told),
        "after a refresh: {told:?}"
    );
}

async fn fits_a_phone_in_both_schemes(browser: &Browser, url: &str) {
    browser.resize(390, 844).await;
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefer_color_scheme(scheme).await;
        browser.open(url).await;
        let widths = "return [innerWidth, document.documentElement.scrollWidth]";
        let widths = browser.script(widths).await;
        assert_eq!(widths, serde_json::json!([390, 390]), "{url}, {scheme}");
        grounds.push(
            browser
                .script("return getComputedStyle(document.body).backgroundColor")
                .await,
        );
    }
    assert_ne!(grounds[0], grounds[1], "{url} is as dark as it is light");
}
