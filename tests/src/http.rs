//! The gateway's HTTP side, as a program calls it.

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// A client of one gateway.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    base: String,
}

impl Http {
    /// For the gateway at `base`, such as `http://127.0.0.1:8082`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        Self {
            client: Client::new(),
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

/// Sends `request`: status code and body.
///
/// # Panics
/// If there is no answer.
pub async fn send(request: RequestBuilder) -> (u16, String) {
    let response: Response = request.send().await.expect("the gateway answers");
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
