//! When the bundled broker acknowledges a record.

use super::Value;

/// When a record is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk.
    Group,
    /// When the system has it, which is told every so often to bring it to the disk.
    Interval,
    /// When the system has it.
    Os,
}

impl Durability {
    /// The word for it, as in a topic's config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Interval => "interval",
            Self::Os => "os",
        }
    }
}

impl Value for Durability {
    const KIND: &'static str = "durability";

    fn parse(text: &str) -> Result<Self, String> {
        let all = [Self::Group, Self::Interval, Self::Os];
        let found = all.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| "must be group, interval or os".to_owned())
    }

    fn show(&self) -> String {
        self.as_str().to_owned()
    }
}
