//! What files there are: their names, their weight, those that must exist.

use super::File;

/// Names under which anything could hide.
const DRAWERS: [&str; 8] = [
    "utils", "util", "helpers", "helper", "common", "misc", "manager", "shared",
];

/// Faults of Rust files whose name does not say what is in them.
#[must_use]
pub fn names(files: &[File]) -> Vec<String> {
    let rust = files.iter().filter(|file| file.is_rust());
    rust.filter(|file| {
        let path = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        path.rsplit('/')
            .next()
            .is_some_and(|name| DRAWERS.contains(&name))
    })
    .map(|file| format!("{}: name it after the noun it holds", file.path))
    .collect()
}

/// Above it, a file is something to fetch or to make, not to keep under version control.
const BYTES_MAX: u64 = 500_000;

/// Faults of files that are too heavy.
#[must_use]
pub fn weight(files: &[File]) -> Vec<String> {
    let heavy = files.iter().filter(|file| file.bytes > BYTES_MAX);
    heavy
        .map(|file| {
            format!(
                "{}: {} bytes, {BYTES_MAX} are the most: fetch or make it",
                file.path, file.bytes
            )
        })
        .collect()
}

/// Made from the code, kept current by a test beside what makes it, and read by people.
const GENERATED: [&str; 4] = [
    "docs/configuration.md",
    "docs/metrics.md",
    "docs/protocol-support.md",
    "openapi/sluice.json",
];

/// Faults of generated files that are not there.
#[must_use]
pub fn generated(files: &[File]) -> Vec<String> {
    let missing = GENERATED
        .iter()
        .filter(|path| files.iter().all(|file| file.path != **path));
    missing
        .map(|path| format!("{path}: it is generated and has to be committed"))
        .collect()
}

/// Faults of stories that no test binary contains.
#[must_use]
pub fn modules_of_the_suite(files: &[File]) -> Vec<String> {
    let main = files.iter().find(|file| file.path == "tests/suite/main.rs");
    let declared = |name: &str| {
        let wanted = format!("mod {name};");
        main.is_some_and(|main| main.text.lines().any(|line| line.trim() == wanted))
    };
    let stories = files.iter().filter_map(|file| {
        let inside = file.path.strip_prefix("tests/suite/")?;
        inside
            .trim_end_matches("/mod.rs")
            .strip_suffix(".rs")
            .or_else(|| inside.strip_suffix("/mod.rs"))
    });
    stories
        .filter(|name| *name != "main" && !name.contains('/') && !declared(name))
        .map(|name| format!("tests/suite/{name}: it never runs: declare `mod {name};` in main.rs"))
        .collect()
}

/// The table of the APIs that are served, and the handlers beside it.
const TABLE: &str = "broker/src/handlers/table.rs";

/// Faults of handlers whose first line does not tell their API and the versions the table has.
#[must_use]
pub fn handlers(files: &[File]) -> Vec<String> {
    let table = files.iter().find(|file| file.path == TABLE);
    let served: Vec<Served<'_>> = table
        .into_iter()
        .flat_map(|table| table.text.lines())
        .filter_map(Served::parse)
        .collect();
    if served.is_empty() {
        return vec![format!(
            "{TABLE}: no APIs found in it: has its form changed?"
        )];
    }
    served.iter().filter_map(|api| api.fault(files)).collect()
}

/// A line of the table, such as `Fetch: 4..=12 => async fetch;`.
struct Served<'a> {
    api: &'a str,
    versions: String,
    handler: &'a str,
}

impl<'a> Served<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (api, rest) = line.trim().split_once(": ")?;
        let (versions, handler) = rest.strip_suffix(';')?.split_once(" => ")?;
        let (first, last) = versions.split_once("..=")?;
        let (_, handler) = handler.split_once(' ')?;
        let versions = if first == last {
            first.to_owned()
        } else {
            format!("{first}-{last}")
        };
        Some(Self {
            api,
            versions,
            handler,
        })
    }

    fn fault(&self, files: &[File]) -> Option<String> {
        let Self {
            api,
            versions,
            handler,
        } = self;
        let path = format!("broker/src/handlers/{handler}.rs");
        let file = files.iter().find(|file| file.path == path);
        let opening = file
            .and_then(|file| file.text.lines().next())
            .unwrap_or_default();
        let (title, _) = opening.split_once(": ").unwrap_or_default();
        let told = title
            .strip_prefix(&format!("//! `{api}` "))
            .is_some_and(|spans| {
                spans
                    .split(|c: char| c != '-' && !c.is_ascii_digit())
                    .any(|span| span == versions)
            });
        (!told).then(|| {
            format!("{path}: open it with \"//! `{api}` {versions}: \" and what it does, as the table has it")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn a_drawer_is_a_fault() {
        for path in ["broker/src/utils.rs", "gateway/src/common/mod.rs"] {
            assert_eq!(names(&[file(path, "")]).len(), 1, "{path}");
        }
        assert_eq!(names(&[file("broker/src/log/mod.rs", "")]).len(), 0);
    }

    #[test]
    fn a_heavy_file_is_a_fault() {
        let mut picture = file("docs/page.png", "");
        picture.bytes = BYTES_MAX + 1;
        assert_eq!(weight(&[picture]).len(), 1);
    }

    #[test]
    fn a_missing_generated_file_is_a_fault() {
        let some: Vec<File> = GENERATED
            .iter()
            .skip(1)
            .map(|path| file(path, ""))
            .collect();
        assert_eq!(generated(&some).len(), 1);
    }

    #[test]
    fn a_story_nobody_runs_is_a_fault() {
        let files = [
            file("tests/suite/main.rs", "mod groups;\n"),
            file("tests/suite/groups.rs", ""),
            file("tests/suite/lag.rs", ""),
            file("tests/suite/crash/mod.rs", ""),
        ];
        assert_eq!(modules_of_the_suite(&files).len(), 2);
    }

    #[test]
    fn a_handler_whose_header_differs_from_the_table_is_a_fault() {
        let table =
            "    /// notes: some\n    Produce: 0..=11 => async produce;\n    A: 0..=0 => sync a;\n";
        let faults = |produce: &str| {
            handlers(&[
                file(TABLE, table),
                file("broker/src/handlers/produce.rs", produce),
                file("broker/src/handlers/a.rs", "//! `A` 0: does a.\n"),
            ])
            .len()
        };
        assert_eq!(faults("//! `Produce` 0-11: appends.\n"), 0);
        assert_eq!(
            faults("//! `Produce` 3-11 (0-11 advertised): appends.\n"),
            0
        );
        assert_eq!(faults("//! `Produce` 3-11: appends.\n"), 1);
        assert_eq!(faults("//! `Fetch` 0-11: appends.\n"), 1);
        assert_eq!(faults("use a;\n"), 1);
        assert_eq!(handlers(&[]).len(), 1);
    }
}
