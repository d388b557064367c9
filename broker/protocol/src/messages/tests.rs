//! Promises that hold for every message in every version.

use super::*;
use crate::header::RequestHeader;
use crate::sample::Sampler;

/// Both bodies of every API in every version, encoded, as the given seed draws them.
fn bodies(seed: u64) -> impl Iterator<Item = Body> {
    let versions = |api: &ApiKey| {
        let api = *api;
        api.versions().map(move |version| (api, version))
    };
    let versions = ApiKey::ALL.iter().flat_map(versions);
    versions.flat_map(move |(api, version)| {
        let mut sampler = Sampler::new(seed);
        let request = AnyRequest::sample(api, version, &mut sampler);
        let response = AnyResponse::sample(api, version, &mut sampler);
        [
            Body::new(api, version, false, request.to_bytes(version).unwrap()),
            Body::new(api, version, true, response.to_bytes(version).unwrap()),
        ]
    })
}

#[derive(Debug)]
struct Body {
    api: ApiKey,
    version: i16,
    is_response: bool,
    bytes: Bytes,
}

impl Body {
    fn new(api: ApiKey, version: i16, is_response: bool, bytes: Bytes) -> Self {
        Self {
            api,
            version,
            is_response,
            bytes,
        }
    }

    /// Decodes `bytes` as this body, and encodes what they mean.
    fn again(&self, bytes: Bytes) -> Result<Bytes, DecodeError> {
        let encoded = if self.is_response {
            AnyResponse::from_bytes(self.api, self.version, bytes)?.to_bytes(self.version)
        } else {
            AnyRequest::from_bytes(self.api, self.version, bytes)?.to_bytes(self.version)
        };
        Ok(encoded.unwrap())
    }
}

#[test]
fn every_message_survives_a_round_trip_in_every_version() {
    for seed in 0..50 {
        for &api in ApiKey::ALL {
            for version in api.versions() {
                let mut sampler = Sampler::new(seed);
                let request = AnyRequest::sample(api, version, &mut sampler);
                let bytes = request.to_bytes(version).unwrap();
                let decoded = AnyRequest::from_bytes(api, version, bytes);
                assert_eq!(decoded, Ok(request), "{api:?} {version}");
                let response = AnyResponse::sample(api, version, &mut sampler);
                let bytes = response.to_bytes(version).unwrap();
                let decoded = AnyResponse::from_bytes(api, version, bytes);
                assert_eq!(decoded, Ok(response), "{api:?} {version}");
            }
        }
    }
}

#[test]
fn a_body_truncated_at_any_byte_is_an_error() {
    for body in (0..10).flat_map(bodies) {
        for end in 0..body.bytes.len() {
            let cut = body.bytes.slice(..end);
            assert!(body.again(cut).is_err(), "{body:?} {end}");
        }
    }
}

#[test]
fn a_body_with_a_byte_too_many_is_an_error() {
    for body in bodies(7) {
        let longer = Bytes::from([&body.bytes[..], &[0]].concat());
        let error = DecodeError::TrailingBytes { count: 1 };
        assert_eq!(body.again(longer), Err(error), "{body:?}");
    }
}

/// An attempt to allocate what these claim would end the process.
#[test]
fn no_length_written_anywhere_over_a_body_makes_it_allocate() {
    let claims: [&[u8]; 4] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0x80, 0x00, 0x00, 0x00],
        &[0x7f, 0xff],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
    ];
    for body in bodies(1) {
        for start in 0..body.bytes.len() {
            for claim in claims {
                let mut hostile = body.bytes.to_vec();
                hostile.truncate(start);
                hostile.extend_from_slice(claim);
                let rest = body.bytes.get(start + claim.len()..).unwrap_or_default();
                hostile.extend_from_slice(rest);
                // What still means something means the same when it is encoded again.
                if let Ok(again) = body.again(hostile.into()) {
                    assert_eq!(body.again(again.clone()), Ok(again), "{body:?} {start}");
                }
            }
        }
    }
}

#[test]
fn a_frame_of_a_few_bytes_that_claims_two_billion_topics_is_refused() {
    // Metadata 8, without a client id: 14 bytes; Metadata 9, likewise, with compact lengths: 16.
    let old: &[u8] = &[0, 3, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff];
    let compact: &[u8] = &[
        0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0x07,
    ];
    for frame in [old, compact] {
        let mut reader = Reader::new(Bytes::copy_from_slice(frame));
        let header = RequestHeader::decode(&mut reader).unwrap();
        let body = metadata::MetadataRequest::from_reader(&mut reader, header.api_version);
        let error = body.unwrap_err();
        assert!(
            matches!(error, DecodeError::UnexpectedEnd { remaining: 0, .. }),
            "{error}"
        );
    }
}

#[test]
fn versions_outside_the_declared_ones_are_refused_by_name() {
    for &api in ApiKey::ALL {
        for version in [-1, api.versions().start() - 1, api.versions().end() + 1] {
            let error = DecodeError::UnsupportedVersion {
                schema: api.name(),
                version,
            };
            let decoded = AnyRequest::from_bytes(api, version, Bytes::new());
            assert_eq!(decoded, Err(error), "{api:?}");
        }
    }
}

#[test]
fn records_pass_through_a_produce_request_without_a_copy() {
    let records = Bytes::from(vec![7; 64 * 1024]);
    let partition = produce::PartitionProduceData {
        records: Some(records.clone()),
        ..Default::default()
    };
    let topic = produce::TopicProduceData {
        partition_data: vec![partition],
        ..Default::default()
    };
    let request = produce::ProduceRequest {
        topic_data: vec![topic],
        ..Default::default()
    };
    let frame = crate::header::request_frame(&request, 11, 1, None).unwrap();
    let mut reader = Reader::from_chunks(frame);
    RequestHeader::decode(&mut reader).unwrap();
    let decoded = produce::ProduceRequest::from_reader(&mut reader, 11).unwrap();
    let passed = decoded.topic_data[0].partition_data[0].records.as_ref();
    assert_eq!(passed.map(|bytes| bytes.as_ptr()), Some(records.as_ptr()));
}
