//! The application without a network: routes, refusals, labels, counts.

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::http::{Method, StatusCode, header};
use actix_web::test::{TestRequest, call_service, init_service};
use serde_json::{Value, json};

use super::*;

/// The state of a program that keeps nothing on disk.
fn state(change: impl FnOnce(&mut Config)) -> Data<AppState> {
    let mut config = Config::for_testing(std::path::Path::new("unused")).unwrap();
    change(&mut config);
    Data::new(AppState::new(config, unreachable(), Registry::new()).unwrap())
}

/// A cluster that nobody asks for anything.
fn unreachable() -> Cluster {
    let nobody = sluice_client::Config::new(vec!["127.0.0.1:1".parse().unwrap()]);
    let (dial, runtime) = (
        Arc::new(sluice_client::TcpDial),
        tokio::runtime::Handle::current(),
    );
    let client = sluice_client::Client::new(nobody, dial, runtime.clone());
    Cluster {
        monitoring: client.clone(),
        client,
        runtime,
        id: "none".into(),
        name: "local".into(),
    }
}

fn defaults() -> Data<AppState> {
    state(|_config| ())
}

struct Answer {
    status: u16,
    headers: header::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

async fn send(state: &Data<AppState>, request: TestRequest) -> Answer {
    let app = init_service(app(state.clone())).await;
    let response = call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = to_bytes(response.into_body())
        .await
        .unwrap_or_default()
        .to_vec();
    Answer {
        status,
        headers,
        body,
    }
}

async fn get(state: &Data<AppState>, path: &str) -> Answer {
    send(state, TestRequest::get().uri(path)).await
}

#[actix_web::test]
async fn health_says_live_and_ready() {
    let state = defaults();
    assert_eq!(
        get(&state, "/health/live").await.json(),
        json!({"status": "live", "reasons": []})
    );
    assert_eq!(
        get(&state, "/health/ready").await.json(),
        json!({"status": "ready", "reasons": []})
    );
}

#[actix_web::test]
async fn a_full_disk_is_told_and_readiness_stays() {
    let state = defaults();
    state
        .lifecycle
        .caution(|| Some("disk full, produces refused".to_owned()));
    let answer = get(&state, "/health/ready").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({"status": "ready", "reasons": ["disk full, produces refused"]})
    );
}

#[actix_web::test]
async fn readiness_ends_with_draining_and_says_why_while_liveness_goes_on() {
    let state = defaults();
    state.lifecycle.drain();
    let answer = get(&state, "/health/ready").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.json(),
        json!({"status": "not ready", "reasons": ["shutting down"]})
    );
    assert_eq!(get(&state, "/health/live").await.status, 200);
}

#[actix_web::test]
async fn what_no_route_takes_has_confluents_error_body() {
    let state = defaults();
    let missing = get(&state, "/no/such/path").await;
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.json(),
        json!({"error_code": 404, "message": "HTTP 404 Not Found"})
    );
    let method = send(&state, TestRequest::post().uri("/health/live")).await;
    assert_eq!(method.status, 405);
    assert_eq!(
        method.json(),
        json!({"error_code": 405, "message": "HTTP 405 Method Not Allowed"})
    );
    assert_eq!(method.header(header::ALLOW), "GET, HEAD");
}

#[actix_web::test]
async fn a_browser_is_shown_a_page_for_a_group_that_is_not_there() {
    let state = defaults();
    let asking = |accept| {
        TestRequest::get()
            .uri("/groups/no%3Cb%3Ebody")
            .insert_header((header::ACCEPT, accept))
    };
    let page = send(&state, asking("text/html,application/xhtml+xml,*/*;q=0.8")).await;
    assert_eq!(page.status, 404);
    assert_eq!(
        page.header(header::CONTENT_TYPE),
        "text/html; charset=utf-8"
    );
    let text = page.text();
    assert!(
        text.contains("There is no group no&#60;b&#62;body"),
        "{text}"
    );
    assert!(
        text.contains("<a href=\"/\">All groups and topics</a>"),
        "{text}"
    );
    let json = send(&state, asking("application/json")).await;
    assert_eq!(
        (json.status, &json.json()["error_code"]),
        (404, &json!(404))
    );
}

#[actix_web::test]
async fn errors_carry_the_label_of_the_dialect_that_asks() {
    let state = defaults();
    let v2 = TestRequest::get()
        .uri("/no")
        .insert_header((header::ACCEPT, "application/vnd.kafka.v2+json"));
    assert_eq!(
        send(&state, v2).await.header(header::CONTENT_TYPE),
        "application/vnd.kafka.v2+json"
    );
    assert_eq!(
        get(&state, "/no").await.header(header::CONTENT_TYPE),
        "application/json"
    );
}

#[actix_web::test]
async fn slashes_at_the_end_and_head_requests_are_served() {
    let state = defaults();
    assert_eq!(get(&state, "/health/live/").await.status, 200);
    let head = TestRequest::default()
        .method(Method::HEAD)
        .uri("/health/live");
    assert_eq!(send(&state, head).await.status, 200);
}

#[actix_web::test]
async fn foreign_names_are_refused_on_loopback_only() {
    let foreign = || {
        TestRequest::get()
            .uri("/health/live")
            .insert_header((header::HOST, "evil.example"))
    };
    let local = send(&defaults(), foreign()).await;
    assert_eq!(
        (local.status, &local.json()["error_code"]),
        (403, &json!(403))
    );
    let open = state(|config| {
        config.http.listen = crate::config::Value::parse("0.0.0.0:8082").unwrap();
    });
    assert_eq!(send(&open, foreign()).await.status, 200);
}

#[actix_web::test]
async fn one_request_too_many_is_told_to_come_again_and_probes_are_not() {
    let state = state(|config| config.http.requests_in_flight_max = std::num::NonZeroU32::MIN);
    let held = crate::metrics::Exchange::start(Arc::clone(&state.terms.metrics), "GET");
    let refused = get(&state, "/openapi.json").await;
    assert_eq!(
        (refused.status, &refused.json()["error_code"]),
        (503, &json!(503))
    );
    assert_eq!(refused.header(header::RETRY_AFTER), "1");
    assert_eq!(get(&state, "/health/ready").await.status, 200);
    let scrape = get(&state, "/metrics").await;
    assert!(
        scrape
            .text()
            .contains("sluice_http_rejected_total{reason=\"in_flight\"} 1\n")
    );
    drop(held);
    assert_eq!(get(&state, "/openapi.json").await.status, 200);
}

#[actix_web::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let state = defaults();
    get(&state, "/docs/index.html").await;
    get(&state, "/docs/no-such-file").await;
    for path in ["/scan/1", "/scan/2"] {
        get(&state, path).await;
    }
    send(
        &state,
        TestRequest::with_uri("/pot").method(Method::from_bytes(b"BREW").unwrap()),
    )
    .await;
    let answer = get(&state, "/metrics").await;
    let text = answer.text();
    for line in [
        "sluice_http_requests_total{code=\"200\",method=\"GET\",route=\"/docs/{file}\"} 1\n",
        "sluice_http_requests_total{code=\"404\",method=\"GET\",route=\"/docs/{file}\"} 1\n",
        "sluice_http_requests_total{code=\"404\",method=\"GET\",route=\"unmatched\"} 2\n",
        "sluice_http_requests_total{code=\"404\",method=\"other\",route=\"unmatched\"} 1\n",
        "sluice_http_request_duration_seconds_count{method=\"GET\",route=\"unmatched\"} 2\n",
        "sluice_http_requests_in_flight 1\n",
        "sluice_http_rejected_total{reason=\"origin\"} 0\n",
        "# TYPE process_cpu_seconds_total counter\n",
        "sluice_build_info{version=",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("scan"));
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        "text/plain; version=0.0.4; charset=utf-8"
    );
}

#[actix_web::test]
async fn every_metric_of_a_scrape_is_in_the_catalogue() {
    let state = defaults();
    get(&state, "/health/live").await;
    for family in state.scrape.registry().gather() {
        let declared = crate::metrics::catalogue::all().find(|metric| metric.name == family.name());
        let declared = declared.unwrap_or_else(|| panic!("{} is not declared", family.name()));
        assert_eq!(family.help(), declared.help);
    }
}

#[actix_web::test]
async fn a_scrape_is_compressed_when_asked() {
    let request = TestRequest::get()
        .uri("/metrics")
        .insert_header((header::ACCEPT_ENCODING, "gzip"));
    let answer = send(&defaults(), request).await;
    assert_eq!(answer.header(header::CONTENT_ENCODING), "gzip");
    assert_eq!(answer.body[..2], [0x1f, 0x8b]);
}

#[actix_web::test]
async fn small_answers_are_not_compressed_and_not_labelled() {
    let request = TestRequest::get()
        .uri("/health/live")
        .insert_header((header::ACCEPT_ENCODING, "gzip"));
    let answer = send(&defaults(), request).await;
    assert_eq!(answer.header(header::CONTENT_ENCODING), "");
    assert_eq!(answer.json()["status"], "live");
}

#[actix_web::test]
async fn errors_of_the_framework_have_the_error_body_too() {
    let nothing_left = (header::ACCEPT_ENCODING, "br, identity;q=0");
    let request = TestRequest::get()
        .uri("/health/live")
        .insert_header(nothing_left);
    let answer = send(&defaults(), request).await;
    assert_eq!(
        answer.json(),
        json!({"error_code": 406, "message": "HTTP 406 Not Acceptable"})
    );
}

#[actix_web::test]
async fn the_description_is_served_and_readable_without_outside_requests() {
    let state = defaults();
    let description = get(&state, "/openapi.json").await.json();
    assert_eq!(description["openapi"], "3.1.0");
    assert!(description["paths"]["/health/ready"]["get"]["responses"]["503"].is_object());
    let redirect = get(&state, "/docs/").await;
    assert_eq!(
        (redirect.status, redirect.header(header::LOCATION)),
        (308, "/docs/index.html")
    );
    let page = get(&state, "/docs/index.html").await;
    assert_eq!(page.status, 200);
    assert!(
        page.header(header::CONTENT_SECURITY_POLICY)
            .starts_with("default-src 'self'")
    );
    assert!(
        !page.text().contains("//"),
        "the page names another host: {}",
        page.text()
    );
    for (file, holds) in [
        ("swagger-ui-bundle.js", "function"),
        ("swagger-initializer.js", "/openapi.json"),
    ] {
        let asset = get(&state, &format!("/docs/{file}")).await;
        assert!(
            asset.status == 200 && asset.text().contains(holds),
            "{file}"
        );
        assert_eq!(asset.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
    for outside in ["..%2f..%2fetc%2fpasswd", "nothing.js"] {
        assert_eq!(
            get(&state, &format!("/docs/{outside}")).await.status,
            404,
            "{outside}"
        );
    }
}

/// An application with one handler that takes a JSON body, for what extractors do.
async fn post_json(state: &Data<AppState>, request: TestRequest) -> Answer {
    async fn handler(
        body: crate::extract::JsonV3<Value>,
        base: crate::extract::BaseUrl,
    ) -> HttpResponse {
        HttpResponse::Ok().json(json!({"body": body.0, "base": base.0}))
    }
    let app = App::new()
        .app_data(state.terms.clone())
        .route("/", web::post().to(handler));
    let app = init_service(app).await;
    let response = call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = to_bytes(response.into_body())
        .await
        .unwrap_or_default()
        .to_vec();
    Answer {
        status,
        headers,
        body,
    }
}

#[actix_web::test]
async fn a_body_over_the_limit_is_refused_even_when_it_was_small_on_the_wire() {
    use std::io::Write as _;
    let state = state(|config| config.http.request_size_max = crate::config::ByteCount(1024));
    let large = format!("\"{}\"", "a".repeat(4096));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(large.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    assert!(packed.len() < 1024);
    for request in [
        TestRequest::post().set_payload(large),
        TestRequest::post()
            .insert_header((header::CONTENT_ENCODING, "gzip"))
            .set_payload(packed),
    ] {
        let answer = post_json(&state, request).await;
        assert_eq!(
            (answer.status, &answer.json()["error_code"]),
            (413, &json!(413))
        );
    }
    assert_eq!(
        state.terms.budget.left(),
        state.config.http.request_memory_max.as_usize()
    );
}

#[actix_web::test]
async fn a_body_announced_over_the_limit_is_refused_unread() {
    let state = state(|config| config.http.request_size_max = crate::config::ByteCount(1024));
    for length in ["1025", "99999999999999999999999"] {
        let request = TestRequest::post()
            .set_payload("[1]")
            .insert_header((header::CONTENT_LENGTH, length));
        assert_eq!(post_json(&state, request).await.status, 413, "{length}");
    }
}

#[actix_web::test]
async fn bodies_that_do_not_fit_in_memory_together_are_told_to_come_again() {
    let state = defaults();
    let mut others = crate::extract::Permit::new(Arc::clone(&state.terms.budget));
    assert!(others.grow(state.config.http.request_memory_max.as_usize() - 1));
    let answer = post_json(&state, TestRequest::post().set_payload("{}")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header(header::RETRY_AFTER), "1");
    drop(others);
    assert_eq!(
        post_json(&state, TestRequest::post().set_payload("{}"))
            .await
            .status,
        200
    );
    assert_eq!(
        state.terms.budget.left(),
        state.config.http.request_memory_max.as_usize()
    );
}

#[actix_web::test]
async fn records_are_limited_in_number_and_count_in_memory_however_short() {
    let state = state(|config| config.rest_v2.produce_records_max = 10.try_into().unwrap());
    let produce = |records: String| {
        TestRequest::post()
            .uri("/topics/t")
            .insert_header((header::CONTENT_TYPE, "application/vnd.kafka.json.v2+json"))
            .set_payload(format!("{{\"records\":[{records}]}}"))
    };
    let message = "The request holds more than 10 records and headers, the value of \
                   rest.v2.produce_records_max.";
    let header = r#"{"name":"a"}"#;
    let headers = format!(r#"{{"headers":[{}]}}"#, [header; 10].join(","));
    for records in [["{}"; 11].join(","), headers] {
        assert_eq!(
            send(&state, produce(records)).await.json(),
            json!({"error_code": 413, "message": message})
        );
    }
    let mut others = crate::extract::Permit::new(Arc::clone(&state.terms.budget));
    let all = state.config.http.request_memory_max.as_usize();
    assert!(others.grow(all - 4096));
    let answer = send(&state, produce(["{}"; 10].join(","))).await;
    assert_eq!(answer.status, 503, "ten records take 5 KiB");
    assert_eq!(state.terms.budget.left(), 4096);
}

#[actix_web::test]
async fn a_stream_that_does_not_fit_in_memory_ends_with_an_outcome_that_says_so() {
    let state = defaults();
    let all = state.config.http.request_memory_max.as_usize();
    let stream = || {
        TestRequest::post()
            .uri("/v3/clusters/none/topics/t/records")
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .set_payload("{\"value\":")
    };
    let mut others = crate::extract::Permit::new(Arc::clone(&state.terms.budget));
    assert!(others.grow(all - 1));
    let message = "Too many request bodies are in memory at once. Try again.";
    assert_eq!(
        send(&state, stream()).await.json(),
        json!({"error_code": 503, "message": message})
    );
    drop(others);
    assert_eq!(send(&state, stream()).await.json()["error_code"], 400);
    assert_eq!(state.terms.budget.left(), all, "the room is given back");
}

#[actix_web::test]
async fn bodies_of_other_types_and_encodings_are_refused() {
    let state = defaults();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain"),
        (header::CONTENT_ENCODING, "br"),
    ] {
        let request = TestRequest::post()
            .insert_header((name, value))
            .set_payload("{}");
        let answer = post_json(&state, request).await;
        assert_eq!(
            answer.json(),
            json!({"error_code": 415, "message": "HTTP 415 Unsupported Media Type"})
        );
    }
}

#[actix_web::test]
async fn links_start_with_the_advertised_address_or_the_host() {
    let request = || {
        TestRequest::post()
            .insert_header((header::HOST, "localhost:99"))
            .set_payload("{}")
    };
    assert_eq!(
        post_json(&defaults(), request()).await.json()["base"],
        "http://localhost:99"
    );
    let state = state(|config| {
        config.http.advertised =
            crate::config::Value::parse("https://kafka.example.org/rest/").unwrap();
    });
    let answer = post_json(&state, request()).await;
    assert_eq!(answer.json()["base"], "https://kafka.example.org/rest");
    assert_eq!(StatusCode::OK.as_u16(), answer.status);
}
