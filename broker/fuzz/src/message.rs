//! Frames with their headers, requests and responses.
//!
//! Of a request or response the first byte of the input draws the API and the second its version;
//! the rest is the body.

use bytes::Bytes;
use sluice_protocol::header::{RequestHeader, decode_response_header};
use sluice_protocol::messages::{AnyRequest, AnyResponse};
use sluice_protocol::sample::Sampler;
use sluice_protocol::wire::{Reader, Writer};
use sluice_protocol::{ApiKey, DecodeError};

/// Reads the headers of requests and responses, in one piece and byte by byte.
pub(crate) fn frames(input: &[u8]) {
    let whole = Bytes::copy_from_slice(input);
    let chunks: Vec<_> = input.chunks(1).map(Bytes::copy_from_slice).collect();
    let mut in_chunks = Reader::from_chunks(chunks.clone());
    let mut in_one = Reader::new(whole.clone());
    let header = RequestHeader::decode(&mut in_one);
    assert_eq!(header, RequestHeader::decode(&mut in_chunks));
    let Ok(header) = header else { return };
    assert_eq!(in_one.remaining(), in_chunks.remaining());
    let Ok(api) = ApiKey::try_from(header.api_key) else {
        return;
    };
    let version = header.api_version;
    if let Ok(body) = in_one.rest() {
        drop(AnyRequest::from_bytes(api, version, body));
    }
    assert_eq!(
        decode_response_header(&mut Reader::new(whole), api, version),
        decode_response_header(&mut Reader::from_chunks(chunks), api, version),
    );
}

/// A frame of every request in every version.
pub(crate) fn frame_samples() -> Vec<Vec<u8>> {
    let frame = |api: ApiKey, version, body: &[u8]| {
        let mut writer = Writer::new();
        writer.i16(api.key());
        writer.i16(version);
        writer.i32(7);
        writer.i16(4);
        writer.raw(b"fuzz");
        if api.is_flexible(version) {
            writer.tagged_fields(|_none| ());
        }
        writer.raw(body);
        writer.finish_contiguous().unwrap_or_default().to_vec()
    };
    bodies(&request_body)
        .map(|(api, version, body)| frame(api, version, &body))
        .collect()
}

/// Decodes a request, and what that encodes to.
pub(crate) fn requests(input: &[u8]) {
    survives_a_round_trip(input, AnyRequest::from_bytes, AnyRequest::to_bytes);
}

/// Decodes a response, and what that encodes to.
pub(crate) fn responses(input: &[u8]) {
    survives_a_round_trip(input, AnyResponse::from_bytes, AnyResponse::to_bytes);
}

/// Every request in every version, as [`requests`] takes it.
pub(crate) fn request_samples() -> Vec<Vec<u8>> {
    samples(&request_body)
}

/// Every response in every version, as [`responses`] takes it.
pub(crate) fn response_samples() -> Vec<Vec<u8>> {
    samples(&|api, version, sampler| AnyResponse::sample(api, version, sampler).to_bytes(version))
}

/// What is decoded may have been written in another way than ours, so the input's bytes need not
/// come back; the value must.
fn survives_a_round_trip<T: PartialEq + std::fmt::Debug, E: std::fmt::Debug>(
    input: &[u8],
    decode: impl Fn(ApiKey, i16, Bytes) -> Result<T, DecodeError>,
    encode: impl Fn(&T, i16) -> Result<Bytes, E>,
) {
    let [drawn_api, drawn_version, body @ ..] = input else {
        return;
    };
    let Some((api, version)) = drawn(*drawn_api, *drawn_version) else {
        return;
    };
    let Ok(value) = decode(api, version, Bytes::copy_from_slice(body)) else {
        return;
    };
    match encode(&value, version) {
        Ok(bytes) => assert_eq!(decode(api, version, bytes), Ok(value), "{api:?} {version}"),
        Err(error) => panic!("{api:?} {version} decodes and does not encode: {error:?}"),
    }
}

/// The API and version that two bytes draw.
fn drawn(api: u8, version: u8) -> Option<(ApiKey, i16)> {
    let index = usize::from(api).checked_rem(ApiKey::ALL.len())?;
    let api = *ApiKey::ALL.get(index)?;
    let versions: Vec<_> = api.versions().collect();
    let index = usize::from(version).checked_rem(versions.len())?;
    Some((api, *versions.get(index)?))
}

type DrawBody<'a, E> = &'a dyn Fn(ApiKey, i16, &mut Sampler) -> Result<Bytes, E>;

fn request_body(
    api: ApiKey,
    version: i16,
    sampler: &mut Sampler,
) -> Result<Bytes, sluice_protocol::EncodeError> {
    AnyRequest::sample(api, version, sampler).to_bytes(version)
}

/// A body of every API in every version, behind the two bytes that draw them.
fn samples<E>(body: DrawBody<'_, E>) -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    for (api, version, body) in bodies(body) {
        let draws = (0..=u8::MAX).flat_map(|api| (0..32).map(move |version| (api, version)));
        for (drawn_api, drawn_version) in draws {
            if drawn(drawn_api, drawn_version) == Some((api, version)) {
                samples.push([&[drawn_api, drawn_version], body.as_ref()].concat());
                break;
            }
        }
    }
    samples
}

fn bodies<E>(body: DrawBody<'_, E>) -> impl Iterator<Item = (ApiKey, i16, Bytes)> {
    let mut sampler = Sampler::new(1);
    let versions = ApiKey::ALL
        .iter()
        .flat_map(|api| api.versions().map(|version| (*api, version)));
    versions.filter_map(move |(api, version)| {
        let body = body(api, version, &mut sampler).ok()?;
        Some((api, version, body))
    })
}
