//! Load on a server, and what it costs the server.

use std::path::Path;

use sluice_e2e::process::{Server, Signal};
use sluice_e2e::tool;
use tokio::process::Command;

/// Requests a second, and the 99th percentile of their latency in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) requests: f64,
    pub(crate) p99_ms: f64,
}

/// Posts `body` over 64 connections for some seconds.
pub(crate) async fn post(url: &str, body: &str, seconds: usize, folder: &Path) -> Rate {
    let script = folder.join("post.lua");
    let lua = format!(
        "wrk.method = 'POST'\n\
         wrk.headers['Content-Type'] = 'application/vnd.kafka.json.v2+json'\n\
         wrk.body = [[{body}]]\n"
    );
    std::fs::write(&script, lua).expect("write the script");
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c64", "--latency", &format!("-d{seconds}s"), "-s"]);
    command.arg(&script).arg(url);
    let said = tool::run(command, "").await.ok();
    assert!(!said.contains("Non-2xx"), "{said}");
    parse(&said).unwrap_or_else(|| panic!("wrk said\n{said}"))
}

fn parse(said: &str) -> Option<Rate> {
    let after = |name: &str| {
        let line = said
            .lines()
            .find_map(|line| line.trim().strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    let requests = after("Requests/sec:")?.parse().ok()?;
    Some(Rate {
        requests,
        p99_ms: milliseconds(&after("99%")?)?,
    })
}

/// `812.00us`, `3.21ms` and `1.05s` in milliseconds.
fn milliseconds(text: &str) -> Option<f64> {
    let number = text.trim_end_matches(char::is_alphabetic);
    let factor = match &text[number.len()..] {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1000.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// Resident memory of a server in megabytes.
pub(crate) fn resident_mb(server: &Server) -> f64 {
    let path = format!("/proc/{}/status", server.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(path).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line
        .and_then(|line| line.trim().strip_suffix("kB"))
        .expect("VmRSS in kB");
    kilobytes.trim().parse::<f64>().expect("a number") * 1024.0 / 1e6
}

/// Files that a server has open.
pub(crate) fn open_files(server: &Server) -> f64 {
    let path = format!("/proc/{}/fd", server.pid().as_raw_nonzero());
    let files = std::fs::read_dir(path).expect("the server runs").count();
    f64::from(u32::try_from(files).expect("not so many"))
}

/// Processor seconds a server has used.
pub(crate) fn cpu_seconds(server: &Server) -> f64 {
    let path = format!("/proc/{}/stat", server.pid().as_raw_nonzero());
    let stat = std::fs::read_to_string(path).expect("the server runs");
    // After the name, which may hold anything, user and system time are the 12th and 13th word, in hundredths.
    let (_, after_name) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().expect("a number"))
        .sum();
    ticks / 100.0
}

/// Has the machine write what earlier turns left in its cache, so that it costs the next turn nothing.
pub(crate) fn settle() {
    rustix::fs::sync();
}

/// Holds a server while another is measured, so that its background work costs the other nothing.
pub(crate) fn pause(server: &Server) {
    server.signal(Signal::STOP);
}

/// Lets a held server go on.
pub(crate) fn resume(server: &Server) {
    server.signal(Signal::CONT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood() {
        let said = "  Latency Distribution\n     50%    1.10ms\n     99%  812.00us\nRequests/sec:  25012.50\n";
        let rate = parse(said).expect("it is what wrk says");
        assert!((rate.requests - 25012.5).abs() < 1e-9);
        assert!((rate.p99_ms - 0.812).abs() < 1e-9);
        assert_eq!(milliseconds("1.05s"), Some(1050.0));
        assert_eq!(milliseconds("1.05m"), None);
    }
}
