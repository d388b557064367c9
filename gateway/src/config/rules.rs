//! Rules between values: what each alone cannot know.

use std::time::Duration;

use super::Config;
use super::fault::Fault;
use super::monitor::Monitor;
use super::value::{Listen, Value};

/// Every rule that `config` breaks.
pub(super) fn check(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (general, broker, http) = (&config.general, &config.broker, &config.http);
    let bundled = general.bootstrap_servers.is_none();
    if bundled {
        faults.extend(reach("broker.listen", broker.listen, general.insecure));
        if broker.listen.is_unspecified() && broker.advertised.is_none() {
            faults.push(fault(
                "broker.listen",
                &broker.listen,
                "clients cannot connect to this address; say what they reach with broker.advertised \
                 (--broker-advertised host:port)",
            ));
        }
    }
    faults.extend(reach("http.listen", http.listen, general.insecure));
    if general.shutdown_timeout < Duration::from_secs(1) {
        faults.push(fault(
            "shutdown_timeout",
            &general.shutdown_timeout,
            "must be at least 1s",
        ));
    }
    if http.workers > 256 {
        faults.push(fault("http.workers", &http.workers, "must be at most 256"));
    }
    if !(1 << 10..=1 << 30).contains(&http.request_size_max.0) {
        faults.push(fault(
            "http.request_size_max",
            &http.request_size_max,
            "must be from 1KiB to 1GiB",
        ));
    }
    if http.request_memory_max < http.request_size_max {
        faults.push(fault(
            "http.request_memory_max",
            &http.request_memory_max,
            "must be at least http.request_size_max, or the largest request could never be served",
        ));
    }
    for (key, value) in [
        ("http.requests_in_flight_max", &http.requests_in_flight_max),
        ("http.connections_max", &http.connections_max),
    ] {
        if *value == 0 {
            faults.push(fault(key, value, "must be at least 1"));
        }
    }
    if http.idle_timeout < Duration::from_secs(1) {
        faults.push(fault(
            "http.idle_timeout",
            &http.idle_timeout,
            "must be at least 1s",
        ));
    }
    faults.extend(monitor(&config.monitor));
    faults
}

fn monitor(monitor: &Monitor) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut rule = |key: &str, value: &Duration, is_met: bool, problem: &str| {
        if !is_met {
            faults.push(fault(key, value, problem));
        }
    };
    let Monitor {
        interval,
        discovery_interval,
        history,
        ..
    } = monitor;
    rule(
        "monitor.interval",
        interval,
        interval.as_millis() >= 100,
        "must be at least 100ms",
    );
    rule(
        "monitor.discovery_interval",
        discovery_interval,
        discovery_interval >= interval,
        "must be at least monitor.interval",
    );
    let (least, most) = (Duration::from_secs(60), Duration::from_secs(7 * 24 * 3_600));
    let is_within = (least..=most).contains(history);
    rule(
        "monitor.history",
        history,
        is_within,
        "must be from 1m to 7d",
    );
    faults
}

fn reach(key: &str, listen: Listen, insecure: bool) -> Option<Fault> {
    (!listen.is_loopback() && !insecure).then(|| {
        fault(
            key,
            &listen,
            "others could connect and nothing would ask who they are; listen on 127.0.0.1, or allow it \
             with insecure = true (--insecure)",
        )
    })
}

fn fault(key: &str, value: &impl Value, problem: &str) -> Fault {
    Fault::Value {
        key: key.to_owned(),
        value: value.show(),
        origin: "checked with the other settings".to_owned(),
        problem: problem.to_owned(),
    }
}
