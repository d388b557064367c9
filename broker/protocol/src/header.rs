//! What precedes a body: the headers of requests and responses, in the version the API asks for.
//!
//! Frames carry a 4-byte length on a byte stream; the length belongs to the link, not to this
//! module. Rules with a trap (Kafka's protocol guide, KIP-482, KIP-511):
//! * the client id keeps its 16-bit length even in flexible requests;
//! * the response to `ApiVersions` has the old header in every version.

use bytes::Bytes;

use crate::ApiKey;
use crate::error::{DecodeError, EncodeError};
use crate::messages::{Message, Request};
use crate::wire::{Reader, Version, Wire, Writer};

/// What the headers of requests are encoded as, up to their tagged fields.
const FIXED: Version = Version {
    number: 1,
    flexible: false,
};

/// What precedes the body of every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// Key of the API, known to us or not.
    pub api_key: i16,
    /// Version of the body.
    pub api_version: i16,
    /// Number the response repeats.
    pub correlation_id: i32,
    /// Name the client gives itself.
    pub client_id: Option<String>,
}

impl RequestHeader {
    /// Takes a header off a frame. Of an API that [`ApiKey`] does not know only the key, version and
    /// correlation id are read, since the rest depends on the API.
    ///
    /// # Errors
    /// [`DecodeError`] of the bytes.
    pub fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut header = Self {
            api_key: reader.i16()?,
            api_version: reader.i16()?,
            correlation_id: reader.i32()?,
            client_id: None,
        };
        if let Ok(api) = ApiKey::try_from(header.api_key) {
            header.client_id = Option::<String>::decode(reader, FIXED)?;
            if api.is_flexible(header.api_version) {
                reader.tagged_fields(&mut (), |(), _, _| Ok(false))?;
            }
        }
        Ok(header)
    }
}

/// Takes the header of a response off its frame, and answers the correlation id.
///
/// # Errors
/// [`DecodeError`] of the bytes.
pub fn decode_response_header(
    reader: &mut Reader,
    api: ApiKey,
    version: i16,
) -> Result<i32, DecodeError> {
    let correlation_id = reader.i32()?;
    if has_response_tags(api, version) {
        reader.tagged_fields(&mut (), |(), _, _| Ok(false))?;
    }
    Ok(correlation_id)
}

/// A whole request, as chunks to send in order.
///
/// # Errors
/// [`EncodeError`] where a value does not fit this version.
pub fn request_frame<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut writer = Writer::new();
    writer.i16(R::API.key());
    writer.i16(version);
    writer.i32(correlation_id);
    client_id.map(str::to_owned).encode(&mut writer, FIXED);
    if R::API.is_flexible(version) {
        writer.tagged_fields(|_none| ());
    }
    request.encode(&mut writer, Version::new(version, R::FIRST_FLEXIBLE));
    writer.finish()
}

/// A whole response, as chunks to send in order.
///
/// # Errors
/// [`EncodeError`] where a value does not fit this version.
pub fn response_frame<M: Message>(
    response: &M,
    version: i16,
    correlation_id: i32,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut writer = Writer::new();
    writer.i32(correlation_id);
    if has_response_tags(M::API, version) {
        writer.tagged_fields(|_none| ());
    }
    response.encode(&mut writer, Version::new(version, M::FIRST_FLEXIBLE));
    writer.finish()
}

fn has_response_tags(api: ApiKey, version: i16) -> bool {
    api != ApiKey::ApiVersions && api.is_flexible(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    use crate::messages::heartbeat::HeartbeatResponse;

    #[test]
    fn the_client_id_keeps_its_16_bit_length_in_flexible_requests() {
        let frame = request_frame(&ApiVersionsRequest::default(), 3, 5, Some("me")).unwrap();
        let mut reader = Reader::from_chunks(frame);
        let bytes = reader.rest().unwrap();
        let header = [0, 18, 0, 3, 0, 0, 0, 5, 0, 2, b'm', b'e', 0];
        assert_eq!(bytes.get(..header.len()), Some(&header[..]));

        let decoded = RequestHeader::decode(&mut Reader::new(bytes)).unwrap();
        assert_eq!((decoded.api_key, decoded.api_version), (18, 3));
        assert_eq!(decoded.correlation_id, 5);
        assert_eq!(decoded.client_id.as_deref(), Some("me"));
    }

    #[test]
    fn only_api_versions_answers_without_tags_in_flexible_versions() {
        let flexible = response_frame(&HeartbeatResponse::default(), 4, 5).unwrap();
        assert_eq!(flexible.concat().get(..5), Some(&[0, 0, 0, 5, 0][..]));
        let mut bytes = Reader::from_chunks(flexible);
        assert_eq!(
            decode_response_header(&mut bytes, ApiKey::Heartbeat, 4),
            Ok(5)
        );
        assert_eq!(bytes.remaining(), 7);

        let versions = response_frame(&ApiVersionsResponse::default(), 3, 5).unwrap();
        let mut bytes = Reader::from_chunks(versions);
        assert_eq!(
            decode_response_header(&mut bytes, ApiKey::ApiVersions, 3),
            Ok(5)
        );
        assert_eq!(bytes.remaining(), 8);
    }

    #[test]
    fn of_an_unknown_api_only_what_every_header_has_is_read() {
        let frame = Bytes::from_static(&[0x7f, 0, 0, 2, 0, 0, 0, 9, 0xde, 0xad]);
        let header = RequestHeader::decode(&mut Reader::new(frame)).unwrap();
        assert_eq!((header.api_key, header.correlation_id), (0x7f00, 9));
        assert_eq!(header.client_id, None);
    }
}
