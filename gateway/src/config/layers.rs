//! The layers a value can come from, and which one wins.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::fault::Fault;
use super::setting::{Setting, variable};
use super::source::Source;
use super::value::Value;
use super::{Flags, settings};

/// The origin of what nobody gave.
const DEFAULT: &str = "default";

/// The file that is read when none is named; it may be missing.
const DEFAULT_FILE: &str = "sluice.toml";

/// Where settings may be found, for a fault without a better guess.
const ALL_SETTINGS: &str = "`sluice config` lists every setting";

/// How alike two names must be for one to be suggested, from 0 to 1: one slip in four letters.
const LIKENESS_MIN: f64 = 0.75;

/// A value as text, with the layer it came from.
#[derive(Debug)]
struct Given {
    text: String,
    origin: String,
}

/// One line of the effective configuration.
#[derive(Debug)]
pub(super) struct Line {
    setting: &'static Setting,
    text: String,
    origin: String,
}

/// Everything the layers say, the strongest first, and what went wrong so far.
#[derive(Debug)]
pub(super) struct Layers {
    given: BTreeMap<String, Given>,
    lines: Vec<Line>,
    faults: Vec<Fault>,
    /// Settings whose value nobody knows, because it could not be read.
    unread: BTreeSet<String>,
    is_file_broken: bool,
}

/// What the layers came to, once every section has taken its part.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) lines: Vec<Line>,
    pub(super) faults: Vec<Fault>,
    pub(super) unread: BTreeSet<String>,
}

impl Layers {
    /// Reads the file and the environment of `source` and puts `flags` on top.
    pub(super) fn gather(source: &impl Source, flags: Flags) -> Self {
        let mut layers = Self {
            given: BTreeMap::new(),
            lines: Vec::new(),
            faults: Vec::new(),
            unread: BTreeSet::new(),
            is_file_broken: false,
        };
        let variables = source.variables();
        layers.read_file(source, &flags, &variables);
        layers.read_environment(variables);
        for (key, text) in flags.into_iter().filter(|(key, _)| key != "config") {
            let origin = format!("flag --{}", key.replace(['.', '_'], "-"));
            layers.given.insert(key, Given { text, origin });
        }
        layers
    }

    /// The value of `setting`. In place of one that cannot be read, after its fault was noted, its default
    /// lets the others be looked at.
    pub(super) fn take<T: Value>(&mut self, setting: &'static Setting) -> Option<T> {
        let key = setting.key();
        if self.is_file_broken && !self.given.contains_key(&key) {
            self.unread.insert(key.clone());
        }
        let given = self.given.remove(&key).unwrap_or_else(|| Given {
            text: setting.default.to_owned(),
            origin: DEFAULT.to_owned(),
        });
        match T::parse(&given.text) {
            Ok(value) => {
                self.lines.push(Line {
                    setting,
                    text: value.show(),
                    origin: given.origin,
                });
                Some(value)
            }
            Err(problem) => {
                let Given {
                    text: value,
                    origin,
                } = given;
                self.unread.insert(key.clone());
                self.faults.push(Fault::Value {
                    key,
                    value,
                    origin,
                    problem,
                });
                T::parse(setting.default).ok()
            }
        }
    }

    /// What was read, once every section has taken its part.
    pub(super) fn finish(self) -> Outcome {
        Outcome {
            lines: self.lines,
            faults: self.faults,
            unread: self.unread,
        }
    }

    fn read_file(&mut self, source: &impl Source, flags: &Flags, variables: &[(String, String)]) {
        let flag = flags.iter().rfind(|(key, _)| key == "config");
        let variable = variables.iter().find(|(name, _)| name == "SLUICE_CONFIG");
        let (path, origin, named) = match (flag, variable) {
            (Some((_, path)), _) => (path.as_str(), "flag --config", true),
            (None, Some((_, path))) => (path.as_str(), "environment SLUICE_CONFIG", true),
            (None, None) => (DEFAULT_FILE, DEFAULT, false),
        };
        let problem = match source.file(Path::new(path)) {
            Ok(Some(text)) => match toml::from_str::<toml::Table>(&text) {
                Ok(table) => return self.read_table(path, "", table),
                Err(error) => syntax_problem(&text, &error),
            },
            Ok(None) if named => "there is no such file".to_owned(),
            Ok(None) => return,
            Err(error) => error.to_string(),
        };
        let (path, origin) = (path.to_owned(), origin.to_owned());
        self.is_file_broken = true;
        self.faults.push(Fault::File {
            path,
            origin,
            problem,
        });
    }

    fn read_table(&mut self, path: &str, prefix: &str, table: toml::Table) {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}.{name}")
            };
            let setting = settings().find(|setting| setting.key() == key);
            match (setting, value) {
                (None, toml::Value::Table(inner)) => self.read_table(path, &key, inner),
                (None, _) => self.refuse(key, path.to_owned(), |setting| setting.key()),
                (Some(_), value) => {
                    let given = Given {
                        text: plain(value),
                        origin: path.to_owned(),
                    };
                    self.given.insert(key, given);
                }
            }
        }
    }

    fn read_environment(&mut self, variables: Vec<(String, String)>) {
        for (name, text) in variables {
            if name == "SLUICE_CONFIG" || is_service_link(&name) {
                continue;
            }
            match settings().find(|setting| setting.variable() == name) {
                Some(setting) => {
                    let origin = format!("environment {name}");
                    self.given.insert(setting.key(), Given { text, origin });
                }
                None => self.refuse(name, "environment".to_owned(), Setting::variable),
            }
        }
    }

    fn refuse(&mut self, key: String, origin: String, spell: impl Fn(&Setting) -> String) {
        // What every variable begins with makes none alike.
        let bare = |name: &str| name.trim_start_matches("SLUICE_").to_lowercase();
        let wanted = bare(&key);
        let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&wanted, &bare(name));
        let best = settings()
            .map(spell)
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let advice = best
            .filter(|name| likeness(name) >= LIKENESS_MIN)
            .map_or_else(
                || ALL_SETTINGS.to_owned(),
                |name| format!("did you mean {name}?"),
            );
        self.faults.push(Fault::Unknown {
            key,
            origin,
            advice,
        });
    }
}

/// The effective configuration as a `sluice.toml`, each line with its origin.
pub(super) fn print(lines: &[Line]) -> String {
    let mut out = String::new();
    let mut section = "";
    for Line {
        setting,
        text,
        origin,
    } in lines
    {
        if setting.section != section {
            section = setting.section;
            put(&mut out, format_args!("\n[{section}]\n"));
        }
        if text.is_empty() {
            put(&mut out, format_args!("# {} is not set\n", setting.name));
        } else {
            put(
                &mut out,
                format_args!("{} = {}  # {origin}\n", setting.name, literal(text)),
            );
        }
    }
    out
}

/// The lines that no default filled, on one line for the log.
pub(super) fn changed(lines: &[Line]) -> String {
    let given = lines.iter().filter(|line| line.origin != DEFAULT);
    given
        .map(|line| format!("{}={}", line.setting.key(), line.text))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Writes to a string, which cannot fail.
pub(super) fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).unwrap_or_default();
}

/// A TOML literal that reads back as the same text.
fn literal(text: &str) -> String {
    if text.parse::<u64>().is_ok() || text.parse::<bool>().is_ok() {
        text.to_owned()
    } else {
        toml::Value::String(text.to_owned()).to_string()
    }
}

/// A value of the file as the text its type parses; a list becomes its parts with commas between.
fn plain(value: toml::Value) -> String {
    match value {
        toml::Value::String(text) => text,
        toml::Value::Array(parts) => parts.into_iter().map(plain).collect::<Vec<_>>().join(","),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Table(_) => value.to_string(),
    }
}

fn syntax_problem(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    let before = error.span().and_then(|span| text.get(..span.start));
    before.map_or_else(
        || message.clone(),
        |before| format!("line {}: {message}", before.split('\n').count()),
    )
}

/// Whether a variable is one of those Kubernetes sets in every pod for a service called `sluice` or
/// `sluice-...`; they are not meant for us.
fn is_service_link(name: &str) -> bool {
    let known: BTreeSet<String> = settings().map(|setting| variable(&setting.key())).collect();
    let parts: Vec<&str> = name.split('_').collect();
    let port = parts.iter().rposition(|part| *part == "PORT");
    let link = match port.and_then(|at| parts.get(at + 1..)) {
        Some([]) => true,
        Some([number, _protocol, ..]) => number.parse::<u16>().is_ok(),
        Some([_]) | None => false,
    };
    let host = name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT");
    (link || host) && !known.contains(name)
}
