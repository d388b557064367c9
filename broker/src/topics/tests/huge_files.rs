//! A file that is far larger than anybody here makes one costs a look at its size, and none at what is in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::damage::{RECORDS, append_more, assert_lost, filled, segment};
use super::*;
use crate::offline::{Form, Tally, verify};

/// Bytes of a hole that nobody reads in the time of a start.
const HUGE: u64 = 200 << 30;
/// What a start or a check takes at most, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(10);

fn lengthen(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(HUGE).unwrap();
}

fn metadata_log(world: &World) -> PathBuf {
    let directory = world.directory.path().join("data/metadata");
    let mut paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_log = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "log");
    paths.find(is_log).unwrap()
}

fn in_time<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let done = work();
    let taken = begin.elapsed();
    assert!(taken < PATIENCE, "{what} took {taken:?}");
    done
}

/// Mutation: `Recovery::scan` without `SEGMENT_BYTES_MAX` and `by_bytes` without `data_from`, both: a start needs one
/// of them.
#[test]
fn a_start_is_not_delayed_by_the_length_of_a_segment() {
    for is_clean in [true, false] {
        for lengthened in [|world: &World| segment(world, 9), metadata_log] {
            let world = filled();
            world.end(is_clean);
            let path = lengthened(&world);
            lengthen(&path);
            let what = format!("a start with {}, clean: {is_clean}", path.display());
            let world = in_time(&what, || world.reopened());
            assert_lost(&world, &[], &what);
            append_more(&world, RECORDS..RECORDS + 5);
            let world = in_time(&what, || world.restarted());
            assert_lost(&world, &[], &what);
        }
    }
}

/// Mutations: an `IndexCheck` that reads on behind a wrong entry; `by_bytes` without `data_from`.
#[test]
fn a_check_is_not_delayed_by_the_length_of_a_file() {
    for suffix in ["log", "index", "timeindex"] {
        let world = filled();
        let path = segment(&world, 9).with_extension(suffix);
        let (directory, _) = world.stopped();
        lengthen(&path);
        let mut out = Vec::new();
        let tally = in_time(suffix, || -> Tally {
            let data = directory.path().join("data");
            verify(&data, Form::Text, &mut out, &mut |_| ()).unwrap()
        });
        let said = String::from_utf8(out).unwrap();
        assert_eq!((tally.damaged, tally.derived), (0, 1), "{suffix}: {said}");
    }
}
