//! The Prometheus text format, written straight from a snapshot.
//!
//! For families with a series for each group, topic or partition: a registry would keep every series
//! alive for ever and cost a hundred times as much at a scrape. A series exists for as long as its
//! subject does, since the text is made anew from each snapshot.

use std::fmt::Write;

/// What kind of number a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

impl Kind {
    /// The word in a `# TYPE` line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A family of series: a name, the labels that tell them apart, and what the number means.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Full name, with the unit and `_total` where it counts.
    pub name: &'static str,
    /// Kind of number.
    pub kind: Kind,
    /// Names of the labels, in the order their values are given.
    pub labels: &'static [&'static str],
    /// What it means, in one sentence.
    pub help: &'static str,
}

/// Declares families: `NAME = "metric", Kind, ["label"], "help";`. The list of all of a module,
/// `FAMILIES`, is what the catalogue is made of.
macro_rules! families {
    ($($name:ident = $metric:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $name: $crate::metrics::exposition::Family = $crate::metrics::exposition::Family {
                name: $metric,
                kind: $crate::metrics::exposition::Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// Every family of this module.
        pub const FAMILIES: &[$crate::metrics::exposition::Family] = &[$($name),*];
    };
}
pub(super) use families;

/// Text of many families, one after another.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    series: usize,
}

impl Exposition {
    /// The text, and the number of series in it.
    #[must_use]
    pub fn finish(self) -> (String, usize) {
        (self.text, self.series)
    }

    /// Starts a family, and gives `series` the means to add to it. A family without series leaves no
    /// trace.
    pub fn family(&mut self, family: &Family, series: impl FnOnce(&mut SeriesWriter<'_>)) {
        let start = self.text.len();
        let Family {
            name, kind, help, ..
        } = family;
        let kind = kind.as_str();
        put(
            &mut self.text,
            format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"),
        );
        let before = self.series;
        series(&mut SeriesWriter {
            family,
            exposition: self,
        });
        if self.series == before {
            self.text.truncate(start);
        }
    }
}

/// Adds series to one family.
#[derive(Debug)]
pub struct SeriesWriter<'a> {
    family: &'a Family,
    exposition: &'a mut Exposition,
}

impl SeriesWriter<'_> {
    /// Adds a series; label values in the order the family declares.
    pub fn add(&mut self, values: &[&dyn std::fmt::Display], number: impl Number) {
        let text = &mut self.exposition.text;
        text.push_str(self.family.name);
        let mut separator = '{';
        for (label, value) in self.family.labels.iter().zip(values) {
            text.push(separator);
            text.push_str(label);
            text.push_str("=\"");
            put(&mut Escaped(text), format_args!("{value}"));
            text.push('"');
            separator = ',';
        }
        if separator == ',' {
            text.push('}');
        }
        text.push(' ');
        number.put(text);
        text.push('\n');
        self.exposition.series += 1;
    }

    /// Adds a series where the number is known.
    pub fn add_known(&mut self, values: &[&dyn std::fmt::Display], number: Option<impl Number>) {
        if let Some(number) = number {
            self.add(values, number);
        }
    }
}

/// A number the text format can carry.
pub trait Number {
    /// Appends it.
    fn put(self, text: &mut String);
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn put(self, text: &mut String) {
                put(text, format_args!("{self}"));
            }
        }
    )*};
}

numbers!(u64, i64, i32, usize, f64);

/// Escapes what a label value may not hold as it is.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        for character in part.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

/// Writing to a string cannot fail.
fn put(text: &mut impl Write, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Family = Family {
        name: "lag",
        kind: Kind::Gauge,
        labels: &["group", "partition"],
        help: "Records to read.",
    };
    const UP: Family = Family {
        name: "up",
        kind: Kind::Gauge,
        labels: &[],
        help: "Whether.",
    };

    #[test]
    fn series_follow_their_family_and_label_values_are_escaped() {
        let mut exposition = Exposition::default();
        exposition.family(&LAG, |series| {
            series.add(&[&"a\"b\\c\nd", &3], 7_u64);
            series.add_known(&[&"gone", &0], None::<u64>);
        });
        exposition.family(&UP, |series| series.add(&[], 0.5));
        let (text, series) = exposition.finish();
        let expected = "# HELP lag Records to read.\n# TYPE lag gauge\n\
             lag{group=\"a\\\"b\\\\c\\nd\",partition=\"3\"} 7\n\
             # HELP up Whether.\n# TYPE up gauge\nup 0.5\n";
        assert_eq!((text.as_str(), series), (expected, 2));
    }

    #[test]
    fn a_family_without_series_leaves_no_trace() {
        let mut exposition = Exposition::default();
        exposition.family(&LAG, |_| ());
        assert_eq!(exposition.finish(), (String::new(), 0));
    }
}
