//! What a configuration accepts, refuses and prints.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::*;

/// A machine made of two maps.
#[derive(Default)]
struct Fixed {
    files: BTreeMap<&'static str, &'static str>,
    variables: Vec<(&'static str, &'static str)>,
}

impl Source for Fixed {
    fn file(&self, path: &Path) -> io::Result<Option<String>> {
        Ok(path
            .to_str()
            .and_then(|path| self.files.get(path))
            .map(|text| (*text).to_owned()))
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }
}

fn toml(text: &'static str) -> Fixed {
    Fixed {
        files: [("sluice.toml", text)].into(),
        ..Fixed::default()
    }
}

fn environment(variables: &[(&'static str, &'static str)]) -> Fixed {
    Fixed {
        variables: variables.to_vec(),
        ..Fixed::default()
    }
}

fn flags(pairs: &[(&str, &str)]) -> Flags {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn faults(source: &Fixed, pairs: &[(&str, &str)]) -> Vec<String> {
    let faults = Config::load(source, flags(pairs)).expect_err("the configuration is wrong");
    faults.0.iter().map(Fault::to_string).collect()
}

#[test]
fn defaults_are_valid_and_local() {
    let config = Config::load(&Fixed::default(), Flags::new())
        .unwrap()
        .config;
    assert!(config.broker.listen.is_loopback());
    assert_eq!(config.broker.listen.show(), "127.0.0.1:9092");
    assert_eq!(config.http.listen.show(), "127.0.0.1:8082");
    assert_eq!(config.general.shutdown_timeout, Duration::from_secs(30));
    assert!(config.general.bootstrap_servers.is_none());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let mut source =
        toml("[http]\nlisten = \"127.0.0.1:1\"\nworkers = 3\n[log]\nlevel = \"warn\"\n");
    source.variables = vec![
        ("SLUICE_HTTP_LISTEN", "127.0.0.1:2"),
        ("SLUICE_LOG_LEVEL", "debug"),
    ];
    let config = Config::load(&source, flags(&[("http.listen", "127.0.0.1:3")]))
        .unwrap()
        .config;
    assert_eq!(config.http.listen.show(), "127.0.0.1:3");
    assert_eq!(config.log.level.as_str(), "debug");
    assert_eq!(config.http.workers, 3);
}

#[test]
fn every_fault_is_reported_at_once_with_key_value_and_advice() {
    let source = toml(
        "colour = 1\n[http]\nlisten = 8082\nidle_timeout = \"30\"\n[broker]\nlistne = \"x\"\n",
    );
    assert_eq!(
        faults(&source, &[("insecure", "yes")]),
        [
            "unknown setting broker.listne (sluice.toml): did you mean broker.listen?",
            "unknown setting colour (sluice.toml): `sluice config` lists every setting",
            "insecure = \"yes\" (flag --insecure): must be true or false",
            "http.listen = \"8082\" (sluice.toml): must be an IP address or localhost, and a port, such \
             as 127.0.0.1:8082, [::1]:8082 or localhost:8082",
            "http.idle_timeout = \"30\" (sluice.toml): must be a whole number and a unit, such as 500ms, \
             30s, 5m, 12h or 7d",
        ]
    );
}

#[test]
fn rules_are_checked_beside_what_cannot_be_read() {
    let source =
        toml("[http]\nidle_timeout = \"30\"\nworkers = 999\n[monitor]\nhistory = \"1s\"\n");
    let found = faults(&source, &[("broker.listen", "192.0.2.1:1")]);
    let keys: Vec<_> = found.iter().filter_map(|it| it.split(' ').next()).collect();
    let all = [
        "http.idle_timeout",
        "broker.listen",
        "http.workers",
        "monitor.history",
    ];
    assert_eq!(keys, all, "{found:?}");
}

#[test]
fn a_rule_says_nothing_where_one_of_its_settings_cannot_be_read() {
    for (unread, other) in [
        (
            ("http.request_size_max", "x"),
            ("http.request_memory_max", "60MiB"),
        ),
        (("insecure", "x"), ("http.listen", "192.0.2.1:1")),
        (
            ("bootstrap_servers", "x"),
            ("broker.request_size_max", "1KiB"),
        ),
        (("broker.listen", "9092"), ("http.listen", "127.0.0.1:9092")),
    ] {
        let found = faults(&Fixed::default(), &[unread, other]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(unread.0), "{found:?}");
    }
    let found = faults(
        &toml("insecure = true\n["),
        &[("http.listen", "192.0.2.1:1")],
    );
    assert_eq!(found.len(), 1, "the file may have allowed it: {found:?}");
}

#[test]
fn one_port_for_both_sides_is_a_fault_that_names_both() {
    for (broker, http) in [
        ("127.0.0.1:9092", "127.0.0.1:9092"),
        ("127.0.0.1:9092", "localhost:9092"),
        ("[::]:9092", "0.0.0.0:9092"),
        ("127.0.0.1:9092", "0.0.0.0:9092"),
    ] {
        let more = [("insecure", "true"), ("broker.advertised", "host:1")];
        let ports = [("broker.listen", broker), ("http.listen", http)];
        let found = faults(&Fixed::default(), &[more, ports].concat());
        assert_eq!(found.len(), 1, "{found:?}");
        for name in ["http.listen", "broker.listen"] {
            assert!(found[0].contains(name), "{found:?}");
        }
    }
    for (broker, http) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:9092", "[::1]:9092"),
        ("127.0.0.1:9092", "127.0.0.1:9093"),
    ] {
        let ports = flags(&[("broker.listen", broker), ("http.listen", http)]);
        assert!(Config::load(&Fixed::default(), ports).is_ok(), "{http}");
    }
    let outside = [
        ("bootstrap_servers", "a:1"),
        ("broker.listen", "127.0.0.1:8082"),
    ];
    assert!(Config::load(&Fixed::default(), flags(&outside)).is_ok());
}

#[test]
fn only_a_name_that_is_near_is_suggested() {
    for name in ["SLUICE_FOO", "SLUICE_KAFKA", "SLUICE_HTTP_PORTS"] {
        let found = faults(&environment(&[(name, "x")]), &[]);
        assert!(
            found[0].ends_with("`sluice config` lists every setting"),
            "{found:?}"
        );
    }
}

#[test]
fn listening_beyond_this_machine_must_be_allowed() {
    for key in ["broker.listen", "http.listen"] {
        let found = faults(&Fixed::default(), &[(key, "192.0.2.1:9092")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(&format!("{key} = \"192.0.2.1:9092\"")),
            "{}",
            found[0]
        );
        assert!(found[0].contains("--insecure"), "{}", found[0]);
        let allowed = flags(&[(key, "192.0.2.1:9092"), ("insecure", "true")]);
        assert!(Config::load(&Fixed::default(), allowed).is_ok());
    }
}

#[test]
fn an_unspecified_broker_address_needs_an_advertised_one() {
    let open = [("broker.listen", "0.0.0.0:9092"), ("insecure", "true")];
    let found = faults(&Fixed::default(), &open);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("broker.advertised (--broker-advertised host:port)"),
        "{}",
        found[0]
    );
    for host in [
        "broker.example.org:9092",
        "broker.example.org",
        "[2001:db8::1]:9092",
        "192.0.2.1",
    ] {
        let flags = flags(&[open[0], open[1], ("broker.advertised", host)]);
        let config = Config::load(&Fixed::default(), flags).unwrap().config;
        assert_eq!(config.broker.advertised.unwrap().show(), host);
    }
    let portless = [
        ("broker.listen", "127.0.0.1:0"),
        ("broker.advertised", "broker.example.org"),
    ];
    assert!(faults(&Fixed::default(), &portless)[0].contains("needs a port"));
    let unspecified = [open[0], open[1], ("broker.advertised", "0.0.0.0:9092")];
    assert!(faults(&Fixed::default(), &unspecified)[0].contains("clients cannot connect to it"));
}

#[test]
fn the_bundled_brokers_rules_are_silent_in_front_of_another_cluster() {
    let outside = [
        ("broker.listen", "0.0.0.0:9092"),
        ("bootstrap_servers", "kafka1:9092, kafka2:9093"),
    ];
    let config = Config::load(&Fixed::default(), flags(&outside))
        .unwrap()
        .config;
    assert_eq!(
        config.general.bootstrap_servers.unwrap().show(),
        "kafka1:9092,kafka2:9093"
    );
}

#[test]
fn a_list_in_the_file_is_the_text_with_commas() {
    let source = toml("bootstrap_servers = [\"a:1\", \"b:2\"]\n");
    let config = Config::load(&source, Flags::new()).unwrap().config;
    assert_eq!(config.general.bootstrap_servers.unwrap().show(), "a:1,b:2");
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let found = faults(&toml("[http]\nlisten = \n"), &[]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("cannot read sluice.toml (default): line 2: "),
        "{}",
        found[0]
    );
    assert!(!found[0].contains('\n'));
}

#[test]
fn a_named_file_must_exist_and_the_default_one_need_not() {
    let missing = faults(&Fixed::default(), &[("config", "other.toml")]);
    assert_eq!(
        missing,
        ["cannot read other.toml (flag --config): there is no such file"]
    );
    let missing = faults(&environment(&[("SLUICE_CONFIG", "env.toml")]), &[]);
    assert_eq!(
        missing,
        ["cannot read env.toml (environment SLUICE_CONFIG): there is no such file"]
    );
    let mut source = Fixed::default();
    source.files.insert("other.toml", "cluster_name = \"east\"");
    let config = Config::load(&source, flags(&[("config", "other.toml")]))
        .unwrap()
        .config;
    assert_eq!(config.general.cluster_name.unwrap().as_str(), "east");
}

#[test]
fn unknown_variables_are_faults_unless_kubernetes_set_them() {
    let found = faults(&environment(&[("SLUICE_HTTP_LISTN", "x")]), &[]);
    assert_eq!(
        found,
        ["unknown setting SLUICE_HTTP_LISTN (environment): did you mean SLUICE_HTTP_LISTEN?"]
    );
    let links = [
        ("SLUICE_SERVICE_HOST", "10.0.0.1"),
        ("SLUICE_SERVICE_PORT_HTTP", "8082"),
        ("SLUICE_PORT", "tcp://10.0.0.1:8082"),
        ("SLUICE_PORT_8082_TCP", "tcp://10.0.0.1:8082"),
        ("SLUICE_PORT_8082_TCP_ADDR", "10.0.0.1"),
        ("SLUICE_HTTP_PORT_8082_TCP_PROTO", "tcp"),
    ];
    assert!(Config::load(&environment(&links), Flags::new()).is_ok());
}

#[test]
fn the_printed_configuration_says_where_values_came_from_and_reads_back() {
    let pairs = [
        ("data_dir", "/tmp/a \"b\""),
        ("http.request_size_max", "2048KiB"),
    ];
    let loaded =
        Config::load(&environment(&[("SLUICE_HTTP_WORKERS", "2")]), flags(&pairs)).unwrap();
    let text = &loaded.effective;
    assert!(
        text.contains("workers = 2  # environment SLUICE_HTTP_WORKERS\n"),
        "{text}"
    );
    assert!(
        text.contains("request_size_max = \"2MiB\"  # flag --http-request-size-max\n"),
        "{text}"
    );
    assert!(text.contains("# cluster_name is not set\n"), "{text}");
    let leaked: &'static str = Box::leak(text.clone().into_boxed_str());
    assert_eq!(
        Config::load(&toml(leaked), Flags::new()).unwrap().config,
        loaded.config
    );
}

#[test]
fn bounds_are_checked() {
    check_bounds(&[
        ("shutdown_timeout", "999ms", "at least 1s"),
        ("http.workers", "257", "at most 256"),
        ("http.workers", "70000", "from 0 to 65535"),
        ("http.request_size_max", "1023", "from 1KiB"),
        ("http.request_size_max", "2GiB", "from 1KiB"),
        (
            "http.request_memory_max",
            "1MiB",
            "at least http.request_size_max",
        ),
        ("http.requests_in_flight_max", "0", "from 1 to 4294967295"),
        ("http.connections_max", "-5", "from 1 to 4294967295"),
        ("http.idle_timeout", "5ms", "at least 1s"),
        ("monitor.interval", "50ms", "at least 100ms"),
        (
            "monitor.discovery_interval",
            "1s",
            "at least monitor.interval",
        ),
        ("monitor.history", "8d", "from 1m to 7d"),
        ("broker.partitions", "0", "from 1 to 65535"),
        ("rest.v2.produce_records_max", "0", "from 1 to"),
        (
            "http.request_memory_max",
            "1MiB",
            "512 bytes for each of rest.v2.produce_records_max",
        ),
        ("broker.request_size_max", "1KiB", "from 1MiB to 1GiB"),
        (
            "broker.request_memory_max",
            "1MiB",
            "at least broker.request_size_max",
        ),
        ("broker.group_memory_max", "1KiB", "at least 1MiB"),
        ("broker.partitions_max", "1000001", "from 1 to 1000000"),
        ("broker.offsets_retention", "1s", "at least 1m"),
        ("broker.retention_check_interval", "1ms", "at least 100ms"),
        ("broker.compaction_interval", "0ms", "at least 100ms"),
        ("broker.topic_defaults", "retention.ms", "key=value"),
        ("kafka.connect_timeout", "1ms", "at least 100ms"),
        (
            "kafka.operation_timeout",
            "1s",
            "at least kafka.connect_timeout",
        ),
        ("kafka.producer_memory_max", "1KiB", "at least 1MiB"),
        ("http.advertised", "kafka.example.org", "http://"),
        ("http.advertised", "http://user@host", "http://"),
        ("cluster_name", "a b", "letters"),
        ("bootstrap_servers", "kafka1", "host:port"),
        ("bootstrap_servers", "kafka1:0", "host:port"),
        ("broker.listen", "example.org:9092", "IP address"),
        ("log.level", "loud=quiet", "info"),
        ("log.level", "", "info"),
        ("data_dir", "", "path"),
    ]);
}

#[test]
fn bounds_of_the_commit_log_and_the_disk_are_checked() {
    check_bounds(&[
        ("broker.disk_free_min", "1KiB", "at least 1MiB"),
        (
            "broker.disk_reserve",
            "31MiB",
            "at least twice broker.commit_log_extent_size",
        ),
        (
            "broker.commit_log_extent_size",
            "512KiB",
            "from 1MiB to 1GiB",
        ),
        (
            "broker.checkpoint_size",
            "15MiB",
            "at least broker.commit_log_extent_size",
        ),
        (
            "broker.commit_log_size_max",
            "15MiB",
            "at least broker.checkpoint_size",
        ),
        ("broker.commit_log_size_max", "17GiB", "at most 1,024 times"),
        ("broker.checkpoint_interval", "11m", "from 100ms to 10m"),
    ]);
}

/// Each setting, with this value alone, is told to have this problem.
fn check_bounds(rows: &[(&str, &str, &str)]) {
    for (key, value, problem) in rows {
        let found = faults(&Fixed::default(), &[(*key, *value)]);
        assert!(
            found.iter().any(|fault| fault.contains(*problem)),
            "{key} = {value}: {found:?}"
        );
        assert!(
            found[0].contains(&format!("{value:?}")) || key.contains("size"),
            "{found:?}"
        );
    }
}

#[test]
fn durations_and_sizes_read_back() {
    for text in ["0ms", "1ms", "1s", "90s", "2m", "36h", "7d"] {
        assert_eq!(Duration::parse(text).unwrap().show(), text);
    }
    for text in ["0", "1000", "1KiB", "1025KiB", "64MiB", "1GiB"] {
        assert_eq!(ByteCount::parse(text).unwrap().show(), text);
    }
    for text in ["", "5", "5 weeks", "-1s", "1.5s", "99999999999999999999d"] {
        assert!(Duration::parse(text).is_err(), "{text}");
    }
}

#[test]
fn topic_defaults_may_hold_lists() {
    let text = "cleanup.policy=compact,delete,retention.ms=1000";
    let TopicDefaults(pairs) = TopicDefaults::parse(text).unwrap();
    assert_eq!(pairs["cleanup.policy"], "compact,delete");
    assert_eq!(TopicDefaults(pairs).show(), text);
    let source = toml("[broker]\ntopic_defaults = [\"retention.ms=5\", \"segment.ms=6\"]\n");
    let config = Config::load(&source, Flags::new()).unwrap().config;
    assert_eq!(
        config.broker.topic_defaults.unwrap().show(),
        "retention.ms=5,segment.ms=6"
    );
}

#[test]
fn a_name_is_served_on_both_loopback_addresses() {
    let (first, second) = Listen::parse("localhost:8082").unwrap().addresses();
    assert_eq!(
        (first.to_string(), second.unwrap().to_string()),
        ("127.0.0.1:8082".to_owned(), "[::1]:8082".to_owned())
    );
    assert!(Listen::parse("[::1]:0").unwrap().addresses().1.is_none());
}

#[test]
fn every_setting_is_documented() {
    for setting in settings() {
        assert!(setting.text().len() > 20, "{} has no help", setting.key());
        assert!(reference().contains(&format!("### `{}`", setting.key())));
    }
}
