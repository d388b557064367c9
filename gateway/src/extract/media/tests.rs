//! The matrix of media types, in both dialects.

use super::*;

const BINARY: &str = "application/vnd.kafka.binary.v2+json";
const JSON_V2: &str = "application/vnd.kafka.json.v2+json";

#[test]
fn v2_produce_takes_the_embedded_types_and_the_lenient_dialect_more() {
    use EmbeddedFormat::{Binary, Json};
    for (content_type, lenient, strict) in [
        (Some(BINARY), Some(Binary), Some(Binary)),
        (Some(JSON_V2), Some(Json), Some(Json)),
        (
            Some("Application/VND.kafka.json.v2+JSON; charset=utf-8"),
            Some(Json),
            Some(Json),
        ),
        (Some(JSON), Some(Json), None),
        (Some(V2), Some(Json), None),
        (None, Some(Json), None),
        (Some("application/vnd.kafka.avro.v2+json"), None, None),
        (Some("application/x-www-form-urlencoded"), None, None),
        (Some("text/plain"), None, None),
        (Some(""), None, None),
    ] {
        assert_eq!(
            produce_format(content_type, false).ok(),
            lenient,
            "{content_type:?}"
        );
        assert_eq!(
            produce_format(content_type, true).ok(),
            strict,
            "{content_type:?}"
        );
    }
    assert_eq!(
        produce_format(Some(""), false),
        Err(ApiError::UnsupportedMediaType)
    );
}

#[test]
fn v2_bodies_without_records_take_the_whole_family() {
    for (content_type, lenient, strict) in [
        (None, true, true),
        (Some(V2), true, true),
        (Some(BINARY), true, true),
        (Some(JSON), true, false),
        (Some("text/plain"), false, false),
    ] {
        assert_eq!(
            check_v2_body(content_type, false).is_ok(),
            lenient,
            "{content_type:?}"
        );
        assert_eq!(
            check_v2_body(content_type, true).is_ok(),
            strict,
            "{content_type:?}"
        );
    }
}

#[test]
fn v2_answers_are_refused_to_those_who_exclude_them() {
    for (accept, lenient, strict) in [
        (None, true, true),
        (Some("*/*"), true, true),
        (Some("application/*"), true, true),
        (Some(V2), true, true),
        (Some(JSON), true, false),
        (Some("text/html"), false, false),
        (Some("text/html, */*;q=0.1"), true, true),
        (Some("application/vnd.kafka.v2+json;q=0"), false, false),
        (Some(BINARY), false, false),
    ] {
        assert_eq!(
            check_v2_answer(accept, false).is_ok(),
            lenient,
            "{accept:?}"
        );
        assert_eq!(check_v2_answer(accept, true).is_ok(), strict, "{accept:?}");
    }
}

#[test]
fn v2_consumer_answers_come_in_the_whole_family() {
    for (accept, lenient, strict) in [
        (None, Some(V2), Some(V2)),
        (Some("*/*"), Some(V2), Some(V2)),
        (Some(BINARY), Some(BINARY), Some(BINARY)),
        (Some(JSON_V2), Some(JSON_V2), Some(JSON_V2)),
        (Some(JSON), Some(V2), None),
        (Some("text/plain"), None, None),
    ] {
        assert_eq!(
            v2_consumer_answer(accept, false).ok(),
            lenient,
            "{accept:?}"
        );
        assert_eq!(v2_consumer_answer(accept, true).ok(), strict, "{accept:?}");
    }
}

#[test]
fn reads_of_records_are_asked_for_by_accept() {
    use RecordsRequested::{Any, Named};
    let (binary, json) = (Named(EmbeddedFormat::Binary), Named(EmbeddedFormat::Json));
    for (accept, lenient, strict) in [
        (None, Some(Any), Some(Any)),
        (Some("*/*"), Some(Any), Some(Any)),
        (Some(V2), Some(Any), Some(Any)),
        (Some(BINARY), Some(binary), Some(binary)),
        (Some(JSON_V2), Some(json), Some(json)),
        (
            Some("application/vnd.kafka.json.v2+json, */*"),
            Some(json),
            Some(json),
        ),
        (
            Some(
                "application/vnd.kafka.binary.v2+json;q=0.5, application/vnd.kafka.json.v2+json;q=0.9",
            ),
            Some(json),
            Some(json),
        ),
        (Some(JSON), Some(json), None),
        (Some("application/vnd.kafka.avro.v2+json"), None, None),
    ] {
        assert_eq!(records_requested(accept, false).ok(), lenient, "{accept:?}");
        assert_eq!(records_requested(accept, true).ok(), strict, "{accept:?}");
    }
}

#[test]
fn v3_takes_and_gives_plain_json() {
    for good in [
        None,
        Some(JSON),
        Some("application/json; charset=UTF-8"),
        Some("application/json;charset=\"iso-8859-1\""),
    ] {
        assert_eq!(check_v3_body(good), Ok(()), "{good:?}");
    }
    assert_eq!(check_v3_body(Some(V2)), Err(ApiError::UnsupportedMediaType));
    let charset = check_v3_body(Some("application/json; charset=utf-16")).unwrap_err();
    assert_eq!(
        charset.to_string(),
        "Unsupported charset in Content-Type header. Supports \"UTF-8\" and \"ISO-8859-1\"."
    );
    assert_eq!(
        check_v3_answer(Some("text/html")),
        Err(ApiError::NotAcceptable)
    );
    assert_eq!(
        check_v3_answer(Some("text/html, application/json;q=0.2")),
        Ok(())
    );
}

#[test]
fn a_quality_of_zero_excludes() {
    assert_eq!(
        best(Some("*/*, application/json;q=0"), &[V2, JSON]),
        Some(V2)
    );
    assert_eq!(
        best(Some("*/*;q=0.1, application/json;q=0.000"), &[JSON]),
        None
    );
    assert_eq!(best(Some("a/b;q=x"), &["a/b"]), Some("a/b"));
}
