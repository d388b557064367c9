//! What operations may answer besides what each says itself.
//!
//! Some answers are given before a handler runs (a body that is too large, a caller of another site), and
//! Kafka may refuse anything. They are described once, as shared responses, and operations refer to them
//! where they do not say something more precise.

use utoipa::openapi::path::Operation;
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

/// A shared answer: its status, its name, and what it means.
type Shared = (&'static str, &'static str, &'static str);

/// What each operation may answer.
const ANYWHERE: [Shared; 3] = [
    (
        "403",
        "Forbidden",
        "Kafka does not allow it (40301), or a page of another site asks.",
    ),
    (
        "500",
        "Failed",
        "Kafka failed, for good (50002) or for now (50003), or this server did (500).",
    ),
    (
        "503",
        "Unavailable",
        "No broker can be reached (50302), or more is under way than allowed. Come again.",
    ),
];

/// What each operation of the APIs v2 and v3 may answer.
const OF_APIS: [Shared; 5] = [
    (
        "400",
        "Malformed",
        "A parameter or the body is malformed, or Kafka refuses what is asked for (40002).",
    ),
    (
        "401",
        "Unauthenticated",
        "Kafka does not know who asks (40101).",
    ),
    (
        "404",
        "Missing",
        "What the path names does not exist; 40401, 40402 and 40403 say what.",
    ),
    (
        "406",
        "NotAcceptable",
        "Nothing that `Accept` asks for can be answered.",
    ),
    (
        "429",
        "Throttled",
        "Kafka's quota for the caller is used up (42901).",
    ),
];

/// What each operation with a body may answer.
const OF_BODIES: [Shared; 4] = [
    ("408", "TooSlow", "The body stopped arriving."),
    (
        "413",
        "TooLarge",
        "The body is larger than `http.request_size_max`, or a record than Kafka takes.",
    ),
    (
        "415",
        "UnknownMediaType",
        "The body is of a media type that is not taken here.",
    ),
    (
        "422",
        "Unprocessable",
        "The body lacks something that is required (42206), or a value is impossible.",
    ),
];

/// Adds the shared answers to the operations that may give them.
pub(super) fn complete(api: &mut OpenApi) {
    let components = api.components.get_or_insert_with(Components::new);
    for (_, name, meaning) in ANYWHERE.into_iter().chain(OF_APIS).chain(OF_BODIES) {
        let body = Ref::from_schema_name("ErrorBody");
        let content = ContentBuilder::new().schema(Some(body)).build();
        let response = ResponseBuilder::new()
            .description(meaning)
            .content("application/json", content)
            .build();
        components
            .responses
            .insert(name.to_owned(), response.into());
    }
    for item in api.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        operations.into_iter().flatten().for_each(add);
    }
}

fn add(operation: &mut Operation) {
    let mut shared = ANYWHERE.to_vec();
    let tag = operation.tags.iter().flatten().next();
    if tag.is_some_and(|tag| tag.starts_with("v2 ") || tag.starts_with("v3 ")) {
        shared.extend(OF_APIS);
    }
    if operation.request_body.is_some() {
        shared.extend(OF_BODIES);
    }
    for (status, name, _) in shared {
        let described = &mut operation.responses.responses;
        let answer = || RefOr::Ref(Ref::from_response_name(name));
        described.entry(status.to_owned()).or_insert_with(answer);
    }
}
