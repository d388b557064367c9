//! How a setting is declared, and what follows from a declaration.

use super::layers::Layers;

/// One setting, as the help, the reference page and the layers know it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The table it lives in, such as `http`; empty at the top of the file.
    pub section: &'static str,
    /// Its name inside the table, such as `listen`.
    pub name: &'static str,
    /// What a value looks like, such as `address` or `duration`.
    pub kind: &'static str,
    /// The default as text; empty when it has none.
    pub default: &'static str,
    /// Meaning, unit and bounds, line by line, each line with its leading blank.
    pub help: &'static [&'static str],
}

impl Setting {
    /// The dotted key, such as `http.listen`.
    #[must_use]
    pub fn key(&self) -> String {
        if self.section.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{}", self.section, self.name)
        }
    }

    /// The environment variable, such as `SLUICE_HTTP_LISTEN`.
    #[must_use]
    pub fn variable(&self) -> String {
        variable(&self.key())
    }

    /// The flag without its dashes, such as `http-listen`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.key().replace(['.', '_'], "-")
    }

    /// The help as one paragraph.
    #[must_use]
    pub fn text(&self) -> String {
        paragraph(self.help)
    }

    /// Whether the setting is a switch, whose flag needs no value.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        self.kind == "true or false"
    }
}

/// The environment variable of a dotted key.
pub(super) fn variable(key: &str) -> String {
    format!("SLUICE_{}", key.replace('.', "_").to_uppercase())
}

/// Lines of a doc comment as one paragraph.
pub(super) fn paragraph(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A table of the file: its name, what it is about, its settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct SectionInfo {
    pub(super) name: &'static str,
    pub(super) about: &'static [&'static str],
    pub(super) settings: &'static [Setting],
}

/// A struct of settings that can be read from the layers.
pub(super) trait Section: Sized {
    /// What it declares.
    const INFO: SectionInfo;

    /// The values; what is wrong with them is noted in `layers`. `None` only if a default were invalid.
    fn read(layers: &mut Layers) -> Option<Self>;
}

/// Declares a struct of settings: `field: Type = "default as text"`, doc comments as help.
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident in $section:literal {
            $( $(#[doc = $help:literal])* $field:ident: $type:ty = $default:literal, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $help])* pub $field: $type, )*
        }

        impl $crate::config::setting::Section for $name {
            const INFO: $crate::config::setting::SectionInfo = $crate::config::setting::SectionInfo {
                name: $section,
                about: &[$($about),*],
                settings: &[$(
                    $crate::config::setting::Setting {
                        section: $section,
                        name: stringify!($field),
                        kind: <$type as $crate::config::value::Value>::KIND,
                        default: $default,
                        help: &[$($help),*],
                    },
                )*],
            };

            fn read(layers: &mut $crate::config::layers::Layers) -> Option<Self> {
                let mut settings = Self::INFO.settings.iter();
                $( let $field = settings.next().and_then(|setting| layers.take::<$type>(setting)); )*
                Some(Self { $( $field: $field? ),* })
            }
        }
    };
}
pub(super) use settings;
