//! `sluice log`: shows, checks and mends what the bundled broker keeps on disk, while it does not run.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use sluice_broker::offline::{
    self, DumpError, DumpOptions, Form, OfflineError, Progress, RepairOptions, Tally,
};

/// Bytes of output that are written at once.
const OUTPUT_BYTES: usize = 64 * 1024;

/// How long nothing is said of how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// All is well.
const SOUND: u8 = 0;
/// Something is damaged, be it a file that can be made again.
const DAMAGED: u8 = 1;
/// It could not be found out.
const UNKNOWN: u8 = 2;

/// The command and those below it.
pub(super) fn command() -> Command {
    Command::new("log")
        .about("Shows, checks and mends what the bundled broker keeps on disk")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(verify_command())
        .subcommand(repair_command())
        .subcommand(dump_command())
}

/// Runs the command that the arguments ask for.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    let status = match matches.subcommand() {
        Some(("dump", matches)) => dump(matches),
        Some(("verify", matches)) => verify(matches),
        Some(("repair", matches)) => repair(matches),
        Some(_) | None => UNKNOWN,
    };
    ExitCode::from(status)
}

fn verify_command() -> Command {
    Command::new("verify")
        .about("Checks every batch and every file, and changes nothing")
        .after_help(
            "Reads all there is: checksums and order of batches, missing offsets and segments, indexes, \
             producer snapshots, leader epochs, recovery points, the commit log, the metadata. Each \
             finding is a line: `damage` is records lost, `derived` a file that the broker can make again, \
             `note` what need not be wrong, such as the unfinished end after a kill. The last line is a \
             summary. The directory must not be in use.\n\n\
             Exit status: 0 all is sound, 1 there is a line `damage` or `derived`, 2 it could not be checked, \
             or not to its end.",
        )
        .arg(directory())
        .arg(json())
}

fn repair_command() -> Command {
    Command::new("repair")
        .about("Takes damaged bytes out of the way, so that consumers pass over them")
        .after_help(
            "Each damaged segment is written anew from what is sound of it, and the old one kept beside as \
             <segment>.log.damaged. Lost offsets are never given out again. Files that are not true and can \
             be made again are removed. Sound batches are never touched, and a repair that was interrupted \
             can be run again. Metadata cannot be mended: restore a backup. After a crash or a kill start \
             and stop the broker first, which may have more of what is missing.\n\n\
             Exit status: 0 all is sound now, 1 something is still not (with --dry-run: or would be \
             mended), 2 it could not be done.",
        )
        .arg(directory())
        .arg(
            Arg::new("partition")
                .long("partition")
                .value_name("topic-number")
                .help("Mends this partition alone, such as orders-0"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .help("Says what would be done, and changes nothing")
                .action(ArgAction::SetTrue),
        )
        .arg(json())
}

fn directory() -> Arg {
    Arg::new("path")
        .value_name("DIRECTORY")
        .help("The data directory, or the directory of one partition [default: data_dir of the configuration: of --data-dir, SLUICE_DATA_DIR, or the file that --config names]")
        .value_parser(value_parser!(PathBuf))
}

fn dump_command() -> Command {
    Command::new("dump")
        .about("Prints what files hold, a line for each batch, entry or frame")
        .after_help(
            "Decodes everything below the data directory, and what Apache Kafka writes: segments, indexes, \
             producer snapshots, checkpoints, the commit log. A line is a word and values with names; \
             `damage` is what cannot be decoded. Files are read as they are, so those of a running \
             broker may end in the middle of a batch.\n\n\
             Exit status: 0 all was decoded, 1 something is damaged, 2 something could not be read, or was \
             not asked for to its end.",
        )
        .arg(
            Arg::new("paths")
                .value_name("PATH")
                .help("Files, or directories with all that is in them [default: data_dir of the configuration: of --data-dir, SLUICE_DATA_DIR, or the file that --config names]")
                .num_args(1..)
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("records")
                .long("records")
                .help("A line for each record, too: offset, timestamp, key, value, headers")
                .action(ArgAction::SetTrue),
        )
        .arg(json())
}

fn json() -> Arg {
    Arg::new("json")
        .long("json")
        .help("Prints each line as a JSON object")
        .action(ArgAction::SetTrue)
}

fn form(matches: &ArgMatches) -> Form {
    match matches.get_flag("json") {
        true => Form::Json,
        false => Form::Text,
    }
}

fn dump(matches: &ArgMatches) -> u8 {
    let options = DumpOptions {
        records: matches.get_flag("records"),
        form: form(matches),
    };
    let paths = match matches.get_many::<PathBuf>("paths") {
        Some(paths) => paths.cloned().collect(),
        None => match data_dir(matches) {
            Ok(path) => vec![path],
            Err(status) => return status,
        },
    };
    let mut out = BufWriter::with_capacity(OUTPUT_BYTES, io::stdout().lock());
    let mut status = SOUND;
    for path in paths {
        match offline::dump(&path, options, &mut out) {
            Ok(true) => {}
            Ok(false) => status = status.max(DAMAGED),
            Err(DumpError::Output(error)) if is_enough(&error) => return UNKNOWN,
            Err(error) => {
                super::complain(&error.to_string());
                status = UNKNOWN;
            }
        }
    }
    status
}

fn verify(matches: &ArgMatches) -> u8 {
    run_on(matches, |path, out, progress| {
        offline::verify(path, form(matches), out, progress)
    })
}

fn repair(matches: &ArgMatches) -> u8 {
    let options = RepairOptions {
        partition: matches.get_one::<String>("partition").cloned(),
        is_rehearsal: matches.get_flag("dry-run"),
        form: form(matches),
    };
    run_on(matches, |path, out, progress| {
        offline::repair(path, &options, out, progress)
    })
}

/// The directory of the configuration, or the status where that is not known.
fn data_dir(matches: &ArgMatches) -> Result<PathBuf, u8> {
    match super::load(matches) {
        Ok(loaded) => Ok(loaded.config.general.data_dir),
        Err(lines) => {
            lines.iter().for_each(|line| super::complain(line));
            Err(UNKNOWN)
        }
    }
}

/// Whether whoever reads has read enough and closed the pipe: nothing to complain of, but the rest is
/// not looked at.
fn is_enough(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Runs `work` on the directory that is named, or on that of the configuration.
fn run_on(
    matches: &ArgMatches,
    work: impl FnOnce(&Path, &mut dyn Write, &mut dyn FnMut(Progress)) -> Result<Tally, OfflineError>,
) -> u8 {
    let path = match matches.get_one::<PathBuf>("path") {
        Some(path) => Ok(path.clone()),
        None => data_dir(matches),
    };
    let path = match path {
        Ok(path) => path,
        Err(status) => return status,
    };
    let mut out = BufWriter::with_capacity(OUTPUT_BYTES, io::stdout().lock());
    let mut told = Instant::now();
    let mut progress = |progress: Progress| {
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            let Progress { logs, of, bytes } = progress;
            let mib = bytes / (1024 * 1024);
            super::complain(&format!("{logs} of {of} logs, {mib} MiB read"));
        }
    };
    match work(&path, &mut out, &mut progress) {
        Ok(tally) if tally.is_sound() => SOUND,
        Ok(_) => DAMAGED,
        Err(OfflineError::Output(error)) if is_enough(&error) => UNKNOWN,
        Err(error) => {
            super::complain(&error.to_string());
            UNKNOWN
        }
    }
}
