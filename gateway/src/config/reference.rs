//! The reference page of all settings, `docs/configuration.md`.

use super::layers::put;
use super::sections;
use super::setting::paragraph;

/// How the page starts.
const INTRODUCTION: &str = "\
# Configuration

Generated from the declarations in `gateway/src/config/`. Do not edit: run
`SLUICE_REGENERATE=1 cargo test -p sluice --test generated`.

A setting is read from, the later winning: its default, the file `sluice.toml` of the working directory
(or the one named by `--config` or `SLUICE_CONFIG`), its environment variable, its flag. Keys that do not
exist are errors, and all errors are reported together, but for the configs in `broker.topic_defaults`: of
these one at a time, when all else is right. `sluice config` prints what is in force as a
`sluice.toml`, each line with where its value came from.

An empty text takes a setting without default back to unset. Durations have a unit (`500ms`, `30s`, `5m`,
`12h`, `7d`), sizes are bytes or have one (`64MiB`).
";

/// The page, as it is committed.
#[must_use]
pub fn reference() -> String {
    let mut out = INTRODUCTION.to_owned();
    for section in sections() {
        let title = match section.name {
            "" => "Top of the file".to_owned(),
            name => format!("`[{name}]`"),
        };
        put(
            &mut out,
            format_args!("\n## {title}\n\n{}\n", paragraph(section.about)),
        );
        for setting in section.settings {
            let default = match setting.default {
                "" => "not set".to_owned(),
                text => format!("`{text}`"),
            };
            put(
                &mut out,
                format_args!(
                    "\n### `{}`\n\n{}\n\n* {}, default {default}\n* `{}`, `--{}`\n",
                    setting.key(),
                    setting.text(),
                    setting.kind,
                    setting.variable(),
                    setting.flag(),
                ),
            );
        }
    }
    out
}
