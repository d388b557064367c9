//! Arguments, and what each command does.
//!
//! Every setting is a flag, before or after the command. Whatever stops a command is one readable line
//! on standard error for each thing that is wrong, and exit status 1; arguments that make no sense are
//! clap's to explain, with status 2.

mod health;
mod kafka;
mod listen;
mod log;
mod open_files;
mod serve;
mod signals;
mod start;

use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use sluice::config::{Config, Flags, Loaded, Machine, settings};
use sluice::openapi::Description;

/// Runs the command that `arguments` ask for.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are "errors" that belong on standard output; clap knows which is which.
            let printed = error.print();
            let code = if printed.is_err() {
                1
            } else {
                error.exit_code()
            };
            return u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let outcome = match matches.subcommand() {
        Some(("log", matches)) => return log::run(matches),
        Some(("config", matches)) => load(matches).and_then(|loaded| configuration(&loaded)),
        Some(("openapi", _)) => describe(),
        Some(("health", matches)) => {
            let url = matches.get_one::<String>("url").cloned();
            load(matches).and_then(|loaded| health::check(&loaded.config, url).map_err(lines))
        }
        Some(_) | None => load(&matches).and_then(|loaded| start::start(loaded).map_err(lines)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(lines) => {
            for line in lines {
                complain(&line);
            }
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    let url = Arg::new("url").long("url").value_name("URL").help(
        "The address of the running program, such as http://127.0.0.1:8082. Without it: that of \
         http.listen.",
    );
    Command::new("sluice")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Kafka over HTTP, a bundled durable broker and a consumer-lag monitor in one program.")
        .after_help(
            "Without a command the program starts. Every setting can also stand in sluice.toml, or in \
             the environment as SLUICE_..., and is explained in docs/configuration.md.",
        )
        .args(setting_flags())
        .subcommand(Command::new("config").about("Prints the configuration in force, and where from"))
        .subcommand(Command::new("openapi").about("Prints the description of the HTTP API"))
        .subcommand(
            Command::new("health").about("Asks a running program whether it is ready").arg(url),
        )
        // Its help is about itself; settings are taken all the same.
        .subcommand(log::command().args(setting_flags().map(|flag| flag.hide(true))))
}

/// A flag for every setting.
fn setting_flags() -> impl Iterator<Item = Arg> {
    let config = Arg::new("config")
        .long("config")
        .value_name("path")
        .global(true)
        .help("The file with the settings [default: sluice.toml, which may be missing]");
    std::iter::once(config).chain(settings().map(|setting| {
        let default = match setting.default {
            "" => String::new(),
            text => format!(" [default: {text}]"),
        };
        let arg = Arg::new(setting.key())
            .long(setting.flag())
            .value_name(setting.kind)
            .help(format!("{}{default}", setting.text()))
            .help_heading("Settings")
            .global(true)
            .action(ArgAction::Set);
        if setting.is_switch() {
            arg.num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
        } else {
            arg
        }
    }))
}

fn load(matches: &ArgMatches) -> Result<Loaded, Vec<String>> {
    let given = |key: String| {
        let value = matches.get_one::<String>(&key)?.clone();
        Some((key, value))
    };
    let keys = std::iter::once("config".to_owned()).chain(settings().map(|setting| setting.key()));
    let flags: Flags = keys.filter_map(given).collect();
    Config::load(&Machine, flags)
        .map_err(|faults| faults.0.iter().map(ToString::to_string).collect())
}

fn configuration(loaded: &Loaded) -> Result<(), Vec<String>> {
    kafka::check(&loaded.config).map_err(lines)?;
    say(&loaded.effective);
    Ok(())
}

fn describe() -> Result<(), Vec<String>> {
    let description = Description::from_routes().map_err(lines)?;
    say(&String::from_utf8_lossy(&description.json));
    Ok(())
}

fn lines(error: impl fmt::Display) -> Vec<String> {
    vec![error.to_string()]
}

/// Prints to standard output. Nobody may be reading it any more, which is their choice.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .unwrap_or_default();
}

/// Prints one line to standard error.
fn complain(line: &str) {
    writeln!(std::io::stderr().lock(), "sluice: {line}").unwrap_or_default();
}
