//! Names as segments of a URL's path (RFC 3986, 2.3).

use std::fmt::Write as _;

/// Text as one segment of a URL's path.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                encoded.push(byte.into())
            }
            // A segment of dots alone would be taken for a step in the path.
            b'.' if text.bytes().any(|other| other != b'.') => encoded.push('.'),
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_becomes_one_segment_of_a_path() {
        assert_eq!(segment("a/b c?#%é"), "a%2Fb%20c%3F%23%25%C3%A9");
        assert_eq!(
            (segment(".."), segment("a.b")),
            ("%2E%2E".into(), "a.b".into())
        );
    }
}
