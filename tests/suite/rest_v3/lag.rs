//! Lag, which is one number wherever it is shown.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_e2e::console::Tool;
use sluice_e2e::{Target, World, contracts, wait};

use super::Api;

contracts!(
    console_tools_metrics_and_rest_tell_one_lag_of_a_kcat_group: ["v3_lag_list", "v3_lag_get", "v3_lag_summary"],
    a_partition_whose_lag_is_unknown_hides_the_sum_and_is_named: ["v3_lag_list"],
);

/// Records of each partition: some that the group reads, some that come later.
const READ: [u64; 3] = [2, 1, 3];
const LATER: [u64; 3] = [1, 4, 0];

async fn console_tools_metrics_and_rest_tell_one_lag_of_a_kcat_group(world: &World) {
    let api = Api::of(world).await;
    let (topic, group) = (world.unique("lagging"), world.unique("v3-billing"));
    api.topic(&topic, 3).await;
    produce(&api, &topic, READ).await;
    let read = format!("-G {group} -X auto.offset.reset=earliest -e -q {topic}");
    let read = world.kcat().run(&read, "").await.ok();
    assert_eq!(read.lines().count(), 6);
    produce(&api, &topic, LATER).await;

    let expected: BTreeMap<i32, u64> = (0..).zip(LATER).collect();
    assert_eq!(by_console(world, &group).await, expected);
    let patience = wait::PATIENCE;
    let labels = series(world, &api, &group, &topic);
    wait::until("the lag on /metrics", patience, async || {
        let text = api.http.text("/metrics").await;
        let partitions = by_metrics(&text, &labels);
        let sum = value(&text, &format!("sluice_group_lag{{{labels}"));
        let max = value(&text, &format!("sluice_group_lag_max{{{labels}"));
        if partitions == expected && sum == Some(5) && max == Some(4) {
            Ok(())
        } else {
            Err(format!("{partitions:?}, sum {sum:?}, max {max:?}"))
        }
    })
    .await;
    by_rest(&api, &group, &topic).await;
    summary(&api, &group, &topic).await;

    let console = world.console();
    let delete = format!("--delete --group {group}");
    console.run(Tool::ConsumerGroups, &delete, "").await.ok();
    gone(&api, &format!("group=\"{group}\"")).await;
    let path = format!("/consumer-groups/{group}");
    api.eventually(&path, |answer| answer.status == 404).await;
    api.delete(&format!("/topics/{topic}")).await.is_empty();
    gone(&api, &format!("topic=\"{topic}\"")).await;
}

async fn produce(api: &Api, topic: &str, counts: [u64; 3]) {
    let entries: Vec<Value> = (0..)
        .zip(counts)
        .flat_map(|(partition, count)| {
            let value = json!({"type": "JSON", "data": 1});
            (0..count).map(move |n| {
                json!({"id": format!("{partition}-{n}"), "partition_id": partition, "value": value})
            })
        })
        .collect();
    let path = format!("/topics/{topic}/records:batch");
    let answer = api.post(&path, &json!({"entries": entries})).await;
    assert_eq!(answer.has_status(207).json()["failures"], json!([]));
}

/// Columns of the description: group, topic, partition, committed, end, lag.
async fn by_console(world: &World, group: &str) -> BTreeMap<i32, u64> {
    let args = format!("--describe --group {group}");
    let told = world
        .console()
        .run(Tool::ConsumerGroups, &args, "")
        .await
        .ok();
    let rows = told.lines().filter(|line| line.starts_with(group));
    rows.map(|row| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let number = |column: usize| columns[column].parse::<u64>().expect("a number");
        let partition = i32::try_from(number(2)).expect("a small number");
        (partition, number(5))
    })
    .collect()
}

/// The label `cluster` is the name of a bundled broker's cluster, and the id of any other.
fn series(world: &World, api: &Api, group: &str, topic: &str) -> String {
    let cluster = match world.target() {
        Target::Bundled => "local",
        Target::ApacheKafka => &api.cluster,
    };
    format!("cluster=\"{cluster}\",group=\"{group}\",topic=\"{topic}\"")
}

/// The value of the only series that begins with `start`.
fn value(text: &str, start: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(start))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn by_metrics(text: &str, labels: &str) -> BTreeMap<i32, u64> {
    let start = format!("sluice_group_partition_lag{{{labels},");
    let partition = |number: i32| {
        let lag = value(text, &format!("{start}partition=\"{number}\"}}"))?;
        Some((number, lag))
    };
    (0..3).filter_map(partition).collect()
}

async fn by_rest(api: &Api, group: &str, topic: &str) {
    let path = format!("/consumer-groups/{group}/lags");
    let lags = (0..).zip(READ.into_iter().zip(LATER));
    let lags = lags.map(|(number, (committed, lag))| {
        json!({
            "kind": "KafkaConsumerLag",
            "metadata": api.metadata(
                &format!("{path}/{topic}/partitions/{number}"),
                &format!("/consumer-group={group}/lag={topic}/partition={number}"),
            ),
            "cluster_id": api.cluster,
            "consumer_group_id": group,
            "topic_name": topic,
            "partition_id": number,
            "consumer_id": "",
            "instance_id": null,
            "client_id": "",
            "current_offset": committed,
            "log_end_offset": committed + lag,
            "lag": lag,
        })
    });
    let lags: Vec<Value> = lags.collect();
    let mut list = api.get(&path).await.has_status(200).json();
    for lag in list["data"].as_array_mut().expect("a list") {
        ages(lag);
    }
    assert_eq!(list, api.list("KafkaConsumerLagList", &path, &json!(lags)));
    let one = api.get(&format!("{path}/{topic}/partitions/1")).await;
    let mut one = one.has_status(200).json();
    ages(&mut one);
    assert_eq!(one, lags[1]);
    let none = api.get(&format!("{path}/{topic}/partitions/7")).await;
    none.is_error(404, 404, "Consumer lags not found.");
}

/// Takes the age of a lag, which is there.
fn ages(lag: &mut Value) {
    let fields = lag.as_object_mut().expect("a lag");
    let age = fields.remove("time_lag_seconds");
    let is_bound = fields.remove("is_time_lag_at_least");
    assert!(age.is_some() && is_bound.is_some_and(|it| it.is_boolean()));
}

async fn a_partition_whose_lag_is_unknown_hides_the_sum_and_is_named(world: &World) {
    let api = Api::of(world).await;
    let (topic, group) = (world.unique("beyond"), world.unique("v3-beyond"));
    api.topic(&topic, 3).await;
    produce(&api, &topic, [3, 3, 3]).await;
    let path = format!("/consumer-groups/{group}");
    commit(&api, &group, &topic, 1, 900).await;
    let message = format!(
        "The lag of partition 1 of topic {topic} is not known: \
         the commit lies beyond the end of the log."
    );
    for part in ["lags", "lag-summary"] {
        let answer = api.get(&format!("{path}/{part}")).await;
        answer.is_error(503, 50_302, &message);
    }
    commit(&api, &group, &topic, 0, 1).await;
    let told = api.get(&format!("{path}/lags")).await;
    let told = told.has_status(200).json();
    assert_eq!(
        (&told["data"][0]["lag"], &told["data"][1]),
        (&json!(1), &Value::Null)
    );
    let unknown = json!([{
        "topic_name": topic,
        "partition_id": 1,
        "reason": "commit_beyond_end",
        "last_lag": null,
        "last_lag_age_seconds": null,
    }]);
    assert_eq!(told["unknown"], unknown);
    let answer = api.get(&format!("{path}/lag-summary")).await;
    answer.is_error(503, 50_302, &message);
    let answer = api.get(&format!("{path}/lags/{topic}/partitions/1")).await;
    answer.is_error(503, 50_302, &message);
    let answer = api.get(&format!("{path}/lags/{topic}/partitions/2")).await;
    answer.is_error(404, 404, "Consumer lags not found.");
}

/// Commits over v2, whose offsets are those of the last record read.
async fn commit(api: &Api, group: &str, topic: &str, partition: i32, read: i64) {
    let v2 = "application/vnd.kafka.v2+json";
    let made = json!({"name": format!("i{partition}")});
    let path = format!("/consumers/{group}");
    api.http.post(&path, v2, &made).await;
    let path = format!("{path}/instances/i{partition}/offsets");
    let offsets = json!({"offsets": [{"topic": topic, "partition": partition, "offset": read}]});
    api.http.post(&path, v2, &offsets).await;
}

async fn summary(api: &Api, group: &str, topic: &str) {
    let path = format!("/consumer-groups/{group}");
    let at = format!("{path}/lag-summary");
    let expected = json!({
        "kind": "KafkaConsumerGroupLagSummary",
        "metadata": api.metadata(&at, &format!("/consumer-group={group}/lag-summary")),
        "cluster_id": api.cluster,
        "consumer_group_id": group,
        "max_lag_consumer_id": "",
        "max_lag_instance_id": null,
        "max_lag_client_id": "",
        "max_lag_topic_name": topic,
        "max_lag_partition_id": 1,
        "max_lag": 4,
        "total_lag": 5,
        "max_lag_consumer": api.related(&format!("{path}/consumers/")),
        "max_lag_partition": api.related(&format!("/topics/{topic}/partitions/1")),
    });
    api.get(&at).await.is(200, &expected);
}

/// Waits until no series of the monitor carries `label`; what REST itself counted stays.
async fn gone(api: &Api, label: &str) {
    let patience = wait::PATIENCE;
    wait::until(&format!("{label} to disappear"), patience, async || {
        let text = api.http.text("/metrics").await;
        let line = text
            .lines()
            .filter(|line| !line.starts_with("sluice_rest_"))
            .find(|line| line.contains(label));
        line.map_or(Ok(()), |line| Err(line.to_owned()))
    })
    .await;
}
