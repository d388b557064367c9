//! The gateway's HTTP side, as a program calls it.

use std::sync::LazyLock;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

use crate::repository;

/// The description of the API, as it is committed.
static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let path = repository::root().join("openapi/sluice.json");
    let text = std::fs::read_to_string(path).expect("openapi/sluice.json is committed");
    serde_json::from_str(&text).expect("openapi/sluice.json is JSON")
});

/// How long a client keeps a connection that it does not use. The gateway ends those that idle for `http.idle_timeout`, 30 s
/// unless told otherwise: a request that is sent in that moment has no answer, so a client lets go earlier.
const IDLE: Duration = Duration::from_secs(10);

/// A client of one gateway.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    base: String,
}

impl Http {
    /// For the gateway at `base`, such as `http://127.0.0.1:8082`.
    ///
    /// # Panics
    /// If no HTTP client can be made.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let client = Client::builder().pool_idle_timeout(IDLE).build();
        Self {
            client: client.expect("a client"),
            base: base.to_owned(),
        }
    }

    /// The URL of `path`, which starts with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request to be completed and sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// The JSON that `GET path` answers.
    ///
    /// # Panics
    /// Unless the status is a success.
    pub async fn get(&self, path: &str) -> Value {
        ok_json(self.request(Method::GET, path)).await
    }

    /// The text that `GET path` answers.
    ///
    /// # Panics
    /// Unless the status is a success.
    pub async fn text(&self, path: &str) -> String {
        ok(self.request(Method::GET, path)).await.1
    }

    /// The status that `GET path` answers; nothing if nobody does.
    pub async fn status(&self, path: &str) -> Option<u16> {
        let answer = self.request(Method::GET, path).send().await.ok()?;
        Some(answer.status().as_u16())
    }

    /// The JSON that `POST path` answers to a JSON `body` sent as `content_type`.
    ///
    /// # Panics
    /// Unless the status is a success.
    pub async fn post(&self, path: &str, content_type: &str, body: &Value) -> Value {
        let request = self
            .request(Method::POST, path)
            .header("content-type", content_type);
        ok_json(request.body(body.to_string())).await
    }
}

/// Sends `request`, whose answer must have a status that the description of the API promises.
///
/// # Panics
/// If there is no answer, or one that is not described.
pub async fn answer(request: RequestBuilder) -> Response {
    let (client, request) = request.build_split();
    let request = request.expect("a request");
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let response = client.execute(request).await.expect("the gateway answers");
    let status = response.status().as_u16().to_string();
    if let Some(operation) = described(&method, &path) {
        let answers = &operation["responses"];
        assert!(
            answers.get(&status).is_some(),
            "{method} {path} answers {status}, which openapi/sluice.json does not describe"
        );
    }
    response
}

/// The operation of a path; of several templates that fit, the one with the fewest parameters.
fn described(method: &Method, path: &str) -> Option<&'static Value> {
    let method = method.as_str().to_lowercase();
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        let mut pairs = wanted.iter().zip(&parts);
        wanted.len() == parts.len()
            && pairs.all(|(wanted, part)| {
                wanted == part || (wanted.starts_with('{') && !part.is_empty())
            })
    };
    let paths = DESCRIPTION["paths"].as_object()?.iter();
    let fitting = paths.filter(|(template, _)| fits(template));
    let (_, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    item.get(method)
}

/// Sends `request`: status code and body.
///
/// # Panics
/// If there is no answer.
pub async fn send(request: RequestBuilder) -> (u16, String) {
    let response = answer(request).await;
    let status = response.status().as_u16();
    (
        status,
        response.text().await.expect("the whole body arrives"),
    )
}

/// Sends `request`, which must succeed.
///
/// # Panics
/// With status and body, unless the status is a success.
pub async fn ok(request: RequestBuilder) -> (u16, String) {
    let shown = format!("{request:?}");
    let (status, body) = send(request).await;
    assert!((200..300).contains(&status), "{status} {body}\n{shown}");
    (status, body)
}

/// Sends `request`, which must succeed and answer JSON; an empty body is `null`.
///
/// # Panics
/// With status and body, unless it does.
pub async fn ok_json(request: RequestBuilder) -> Value {
    let (_, body) = ok(request).await;
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"))
}
