//! Which panels show something only after something happened: `dashboards/triggers.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::dashboard::{Dashboard, NAMES};
use super::rules;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trigger {
    what: String,
    panels: Vec<String>,
}

/// Panels that wait for a trigger, each with the trigger's name.
#[derive(Debug)]
pub(super) struct Triggers(BTreeMap<String, String>);

impl Triggers {
    /// Those of the repository.
    pub(super) fn of_repository() -> Self {
        Self::read(&rules::text("triggers.toml")).unwrap_or_else(|error| panic!("{error}"))
    }

    fn read(text: &str) -> Result<Self, String> {
        let triggers: BTreeMap<String, Trigger> =
            toml::from_str(text).map_err(|error| error.to_string())?;
        let mut panels = BTreeMap::new();
        for (name, trigger) in triggers {
            if trigger.what.is_empty() || trigger.panels.is_empty() {
                return Err(format!("{name} says nothing"));
            }
            for panel in trigger.panels {
                if let Some(other) = panels.insert(panel, name.clone()) {
                    return Err(format!("{name} and {other} have a panel in common"));
                }
            }
        }
        Ok(Self(panels))
    }

    /// The trigger a panel waits for, or none if it always shows something.
    pub(super) fn of(&self, dashboard: &str, panel: &str) -> Option<&str> {
        let key = format!("{dashboard}: {panel}");
        self.0.get(&key).map(String::as_str)
    }
}

#[test]
fn triggers_belong_to_panels_that_exist() {
    let triggers = Triggers::of_repository();
    let mut known = Vec::new();
    for name in NAMES {
        let dashboard = Dashboard::named(name);
        known.extend(
            dashboard
                .charts()
                .map(|panel| format!("{name}: {}", panel.title)),
        );
    }
    for panel in triggers.0.keys() {
        let count = known.iter().filter(|known| *known == panel).count();
        assert_eq!(count, 1, "there are {count} panels named {panel}");
    }
}

#[test]
fn a_wrong_file_of_triggers_is_refused() {
    for text in [
        "[a]\nwhat = \"\"\npanels = [\"x\"]",
        "[a]\nwhat = \"x\"\npanels = []",
        "[a]\nwhat = \"x\"\npanel = [\"x\"]",
        "[a]\nwhat = \"x\"\npanels = [\"x\"]\n[b]\nwhat = \"x\"\npanels = [\"x\"]",
    ] {
        assert!(Triggers::read(text).is_err(), "{text}");
    }
}
