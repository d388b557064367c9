//! Something else lies where a file of ours should be: nothing outside is written, and what is no file is put aside.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::damage::{RECORDS, append_more, assert_lost, filled, make_segments_small, segment};
use super::*;
use crate::offline::{DumpOptions, Form, dump, verify};

const PRECIOUS: &[u8] = &[b'x'; 200_000];

fn data(world: &World) -> PathBuf {
    world.directory.path().join("data")
}

/// Puts a link to a file outside of the data directory in the place of `path`.
fn link(world: &World, path: &Path) -> PathBuf {
    let outside = world.directory.path().join("precious");
    fs::write(&outside, PRECIOUS).unwrap();
    if path.exists() {
        fs::remove_file(path).unwrap();
    }
    symlink(&outside, path).unwrap();
    outside
}

/// Names in a directory that were put aside.
fn put_aside(directory: &Path) -> usize {
    let names = fs::read_dir(directory).unwrap();
    let names = names.map(|entry| entry.unwrap().path());
    names
        .filter(|path| path.extension() == Some(OsStr::new("stray")))
        .count()
}

/// Mutation: `OpenMode::Create` in `SavedEntries::append`, or in `take_reserve`.
#[test]
fn a_link_with_the_name_of_what_can_be_made_again_makes_room_for_it() {
    for name in ["last.index", "last.timeindex", "disk-reserve"] {
        let world = filled();
        world.topics.close().unwrap();
        let path = match name.strip_prefix("last.") {
            Some(suffix) => segment(&world, 9).with_extension(suffix),
            None => data(&world).join(name),
        };
        assert!(path.exists(), "{name}");
        let outside = link(&world, &path);
        let world = world.reopened();
        append_more(&world, RECORDS..RECORDS + 1);
        let world = world.restarted();
        assert_eq!(fs::read(&outside).unwrap(), PRECIOUS, "{name}");
        assert!(!path.is_symlink(), "{name}");
        assert_lost(&world, &[], name);
    }
}

/// Mutation: `open` without `NOFOLLOW` for `OpenMode::Write`.
#[test]
fn a_link_in_the_place_of_an_extent_or_of_the_last_segment_is_told_and_not_written_through() {
    for name in [
        "commit-log/00000050.extent",
        "topics/orders-0/00000000000000000009.log",
    ] {
        let world = filled();
        world.topics.close().unwrap();
        let path = data(&world).join(name);
        let content = fs::read(&path).ok();
        let outside = link(&world, &path);
        let (directory, clock) = world.left();
        let refusal = open(directory.path(), &clock).unwrap_err().to_string();
        assert!(refusal.contains(name), "{refusal}");
        assert!(refusal.contains("is a symbolic link"), "{refusal}");
        assert_eq!(fs::read(&outside).unwrap(), PRECIOUS, "{name}");
        fs::remove_file(&path).unwrap();
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let world = World::at(directory, clock);
        assert_lost(&world, &[], "without links");
    }
}

/// Mutation: `Recovery::sealed` by `OpenMode::Write`.
#[test]
fn a_full_segment_may_be_elsewhere() {
    let world = filled();
    world.topics.close().unwrap();
    let outside = world.directory.path().join("another-disk");
    fs::rename(segment(&world, 3), &outside).unwrap();
    symlink(&outside, segment(&world, 3)).unwrap();
    assert_lost(&world.reopened().killed(), &[], "read through a link");
}

/// Mutations: `Disk::rename` and `Disk::remove_file` that put nothing aside; `Job::run` by `OpenMode::Write`.
#[test]
fn a_directory_with_the_name_of_a_file_is_put_aside_with_all_that_is_in_it() {
    for name in [
        "recovery-points",
        "recovery-points.tmp",
        "cleaner-offset-checkpoint",
        "commit-log/00000050.extent",
        "topics/orders-0/leader-epoch-checkpoint",
        "topics/orders-0/leader-epoch-checkpoint.tmp",
        "topics/orders-0/x.tmp",
        "topics/orders-0/x.deleted",
        "topics/orders-0/log-start-offset",
        "topics/orders-0/damaged-ranges",
        "topics/orders-0/00000000000000000011.snapshot",
        "topics/orders-0/00000000000000000099.snapshot",
        "topics/orders-0/00000000000000000009.index",
    ] {
        for is_clean in [true, false] {
            let what = format!("{name}, clean: {is_clean}");
            let world = filled();
            world.end(is_clean);
            let path = data(&world).join(name);
            if path.exists() {
                fs::remove_file(&path).unwrap();
            }
            fs::create_dir(&path).unwrap();
            fs::write(path.join("somebodys"), PRECIOUS).unwrap();
            let world = world.reopened();
            assert_lost(&world, &[], &what);
            make_segments_small(&world);
            append_more(&world, RECORDS..RECORDS + 5);
            world.topics.retention_check().unwrap();
            let world = world.restarted().killed();
            assert_lost(&world, &[], &what);
            let directory = path.parent().unwrap();
            let is_there = path.join("somebodys").exists();
            let count = usize::from(!is_there);
            assert_eq!(put_aside(directory), count, "{what}");
        }
    }
}

/// Makes something that is no file.
type Make = fn(&Path);

const OTHERS: [(&str, Make); 2] = [("socket", socket), ("pipe", pipe)];

/// Its address may not be as long as a path.
fn socket(path: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let short = directory.path().join("s");
    UnixListener::bind(&short).unwrap();
    fs::rename(short, path).unwrap();
}

/// Mutation: `is_no_file` without `NXIO`.
#[test]
fn a_socket_or_a_pipe_with_the_name_of_a_derived_file_is_told_and_makes_room_for_it() {
    for name in [
        "recovery-points",
        "producer-ids",
        "cleaner-offset-checkpoint",
        "topics/orders-0/partition.metadata",
        "topics/orders-0/leader-epoch-checkpoint",
        "topics/orders-0/log-start-offset",
        "topics/orders-0/damaged-ranges",
        "topics/orders-0/00000000000000000011.snapshot",
        "topics/orders-0/00000000000000000009.index",
        "topics/orders-0/00000000000000000009.timeindex",
    ] {
        for (kind, make) in OTHERS {
            let world = filled();
            let data = data(&world);
            world.end(true);
            let path = data.join(name);
            if path.exists() {
                fs::remove_file(&path).unwrap();
            }
            make(&path);
            let (directory, clock) = world.left();
            let mut out = Vec::new();
            let tally = verify(&data, Form::Text, &mut out, &mut |_| ()).unwrap();
            let said = String::from_utf8(out).unwrap();
            assert!(
                tally.damaged == 0 && tally.logs > 1,
                "{kind} {name}: {said}"
            );
            assert!(said.contains(name), "{kind} {name}: {said}");
            let mut out = Vec::new();
            dump(&data, DumpOptions::default(), &mut out).unwrap();
            let world = World::at(directory, clock);
            assert_lost(&world.restarted(), &[], name);
        }
    }
}

/// Mutation: `FileSystem::list` that gives a name for what is no text.
#[test]
fn names_that_are_no_text_are_passed_over() {
    let world = filled();
    world.topics.close().unwrap();
    for place in ["", "topics", "topics/orders-0", "commit-log"] {
        let stray = data(&world)
            .join(place)
            .join(OsStr::from_bytes(b"\xff\xfe-0"));
        fs::create_dir(stray).unwrap();
    }
    assert_lost(&world.restarted().killed(), &[], "strays");
}

/// Mutation: `retire` that insists on the file of an index.
#[test]
fn segments_go_without_the_files_of_their_indexes() {
    let world = filled();
    world.topics.retention_check().unwrap();
    let has_indexes = |world: &World| {
        let files = world.files("orders-0");
        files.iter().any(|name| name.ends_with("index"))
    };
    assert!(has_indexes(&world));
    for name in world.files("orders-0") {
        if name.ends_with("index") {
            fs::remove_file(data(&world).join("topics/orders-0").join(name)).unwrap();
        }
    }
    let partition = world.partition("orders");
    let mut config = world.topics.topic("orders").unwrap().config().log.clone();
    config.retention.bytes = Some(1);
    partition.log.set_config(config);
    world.topics.retention_check().unwrap();
    assert_eq!(partition.offsets().log_start, Offset(9));
    assert_eq!(values(&partition, 9).len(), 2);
}

/// Mutations: `FoundExtent::all` without its filter; `Extent::contents` of all that a file has.
#[test]
fn a_check_and_a_dump_go_on_behind_what_cannot_be_an_extent() {
    for is_clean in [true, false] {
        let world = filled();
        world.end(is_clean);
        let World {
            directory, topics, ..
        } = world;
        drop(topics);
        let data = directory.path().join("data");
        let extents = data.join("commit-log");
        fs::create_dir(extents.join("00000050.extent")).unwrap();
        pipe(&extents.join("00000051.extent"));
        socket(&extents.join("00000052.extent"));
        let first = extents.join("00000000.extent");
        let first = fs::File::options().write(true).open(first).unwrap();
        // To read that would not end.
        first.set_len(1 << 42).unwrap();
        let mut out = Vec::new();
        let tally = verify(&data, Form::Text, &mut out, &mut |_| ()).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(tally.is_sound() && tally.logs > 1, "{said}");
        let mut out = Vec::new();
        dump(&data, DumpOptions::default(), &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains("00000000000000000009.log"), "{said}");
    }
}
