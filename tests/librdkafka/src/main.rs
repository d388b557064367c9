//! Producers with librdkafka that tell how long their records took to be acknowledged, all with `acks=all`.
//!
//! ```text
//! producers together <bootstrap> <topic> <producers> <records a second> <seconds> <bytes>
//! producers one-by-one <bootstrap> <topic> <records> <bytes>
//! ```
//! `together` keeps all producers at one rate, and begins to count after a second. `one-by-one` sends a record when the one
//! before is acknowledged, without linger. Either prints `<records a second> <p50> <p99> <highest>`, times in microseconds.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{
    BaseProducer, BaseRecord, Producer as _, ProducerContext, ThreadedProducer,
};

/// The first records find no connection and nothing compiled, cached or allocated.
const WARM_RECORDS: usize = 200;
const WARM: Duration = Duration::from_secs(1);

/// So often records are sent.
const TICK: Duration = Duration::from_millis(1);

const PATIENCE: Duration = Duration::from_secs(30);

/// Takes the time of what is delivered. A record carries when it was sent, in microseconds from `start`.
struct Timer {
    start: Instant,
    took: Mutex<Vec<(usize, usize)>>,
    /// Something was delivered.
    delivered: Condvar,
}

impl ClientContext for Timer {}

impl ProducerContext for Timer {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: usize) {
        if let Err((error, _)) = result {
            panic!("a record was not delivered: {error}");
        }
        let took = micros(self.start) - sent;
        self.took.lock().expect("no panic").push((sent, took));
        self.delivered.notify_one();
    }
}

fn micros(start: Instant) -> usize {
    usize::try_from(start.elapsed().as_micros()).expect("not that long")
}

fn producer<P>(bootstrap: &str, start: Instant, settings: &[(&str, &str)]) -> P
where
    P: FromClientConfigAndContext<Timer>,
{
    let timer = Timer {
        start,
        took: Mutex::default(),
        delivered: Condvar::new(),
    };
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("acks", "all");
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config.create_with_context(timer).expect("a producer")
}

/// A record that carries when it is sent.
fn record<'a>(start: Instant, topic: &'a str, value: &'a [u8]) -> BaseRecord<'a, (), [u8], usize> {
    BaseRecord::with_opaque_to(topic, micros(start)).payload(value)
}

fn together(bootstrap: &str, topic: &str, count: usize, rate: usize, seconds: u64, bytes: usize) {
    let start = Instant::now();
    // Room for what waits while the broker is slower than it should be.
    let room = (rate * 10).to_string();
    let settings = [("queue.buffering.max.messages", room.as_str())];
    let producers: Vec<BaseProducer<Timer>> = (0..count)
        .map(|_| producer(bootstrap, start, &settings))
        .collect();
    let value = vec![b'x'; bytes];
    let until = WARM + Duration::from_secs(seconds);
    let mut sent = 0;
    let is_waiting = || {
        producers
            .iter()
            .any(|producer| producer.in_flight_count() > 0)
    };
    while start.elapsed() < until || is_waiting() {
        let due = rate * micros(start) / 1_000_000;
        while sent < due && start.elapsed() < until {
            let sending = producers[sent % count].send(record(start, topic, &value));
            sending.map_err(|(error, _)| error).expect("it is sent");
            sent += 1;
        }
        for producer in &producers {
            producer.poll(Duration::ZERO);
        }
        assert!(
            start.elapsed() < until + PATIENCE,
            "not all is acknowledged"
        );
        std::thread::sleep(TICK);
    }
    let mut took = Vec::new();
    for producer in &producers {
        took.append(&mut producer.context().took.lock().expect("no panic"));
    }
    assert_eq!(took.len(), sent, "each record is acknowledged once");
    let warm = usize::try_from(WARM.as_micros()).expect("a second");
    took.retain(|(sent, _)| *sent >= warm);
    let ended = took.iter().map(|(sent, took)| sent + took).max();
    tell(took, ended.expect("records") - warm);
}

/// The next record is sent as soon as the one before is acknowledged: nobody polls, and nobody pauses.
fn one_by_one(bootstrap: &str, topic: &str, records: usize, bytes: usize) {
    let start = Instant::now();
    let producer: ThreadedProducer<Timer> = producer(bootstrap, start, &[("linger.ms", "0")]);
    let value = vec![b'x'; bytes];
    let one = |acknowledged: usize| {
        let sending = producer.send(record(start, topic, &value));
        sending.map_err(|(error, _)| error).expect("it is sent");
        let timer = producer.context();
        let took = timer.took.lock().expect("no panic");
        let waited = timer
            .delivered
            .wait_timeout_while(took, PATIENCE, |took| took.len() == acknowledged);
        assert!(
            !waited.expect("no panic").1.timed_out(),
            "a record is not acknowledged"
        );
    };
    (0..WARM_RECORDS).for_each(one);
    let begun = micros(start);
    (WARM_RECORDS..WARM_RECORDS + records).for_each(one);
    let elapsed = micros(start) - begun;
    let mut took = std::mem::take(&mut *producer.context().took.lock().expect("no panic"));
    took.drain(..WARM_RECORDS);
    tell(took, elapsed);
}

/// Prints what came of records that took `elapsed` microseconds together.
fn tell(took: Vec<(usize, usize)>, elapsed: usize) {
    let mut took: Vec<usize> = took.into_iter().map(|(_, took)| took).collect();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    let rate = took.len() * 1_000_000 / elapsed;
    println!("{rate} {} {} {}", at(50), at(99), at(100));
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |word: &str| {
        word.parse()
            .unwrap_or_else(|_| panic!("{word} is no number"))
    };
    match words[..] {
        [
            "together",
            bootstrap,
            topic,
            producers,
            rate,
            seconds,
            bytes,
        ] => together(
            bootstrap,
            topic,
            number(producers),
            number(rate),
            number(seconds).try_into().expect("seconds"),
            number(bytes),
        ),
        ["one-by-one", bootstrap, topic, records, bytes] => {
            one_by_one(bootstrap, topic, number(records), number(bytes));
        }
        _ => panic!("producers together|one-by-one <bootstrap> <topic> ..."),
    }
}
