//! Every connection is an open file, and so is every segment: who gets how many of what the system
//! grants.
//!
//! The bundled broker keeps its segments open, at most half of all, and the files of its commit log. What is
//! left is for connections, less a reserve. Where that is less than configured, both kinds of connections get less, in
//! proportion: a limit that refuses one more client is better than a disk that cannot be written.

use std::num::NonZeroU32;

use rustix::process::Resource;
use sluice::config::Config;

/// Files for all else: listeners, links to a cluster, files that are open for a moment.
const RESERVED: usize = 256;

/// How often a file of the commit log is open: a second time to be written around the system's memory.
const OPENED_PER_EXTENT: u64 = 2;
/// How many commit logs of full size there may be: one that is brought to the disk, and one that is written meanwhile.
const COMMIT_LOGS: u64 = 2;

/// The system grants too few files for the connections that are configured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shortage {
    open_files: usize,
    segments: usize,
    broker_connections: NonZeroU32,
    http_connections: NonZeroU32,
}

impl Shortage {
    /// Tells it, once all is well otherwise.
    pub(super) fn tell(self) {
        let Self {
            open_files,
            segments,
            broker_connections,
            http_connections,
        } = self;
        tracing::warn!(
            open_files,
            segments,
            broker_connections,
            http_connections,
            "the system allows too few open files for broker.connections_max and \
             http.connections_max: raise its limit (ulimit -n, LimitNOFILE) for more connections"
        );
    }
}

/// Takes what the system grants, and lowers the limits of connections in `config` to what that allows,
/// where it is too little.
pub(super) fn share(config: &mut Config) -> Option<Shortage> {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(cause) = rustix::process::setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%cause, "cannot raise the limit of open files");
    }
    let allowed = rustix::process::getrlimit(Resource::Nofile).current;
    let allowed = allowed.map_or(usize::MAX, |allowed| {
        usize::try_from(allowed).unwrap_or(usize::MAX)
    });
    let is_bundled = config.general.bootstrap_servers.is_none();
    let segments = match is_bundled {
        true => sluice_broker::log::open_files_limit(),
        false => 0,
    };
    let commit_log = match is_bundled {
        true => commit_log_files(
            config.broker.commit_log_size_max.0,
            config.broker.commit_log_extent_size.0,
        ),
        false => 0,
    };
    let taken = segments.saturating_add(commit_log).saturating_add(RESERVED);
    let places = allowed.saturating_sub(taken);
    let (broker, http) = (config.broker.connections_max, config.http.connections_max);
    let asked = match is_bundled {
        true => [broker, http],
        false => [NonZeroU32::MIN, http],
    };
    let [for_broker, for_http] = granted(asked, places);
    if [for_broker, for_http] == asked {
        return None;
    }
    if is_bundled {
        config.broker.connections_max = for_broker;
    }
    config.http.connections_max = for_http;
    Some(Shortage {
        open_files: allowed,
        segments,
        broker_connections: config.broker.connections_max,
        http_connections: for_http,
    })
}

/// Files that a commit log has open at most.
fn commit_log_files(size_max: u64, extent_size: u64) -> usize {
    let extents = size_max / extent_size.max(1);
    let files = extents.saturating_mul(OPENED_PER_EXTENT * COMMIT_LOGS);
    usize::try_from(files).unwrap_or(usize::MAX)
}

/// As many as asked for, where there are so many places; else a part of the places in proportion.
fn granted(asked: [NonZeroU32; 2], places: usize) -> [NonZeroU32; 2] {
    let places = u64::try_from(places).unwrap_or(u64::MAX);
    let all = asked
        .iter()
        .map(|asked| u64::from(asked.get()))
        .sum::<u64>();
    if all <= places {
        return asked;
    }
    asked.map(|asked| {
        let part = places.saturating_mul(asked.get().into()) / all;
        let part = u32::try_from(part).unwrap_or(u32::MAX);
        NonZeroU32::new(part).unwrap_or(NonZeroU32::MIN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted_of(asked: [u32; 2], places: usize) -> [u32; 2] {
        let asked = asked.map(|asked| NonZeroU32::new(asked).unwrap());
        granted(asked, places).map(NonZeroU32::get)
    }

    /// Mutation: one file an extent.
    #[test]
    fn a_commit_log_of_many_extents_takes_its_files_from_the_connections() {
        assert_eq!(commit_log_files(256 << 20, 16 << 20), 64);
        assert_eq!(commit_log_files(1 << 30, 1 << 20), 4096);
    }

    #[test]
    fn connections_get_what_is_left_in_proportion() {
        assert_eq!(granted_of([10_000, 20_000], 30_000), [10_000, 20_000]);
        assert_eq!(granted_of([10_000, 20_000], usize::MAX), [10_000, 20_000]);
        assert_eq!(granted_of([10_000, 20_000], 300), [100, 200]);
        assert_eq!(granted_of([10_000, 20_000], 0), [1, 1]);
    }
}
