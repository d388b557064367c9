//! The address people use, as the start of links.

use actix_web::http::Uri;

use super::Value;

/// The start of every link: scheme, host and perhaps port and path, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUri(Uri);

impl BaseUri {
    /// The text that links start with.
    #[must_use]
    pub fn as_text(&self) -> String {
        self.0.to_string().trim_end_matches('/').to_owned()
    }

    /// Its host, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

impl Value for BaseUri {
    const KIND: &'static str = "URL";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "must start with http:// or https:// and a host, such as https://kafka.example.org"
                .to_owned()
        };
        let uri = text.parse::<Uri>().map_err(|_error| wrong())?;
        let plain = uri.query().is_none() && !text.contains(['@', '#']);
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() && plain => Ok(Self(uri)),
            _ => Err(wrong()),
        }
    }

    fn show(&self) -> String {
        self.as_text()
    }
}
