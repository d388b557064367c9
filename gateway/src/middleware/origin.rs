//! Keeps pages of other sites away from a server that listens on loopback alone.
//!
//! A page anywhere can make a browser send requests to 127.0.0.1, and by DNS rebinding under a name of
//! its own. Such requests carry that name as their Host or their Origin; programs on this machine carry
//! a loopback name, or no Origin at all.

use std::net::IpAddr;

use actix_web::dev::RequestHead;
use actix_web::http::Uri;
use actix_web::http::header;

use crate::config::BaseUri;
use crate::error::ApiError;

/// Whether a request may come from where it says it comes from.
///
/// # Errors
/// 403 naming the header, and what to do when the name is ours.
pub(super) fn check(head: &RequestHead, advertised: Option<&BaseUri>) -> Result<(), ApiError> {
    let text = |name| {
        head.headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    if let Some(host) = text(header::HOST)
        && !is_ours(host, advertised)
    {
        return Err(foreign("Host", host));
    }
    if let Some(origin) = text(header::ORIGIN) {
        let uri = origin.parse::<Uri>().ok();
        let authority = uri.as_ref().and_then(Uri::authority);
        if !authority.is_some_and(|authority| is_ours(authority.as_str(), advertised)) {
            return Err(foreign("Origin", origin));
        }
    }
    Ok(())
}

/// Whether `authority`, a host and perhaps a port, is this machine or the name we are known by.
fn is_ours(authority: &str, advertised: Option<&BaseUri>) -> bool {
    let host = host_of(authority);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || advertised.is_some_and(|uri| host.eq_ignore_ascii_case(host_of(uri.host())))
}

fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _port)| host),
        None => authority
            .split_once(':')
            .map_or(authority, |(host, _port)| host),
    }
}

fn foreign(header: &str, value: &str) -> ApiError {
    ApiError::ForeignOrigin {
        message: format!(
            "The {header} {value:?} is not a name of this server, which listens on loopback only. If it \
             should be, set http.advertised (--http-advertised) to the address people use."
        ),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::config::Value as _;

    fn allowed(host: &str, origin: Option<&str>, advertised: Option<&str>) -> bool {
        let mut request = TestRequest::get().insert_header((header::HOST, host));
        if let Some(origin) = origin {
            request = request.insert_header((header::ORIGIN, origin));
        }
        let advertised = advertised.map(|text| BaseUri::parse(text).unwrap());
        check(request.to_srv_request().head(), advertised.as_ref()).is_ok()
    }

    #[test]
    fn names_of_this_machine_are_served_and_others_are_not() {
        for host in [
            "localhost:8082",
            "LOCALHOST",
            "127.0.0.1:8082",
            "127.1.2.3",
            "[::1]:8082",
        ] {
            assert!(allowed(host, None, None), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:8082",
            "192.0.2.1",
            "[2001:db8::1]",
            "",
        ] {
            assert!(!allowed(host, None, None), "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        assert!(allowed("localhost:1", Some("http://localhost:1"), None));
        assert!(!allowed("localhost:1", Some("http://evil.example"), None));
        assert!(!allowed("localhost:1", Some("null"), None));
    }

    #[test]
    fn the_advertised_name_is_ours() {
        let advertised = Some("https://kafka.example.org");
        assert!(allowed(
            "kafka.example.org",
            Some("https://kafka.example.org"),
            advertised
        ));
        assert!(!allowed("other.example.org", None, advertised));
        assert!(allowed(
            "[2001:db8::1]:80",
            None,
            Some("http://[2001:db8::1]")
        ));
    }

    #[test]
    fn the_refusal_says_what_to_do() {
        let request = TestRequest::get().insert_header((header::HOST, "evil.example"));
        let error = check(request.to_srv_request().head(), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The Host \"evil.example\" is not a name of this server, which listens on loopback only. If \
             it should be, set http.advertised (--http-advertised) to the address people use."
        );
    }
}
