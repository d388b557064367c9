use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use askama::Template;

use super::group::GroupPage;
use super::overview::OverviewPage;
use super::page::Frame;
use super::sparkline::{Recent, Sparklines};
use crate::config::{self, Config};
use crate::monitor::calculator::Calculator;
use crate::monitor::history::History;
use crate::monitor::sample::{
    GroupSample, MemberSample, Millis, PartitionSample, Sample, TopicSample,
};
use crate::monitor::snapshot::Snapshot;

/// Groups that read topic `t`, whose one partition ends at 1,000, up to the given offsets.
fn watched(groups: &[(&str, i64)]) -> (Snapshot, History) {
    let partition = PartitionSample {
        log_start: Some(0),
        log_end: Some(1_000),
        ..PartitionSample::default()
    };
    let topic = TopicSample {
        partitions: BTreeMap::from([(0, partition)]),
        ..TopicSample::default()
    };
    let mut sample = Sample {
        topics: BTreeMap::from([("t".into(), topic)]),
        ..Sample::default()
    };
    for (name, offset) in groups {
        let member = MemberSample {
            client_id: "app<1>".into(),
            assigned: vec![("t".into(), 0)],
            ..MemberSample::default()
        };
        let group = GroupSample {
            state: "Stable".into(),
            members: Some(vec![member]),
            committed: Some(BTreeMap::from([(("t".into(), 0), *offset)])),
            ..GroupSample::default()
        };
        sample.groups.insert((*name).into(), group);
    }
    let mut calculator = Calculator::new("local");
    let mut history = History::new(100, 3_600_000);
    let mut snapshot = Snapshot::default();
    for cycle in 0..3 {
        sample.ended_at = 1 + cycle * 5_000;
        snapshot = calculator.compute(sample.clone());
        history.record(&snapshot);
    }
    (snapshot, history)
}

fn frame_at(snapshot: &Snapshot, now: Millis, base_url: String) -> Frame {
    let config = Config::for_testing(Path::new("unused")).unwrap();
    let settings = config::Monitor {
        interval: Duration::from_secs(5),
        ..config.monitor
    };
    Frame::new(snapshot, now, &settings, base_url)
}

fn overview(groups: &[(&str, i64)], query: &str) -> String {
    let (snapshot, history) = watched(groups);
    let frame = frame_at(&snapshot, 12_001, "http://here".into());
    let recent = Recent {
        history: &history,
        since: 0,
        sparklines: &Sparklines::default(),
    };
    OverviewPage::new(frame, &snapshot, recent, query)
        .render()
        .unwrap()
}

#[test]
fn groups_are_sorted_by_lag_and_those_that_cannot_be_told_come_first() {
    let page = overview(&[("calm", 990), ("broken", 2_000), ("behind", 100)], "");
    let place = |name: &str| page.find(&format!("data-group=\"{name}\"")).unwrap();
    assert!(place("broken") < place("behind") && place("behind") < place("calm"));
    assert!(page.contains("sampled 2.0 s ago"), "{page}");
    assert_eq!(page.matches("class=\"spark\"").count(), 2);
}

#[test]
fn the_search_keeps_what_it_names() {
    let page = overview(&[("orders-a", 0), ("billing", 0)], "orders");
    assert!(page.contains("data-group=\"orders-a\"") && !page.contains("data-group=\"billing\""));
    assert!(overview(&[("a", 0)], "zzz").contains("name contains “zzz”"));
}

#[test]
fn names_from_the_cluster_cannot_become_markup() {
    let page = overview(&[("<script>alert(1)</script>", 0)], "\"><script>");
    assert!(!page.contains("<script>alert"), "{page}");
    let (snapshot, history) = watched(&[("<b>", 0)]);
    let frame = frame_at(&snapshot, 10_000, "http://here".into());
    let page = GroupPage::new(frame, &snapshot, &history, "<b>", 0)
        .unwrap()
        .render()
        .unwrap();
    assert!(
        !page.contains("<b>") && page.contains("app&#60;1&#62;"),
        "{page}"
    );
}

#[test]
fn a_group_shows_where_it_stands_and_how_it_came_there() {
    let (snapshot, history) = watched(&[("billing", 400)]);
    let frame = frame_at(&snapshot, 60_000, "http://here".into());
    let page = GroupPage::new(frame, &snapshot, &history, "billing", 0)
        .unwrap()
        .render()
        .unwrap();
    for part in [
        "600",
        "400",
        "1\u{202f}000",
        "class=\"line committed\"",
        "class=\"line lag\"",
        "≥ 10 s",
    ] {
        assert!(page.contains(part), "{part} is missing from {page}");
    }
    assert!(
        page.contains("what follows is old"),
        "a sample of 50 s ago is not marked"
    );
    let frame = frame_at(&snapshot, 10_000, "http://here".into());
    assert!(GroupPage::new(frame, &snapshot, &history, "nobody", 0).is_none());
}

#[test]
fn members_that_kafka_does_not_tell_are_unknown() {
    let (mut snapshot, history) = watched(&[("shared", 400)]);
    snapshot.groups.get_mut("shared").unwrap().members = None;
    let frame = || frame_at(&snapshot, 10_000, "http://here".into());
    let page = GroupPage::new(frame(), &snapshot, &history, "shared", 0).unwrap();
    let page = page.render().unwrap();
    assert!(page.contains("<dt>Members</dt><dd>unknown</dd>"), "{page}");
    let recent = Recent {
        history: &history,
        since: 0,
        sparklines: &Sparklines::default(),
    };
    let page = OverviewPage::new(frame(), &snapshot, recent, "")
        .render()
        .unwrap();
    assert!(
        page.contains("<td class=\"number\">unknown</td></tr>"),
        "{page}"
    );
}

#[test]
fn headings_tell_how_far_the_charts_reach_back() {
    let (snapshot, history) = watched(&[("billing", 400)]);
    let group = |frame: Frame| {
        let page = GroupPage::new(frame, &snapshot, &history, "billing", 0);
        page.unwrap().render().unwrap()
    };
    let frame = frame_at(&snapshot, 10_000, "http://here".into());
    assert!(group(frame).contains("<h2 id=\"chart\">Last hour</h2>"));
    let settings = config::Monitor {
        history: Duration::from_secs(5_400),
        ..Config::for_testing(Path::new("unused")).unwrap().monitor
    };
    let frame = Frame::new(&snapshot, 10_000, &settings, "http://here".into());
    let page = group(frame);
    assert!(
        page.contains("<h2 id=\"chart\">Last 1 h 30 m</h2>"),
        "{page}"
    );
    assert!(
        page.contains("lag of billing over the last 1 h 30 m"),
        "{page}"
    );
}

#[test]
fn pages_ask_nothing_of_anybody_else() {
    let page = overview(&[("g", 0)], "");
    let outside = ["http://", "https://", "//cdn", "@import", "url("];
    let shown = page.replace("http://here", "");
    for text in [
        shown.as_str(),
        super::STYLESHEET,
        &super::SCRIPT.replace("http://www.w3.org/2000/svg", ""),
    ] {
        for mark in outside {
            assert!(!text.contains(mark), "{mark} in {text}");
        }
    }
    assert!(
        !page.contains(" style=\"") && !page.contains("<style"),
        "inline styles need a laxer policy"
    );
}
