//! Every error code of the protocol, with its meaning.
//!
//! Codes and which of them a client retries are Kafka's (`Errors` of kafka-clients 4.3.1); the
//! descriptions are ours.

use crate::DecodeError;
use crate::wire::{Reader, Version, Wire, Writer};

macro_rules! error_codes {
    ($($name:ident = $code:literal $(, $retriable:ident)?: $text:literal;)*) => {
        /// What a broker answers instead of, or beside, a result.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(
                #[doc = $text]
                $name,
            )*
            /// No error.
            #[default]
            None,
            /// A code this release does not know, as a newer broker may send.
            Other(i16),
        }

        impl ErrorCode {
            /// Every code with a name.
            pub const ALL: &[Self] = &[Self::None, $(Self::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> i16 {
                match self {
                    Self::None => 0,
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// The error of a number on the wire.
            #[must_use]
            pub const fn from_code(code: i16) -> Self {
                match code {
                    0 => Self::None,
                    $($code => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// Whether Kafka's own client sends the request again on it.
            #[must_use]
            pub const fn is_retriable(self) -> bool {
                match self {
                    Self::None | Self::Other(_) => false,
                    $(Self::$name => error_codes!(@retriable $($retriable)?),)*
                }
            }

            /// What the code means, as a sentence without a full stop.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    Self::None => "no error",
                    $(Self::$name => $text,)*
                    Self::Other(_) => "an error this release does not know",
                }
            }
        }
    };
    (@retriable) => { false };
    (@retriable retriable) => { true };
}

error_codes! {
    UnknownServerError = -1: "the broker met an error it did not expect";
    OffsetOutOfRange = 1: "the offset is outside the range the partition holds";
    CorruptMessage = 2, retriable: "the records failed their checksum or cannot be parsed";
    UnknownTopicOrPartition = 3, retriable: "the broker does not host this topic or partition";
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({self:?}, {})", self.description(), self.code())
    }
}

impl Wire for ErrorCode {
    fn encode(&self, writer: &mut Writer, _: Version) {
        writer.i16(self.code());
    }

    fn decode(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        reader.i16().map(Self::from_code)
    }
}
