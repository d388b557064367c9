//! The macros through which every message and stored record is declared, once.
//!
//! `wire!` declares structs field by field; encoding, decoding, defaults and the random values of the
//! tests follow from the declaration. `api!` ties a request and a response to an API key and its
//! versions, and `schema!` a stored value to its versions. The grammar of a field:
//!
//! ```text
//! name: Type                          in every version
//! name: Type [3..]                    from version 3 on; the default value before
//! name: Type [..=4]                   up to version 4
//! name: Option<Type> [..; null 2..]   in every version, nullable from version 2 on
//! name: Type [7..; tag 0]             a tagged field (KIP-482)
//! name: Type [3..] = 1                with a default other than the type's own
//! ```
//!
//! An `Option` field without `null` is nullable wherever it is present. Versions of a field are told
//! only where they are narrower than those of the struct that holds it.
//!
//! What a version cannot carry is left out, and a null it cannot carry becomes the default value of
//! the type: who sends a message chooses a version that carries what matters.

/// The key, versions and bodies of one API.
macro_rules! api {
    ($key:ident, versions: $versions:expr, flexible: $flexible:expr,
     request: $request:ident, response: $response:ident) => {
        impl $crate::messages::Message for $request {
            const API: $crate::ApiKey = $crate::ApiKey::$key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $versions;
            const FIRST_FLEXIBLE: i16 = $flexible;
        }

        impl $crate::messages::Message for $response {
            const API: $crate::ApiKey = $crate::ApiKey::$key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $versions;
            const FIRST_FLEXIBLE: i16 = $flexible;
        }

        impl $crate::messages::Request for $request {
            type Response = $response;
        }
    };
}

/// The name and versions of a value that is stored or exchanged apart from requests.
macro_rules! schema {
    ($name:ident, versions: $versions:expr, flexible: $flexible:expr, append_only: $append:expr) => {
        impl $crate::records::Schema for $name {
            const NAME: &'static str = stringify!($name);
            const VERSIONS: std::ops::RangeInclusive<i16> = $versions;
            const FIRST_FLEXIBLE: i16 = $flexible;
            const APPEND_ONLY: bool = $append;
        }
    };
}

/// Structs with a form on the wire; see the module for the grammar.
macro_rules! wire {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {$(
            $(#[$field_meta:meta])*
            $field:ident: $type:ty
                $([$present:expr $(; null $null:expr)? $(; tag $tag:literal)?])?
                $(= $default:expr)?
        ),* $(,)?}
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name {$(
            $(#[$field_meta])*
            $vis $field: $type,
        )*}

        impl Default for $name {
            fn default() -> Self {
                Self {$($field: wire!(@default $($default)?),)*}
            }
        }

        impl $crate::wire::Wire for $name {
            fn encode(&self, writer: &mut $crate::wire::Writer, version: $crate::wire::Version) {
                $(wire!(@encode self.$field, writer, version,
                    [$($present $(; null $null)? $(; tag $tag)?)?]);)*
                if version.flexible {
                    writer.tagged_fields(|tagged| {
                        $(wire!(@encode_tagged tagged, self.$field, version,
                            [$($present $(; null $null)? $(; tag $tag)?)?], [$($default)?]);)*
                        let _complete: &$crate::wire::TaggedFields = tagged;
                    });
                }
            }

            fn decode(
                reader: &mut $crate::wire::Reader,
                version: $crate::wire::Version,
            ) -> Result<Self, $crate::DecodeError> {
                let mut value = Self {$(
                    $field: wire!(@decode reader, version,
                        [$($present $(; null $null)? $(; tag $tag)?)?], [$($default)?]),
                )*};
                if version.flexible {
                    reader.tagged_fields(&mut value, |value, tag, reader| {
                        $(wire!(@decode_tagged tag, reader, value.$field, version,
                            [$($present $(; null $null)? $(; tag $tag)?)?]);)*
                        let _unknown = (value, tag, reader);
                        Ok(false)
                    })?;
                }
                Ok(value)
            }
        }

        impl $crate::wire::Nullable for $name {
            fn encode_some(&self, writer: &mut $crate::wire::Writer, version: $crate::wire::Version) {
                writer.i8(1);
                $crate::wire::Wire::encode(self, writer, version);
            }

            fn encode_null(writer: &mut $crate::wire::Writer, _: $crate::wire::Version) {
                writer.i8(-1);
            }

            fn decode_nullable(
                reader: &mut $crate::wire::Reader,
                version: $crate::wire::Version,
            ) -> Result<Option<Self>, $crate::DecodeError> {
                if reader.i8()? < 0 {
                    return Ok(None);
                }
                $crate::wire::Wire::decode(reader, version).map(Some)
            }
        }

        #[cfg(any(test, feature = "sample"))]
        impl $crate::sample::Sample for $name {
            fn sample(sampler: &mut $crate::sample::Sampler, version: $crate::wire::Version) -> Self {
                Self {$(
                    $field: wire!(@sample sampler, version,
                        [$($present $(; null $null)? $(; tag $tag)?)?], [$($default)?]),
                )*}
            }
        }
    )*};

    (@default) => { Default::default() };
    (@default $default:expr) => { $default };

    // A tagged field is not among the ordered ones.
    (@encode $place:expr, $writer:ident, $version:ident,
        [$present:expr $(; null $null:expr)?; tag $tag:literal]) => {};
    (@encode $place:expr, $writer:ident, $version:ident, []) => {
        $crate::wire::Wire::encode(&$place, $writer, $version);
    };
    (@encode $place:expr, $writer:ident, $version:ident, [$present:expr]) => {
        if $version.within($present) {
            $crate::wire::Wire::encode(&$place, $writer, $version);
        }
    };
    (@encode $place:expr, $writer:ident, $version:ident, [$present:expr; null $null:expr]) => {
        if $version.within($present) {
            if $version.within($null) {
                $crate::wire::Wire::encode(&$place, $writer, $version);
            } else {
                $crate::wire::encode_present(&$place, $writer, $version);
            }
        }
    };

    (@encode_tagged $tagged:ident, $place:expr, $version:ident, [], [$($default:expr)?]) => {};
    (@encode_tagged $tagged:ident, $place:expr, $version:ident,
        [$present:expr $(; null $null:expr)?], [$($default:expr)?]) => {};
    (@encode_tagged $tagged:ident, $place:expr, $version:ident,
        [$present:expr $(; null $null:expr)?; tag $tag:literal], [$($default:expr)?]) => {
        if $version.within($present)
            && $crate::wire::differs(&$place, &wire!(@default $($default)?))
        {
            $tagged.push($tag, |writer| $crate::wire::Wire::encode(&$place, writer, $version));
        }
    };

    (@decode $reader:ident, $version:ident, [], [$($default:expr)?]) => {
        $crate::wire::Wire::decode($reader, $version)?
    };
    (@decode $reader:ident, $version:ident, [$present:expr], [$($default:expr)?]) => {
        if $version.within($present) {
            $crate::wire::Wire::decode($reader, $version)?
        } else {
            wire!(@default $($default)?)
        }
    };
    (@decode $reader:ident, $version:ident, [$present:expr; null $null:expr], [$($default:expr)?]) => {
        if !$version.within($present) {
            wire!(@default $($default)?)
        } else if $version.within($null) {
            $crate::wire::Wire::decode($reader, $version)?
        } else {
            Some($crate::wire::Wire::decode($reader, $version)?)
        }
    };
    (@decode $reader:ident, $version:ident,
        [$present:expr $(; null $null:expr)?; tag $tag:literal], [$($default:expr)?]) => {
        wire!(@default $($default)?)
    };

    (@decode_tagged $found:ident, $reader:ident, $place:expr, $version:ident, []) => {};
    (@decode_tagged $found:ident, $reader:ident, $place:expr, $version:ident,
        [$present:expr $(; null $null:expr)?]) => {};
    (@decode_tagged $found:ident, $reader:ident, $place:expr, $version:ident,
        [$present:expr $(; null $null:expr)?; tag $tag:literal]) => {
        if $found == $tag && $version.within($present) {
            $place = $crate::wire::Wire::decode($reader, $version)?;
            return Ok(true);
        }
    };

    (@sample $sampler:ident, $version:ident, [], [$($default:expr)?]) => {
        $crate::sample::Sample::sample($sampler, $version)
    };
    (@sample $sampler:ident, $version:ident,
        [$present:expr $(; tag $tag:literal)?], [$($default:expr)?]) => {
        if $version.within($present) {
            $crate::sample::Sample::sample($sampler, $version)
        } else {
            wire!(@default $($default)?)
        }
    };
    (@sample $sampler:ident, $version:ident,
        [$present:expr; null $null:expr $(; tag $tag:literal)?], [$($default:expr)?]) => {
        if !$version.within($present) {
            wire!(@default $($default)?)
        } else if $version.within($null) {
            $crate::sample::Sample::sample($sampler, $version)
        } else {
            Some($crate::sample::Sample::sample($sampler, $version))
        }
    };
}

#[cfg(test)]
mod tests {
    //! The grammar, on a message of its own.

    use bytes::Bytes;

    use crate::DecodeError;
    use crate::wire::{Reader, Version, Wire, Writer};

    wire! {
        /// One field of each kind.
        struct Declared {
            always: i8,
            later: i8 [1..] = 7,
            earlier: i8 [..=0] = -1,
            nullable_later: Option<String> [..; null 1..],
            tagged: i8 [2..; tag 1] = 9,
            inner: Vec<Inner>,
        }

        /// An element.
        struct Inner {
            number: i8,
        }
    }

    fn encode(value: &Declared, version: i16) -> Vec<u8> {
        let mut writer = Writer::new();
        value.encode(&mut writer, Version::new(version, 2));
        writer.finish_contiguous().unwrap().to_vec()
    }

    fn decode(bytes: &[u8], version: i16) -> Result<Declared, DecodeError> {
        let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
        let value = Declared::decode(&mut reader, Version::new(version, 2))?;
        reader.finish()?;
        Ok(value)
    }

    #[test]
    fn a_field_is_written_in_its_versions_and_has_its_default_in_the_others() {
        let value = Declared {
            always: 1,
            later: 2,
            earlier: 3,
            inner: vec![Inner { number: 4 }],
            ..Declared::default()
        };
        let version_0 = [1, 3, 0, 0, 0, 0, 0, 1, 4];
        assert_eq!(encode(&value, 0), version_0);
        let decoded = decode(&version_0, 0).unwrap();
        assert_eq!((decoded.later, decoded.earlier), (7, 3));
        assert_eq!(decoded.nullable_later.as_deref(), Some(""));

        let version_1 = [1, 2, 0xff, 0xff, 0, 0, 0, 1, 4];
        assert_eq!(encode(&value, 1), version_1);
        let decoded = decode(&version_1, 1).unwrap();
        assert_eq!((decoded.later, decoded.earlier), (2, -1));
        assert_eq!(decoded.nullable_later, None);
    }

    #[test]
    fn a_null_where_its_version_has_none_is_an_error() {
        let version_0 = [1, 3, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(decode(&version_0, 0), Err(DecodeError::UnexpectedNull));
    }

    #[test]
    fn a_tagged_field_is_written_only_when_it_differs_from_its_default() {
        let mut value = Declared::default();
        assert_eq!(encode(&value, 2), [0, 7, 0, 1, 0]);
        value.tagged = 0;
        let tagged = [0, 7, 0, 1, 1, 1, 1, 0];
        assert_eq!(encode(&value, 2), tagged);
        assert_eq!(decode(&tagged, 2), Ok(value));
    }

    #[test]
    fn unknown_tagged_fields_are_skipped_at_every_depth() {
        let known = Declared {
            tagged: 5,
            inner: vec![Inner { number: 4 }],
            ..Declared::default()
        };
        let inner = [4, 1, 8, 2, 0xaa, 0xbb];
        let outer = [3, 0, 0, 1, 1, 5, 0xff, 0x7f, 1, 0xcc];
        let bytes = [&[0, 7, 0, 2][..], &inner, &outer].concat();
        assert_eq!(decode(&bytes, 2), Ok(known));
    }

    #[test]
    fn tagged_fields_out_of_order_or_of_another_size_are_errors() {
        let twice = [0, 7, 0, 1, 2, 1, 1, 5, 1, 1, 5];
        assert_eq!(
            decode(&twice, 2),
            Err(DecodeError::TagOutOfOrder { tag: 1 })
        );
        let longer = [0, 7, 0, 1, 1, 1, 2, 5, 5];
        assert_eq!(
            decode(&longer, 2),
            Err(DecodeError::TrailingBytes { count: 1 })
        );
        let beyond = [0, 7, 0, 1, 1, 1, 9, 5];
        assert!(matches!(
            decode(&beyond, 2),
            Err(DecodeError::UnexpectedEnd { .. })
        ));
    }
}
