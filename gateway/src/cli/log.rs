//! `sluice log`: shows, checks and mends what the bundled broker keeps on disk, while it does not run.

use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use sluice_broker::offline::{self, DumpError, DumpOptions, Form};

/// Bytes of output that are written at once.
const OUTPUT_BYTES: usize = 64 * 1024;

/// All is well.
const SOUND: u8 = 0;
/// Something is damaged.
const DAMAGED: u8 = 1;
/// It could not be found out.
const UNKNOWN: u8 = 2;

/// The command and those below it.
pub(super) fn command() -> Command {
    Command::new("log")
        .about("Shows, checks and mends what the bundled broker keeps on disk")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(dump_command())
}

/// Runs the command that the arguments ask for.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    let status = match matches.subcommand() {
        Some(("dump", matches)) => dump(matches),
        Some(_) | None => UNKNOWN,
    };
    ExitCode::from(status)
}

fn dump_command() -> Command {
    Command::new("dump")
        .about("Prints what files hold, a line for each batch, entry or frame")
        .after_help(
            "Decodes everything below the data directory, and what Apache Kafka writes: segments, indexes, \
             producer snapshots, checkpoints, the commit log. A line is a word and values with names; \
             `damage` is what cannot be decoded. Files are read as they are, so those of a running \
             broker may end in the middle of a batch.\n\n\
             Exit status: 0 all was decoded, 1 something is damaged, 2 something could not be read.",
        )
        .arg(
            Arg::new("paths")
                .value_name("PATH")
                .help("Files, or directories with all that is in them")
                .required(true)
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
    let mut out = BufWriter::with_capacity(OUTPUT_BYTES, io::stdout().lock());
    let mut status = SOUND;
    for path in matches.get_many::<PathBuf>("paths").into_iter().flatten() {
        match offline::dump(path, options, &mut out) {
            Ok(true) => {}
            Ok(false) => status = status.max(DAMAGED),
            // Whoever has read enough closes the pipe.
            Err(DumpError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return SOUND;
            }
            Err(error) => {
                super::complain(&error.to_string());
                status = UNKNOWN;
            }
        }
    }
    status
}
