//! What a value of each kind looks like: its text, its bounds, its type.

mod address;
mod amount;
mod base_uri;
mod durability;
mod name;

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

pub use address::{Address, Advertised, Listen, Servers};
pub use amount::ByteCount;
pub use base_uri::BaseUri;
pub use durability::Durability;
pub use name::{ClusterName, Filter, TopicDefaults};

/// A type that a setting can have.
pub trait Value: Sized {
    /// What such a value is called in help and documentation.
    const KIND: &'static str;

    /// Reads the text of any layer.
    ///
    /// # Errors
    /// What is wrong and what would be right, in one line.
    fn parse(text: &str) -> Result<Self, String>;

    /// The text that [`Value::parse`] reads back.
    fn show(&self) -> String;
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Ok(None)
        } else {
            T::parse(text).map(Some)
        }
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

impl Value for bool {
    const KIND: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_error| "must be true or false".to_owned())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const KIND: &'static str = "number";

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_error| format!("must be a whole number from {} to {}", Self::MIN, Self::MAX))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
numbers!(u16, u32, NonZeroU16, NonZeroU32);

impl Value for PathBuf {
    const KIND: &'static str = "path";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Err("must be a path".to_owned())
        } else {
            Ok(Self::from(text))
        }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}
