//! The table of APIs: key, name, versions, request and response, in one place.
//!
//! `apis!` is filled in [`crate::messages`]; dispatch, the fuzz targets, the comparison with
//! Kafka's own classes and the documentation all derive from it.

/// Declares [`crate::ApiKey`], and bodies of any API for code that learns the key at run time.
macro_rules! apis {
    ($($name:ident = $key:literal => $module:ident: $request:ident / $response:ident;)*) => {
        $(pub mod $module;)*

        /// The APIs this codec knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ApiKey {
            $(
                #[doc = concat!("`", stringify!($name), "` (", $key, "), see [`", stringify!($module), "`].")]
                $name,
            )*
        }

        impl ApiKey {
            /// Every API, in the order of the keys.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number in the request header.
            #[must_use]
            pub const fn key(self) -> i16 {
                match self {
                    $(Self::$name => $key,)*
                }
            }

            /// Kafka's name of the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Versions the codec knows; what a broker serves may be less.
            #[must_use]
            pub const fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$name => <$module::$request as Message>::VERSIONS,)*
                }
            }

            /// Whether version `number` has tagged fields.
            #[must_use]
            pub const fn is_flexible(self, number: i16) -> bool {
                match self {
                    $(Self::$name => number >= <$module::$request as Message>::FIRST_FLEXIBLE,)*
                }
            }
        }

        impl TryFrom<i16> for ApiKey {
            type Error = DecodeError;

            fn try_from(key: i16) -> Result<Self, DecodeError> {
                match key {
                    $($key => Ok(Self::$name),)*
                    key => Err(DecodeError::UnknownApi { key }),
                }
            }
        }

        /// A request of any API.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyRequest {
            $(
                #[doc = concat!("A request of `", stringify!($name), "`.")]
                $name($module::$request),
            )*
        }

        impl AnyRequest {
            /// Decodes the body of a request, which must fill `bytes`.
            ///
            /// # Errors
            /// [`DecodeError`] of the bytes or the version.
            pub fn from_bytes(api: ApiKey, version: i16, bytes: Bytes) -> Result<Self, DecodeError> {
                match api {
                    $(ApiKey::$name => Message::from_bytes(bytes, version).map(Self::$name),)*
                }
            }

            /// Encodes the body alone.
            ///
            /// # Errors
            /// [`EncodeError`] where a value does not fit this version.
            pub fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
                match self {
                    $(Self::$name(body) => body_bytes(body, version),)*
                }
            }

            /// Draws a request, for tests.
            #[cfg(any(test, feature = "sample"))]
            pub fn sample(api: ApiKey, version: i16, sampler: &mut crate::sample::Sampler) -> Self {
                match api {
                    $(ApiKey::$name => Self::$name(body_sample(version, sampler)),)*
                }
            }
        }

        /// A response of any API.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyResponse {
            $(
                #[doc = concat!("A response of `", stringify!($name), "`.")]
                $name($module::$response),
            )*
        }

        impl AnyResponse {
            /// Decodes the body of a response, which must fill `bytes`.
            ///
            /// # Errors
            /// [`DecodeError`] of the bytes or the version.
            pub fn from_bytes(api: ApiKey, version: i16, bytes: Bytes) -> Result<Self, DecodeError> {
                match api {
                    $(ApiKey::$name => Message::from_bytes(bytes, version).map(Self::$name),)*
                }
            }

            /// Encodes the body alone.
            ///
            /// # Errors
            /// [`EncodeError`] where a value does not fit this version.
            pub fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
                match self {
                    $(Self::$name(body) => body_bytes(body, version),)*
                }
            }

            /// Draws a response, for tests.
            #[cfg(any(test, feature = "sample"))]
            pub fn sample(api: ApiKey, version: i16, sampler: &mut crate::sample::Sampler) -> Self {
                match api {
                    $(ApiKey::$name => Self::$name(body_sample(version, sampler)),)*
                }
            }
        }
    };
}
