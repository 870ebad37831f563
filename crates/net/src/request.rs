use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::{Method, Url};

use crate::failure::origin;

/// Headers that belong to the connection and not to the author.
const NOT_TO_BE_SET: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "te",
];

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Its headers.
    pub headers: HeaderMap,
    /// What it carries.
    pub body: Option<Vec<u8>>,
}

/// Why something cannot be a header. It shows no value: that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderProblem {
    /// No header can be called so.
    #[error("this is no name of a header")]
    Name,
    /// The header is not the author's.
    #[error("the header `{name}` belongs to the connection and cannot be set")]
    Connection {
        /// Its name.
        name: HeaderName,
    },
    /// No header can say so.
    #[error("a header must not have line breaks or other control characters")]
    Value,
}

/// Reads the name of a header that an author may set.
///
/// # Errors
/// [`HeaderProblem::Name`] and [`HeaderProblem::Connection`].
pub fn header_name(name: &str) -> Result<HeaderName, HeaderProblem> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderProblem::Name)?;
    if NOT_TO_BE_SET.contains(&name.as_str()) {
        return Err(HeaderProblem::Connection { name });
    }
    Ok(name)
}

/// Reads the value of a header.
///
/// # Errors
/// [`HeaderProblem::Value`].
pub fn header_value(text: &str) -> Result<HeaderValue, HeaderProblem> {
    HeaderValue::from_str(text).map_err(|_| HeaderProblem::Value)
}

impl Request {
    /// The request with which a redirect is followed.
    pub(crate) fn redirected(mut self, status: u16, url: Url) -> Self {
        if url.origin() != self.url.origin() {
            // Whatever could be meant for the first host alone does not go to another one.
            let goes_along = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];
            let headers = std::mem::take(&mut self.headers);
            for name in goes_along {
                if let Some(value) = headers.get(&name) {
                    self.headers.insert(name, value.clone());
                }
            }
        }
        let becomes_get = match status {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = None;
            self.headers.remove(CONTENT_TYPE);
            self.headers.remove(IDEMPOTENCY_KEY);
        }
        self.url = url;
        self
    }

    /// The request as an error may show it: method and origin.
    pub fn describe(&self) -> String {
        format!("{} {}", self.method, origin(&self.url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method) -> Request {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "content-type", "idempotency-key"] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static("value"),
            );
        }
        Request {
            method,
            url: "https://a.example/path".parse().unwrap(),
            headers,
            body: Some(b"body".to_vec()),
        }
    }

    #[test]
    fn what_is_meant_for_one_host_does_not_go_to_another_one() {
        let elsewhere: Url = "https://b.example/".parse().unwrap();
        let followed = request(Method::PUT).redirected(307, elsewhere);
        let names: Vec<&str> = followed.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type"]);
        assert_eq!(followed.body.as_deref(), Some(&b"body"[..]));
        let other_port: Url = "https://a.example:8443/".parse().unwrap();
        let followed = request(Method::PUT).redirected(307, other_port);
        assert!(!followed.headers.contains_key("authorization"));
    }

    #[test]
    fn a_post_that_is_redirected_becomes_a_get_without_its_body() {
        let same: Url = "https://a.example/other".parse().unwrap();
        let followed = request(Method::POST).redirected(302, same);
        assert_eq!((followed.method, followed.body), (Method::GET, None));
        let names: Vec<&str> = followed.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["authorization", "cookie"]);
    }

    #[test]
    fn headers_of_the_connection_are_not_the_author_s() {
        assert_eq!(header_name("X-Trace").unwrap().as_str(), "x-trace");
        assert_eq!(header_name("a b"), Err(HeaderProblem::Name));
        assert!(matches!(
            header_name("HOST"),
            Err(HeaderProblem::Connection { .. })
        ));
        assert_eq!(header_value("a\r\nb: c"), Err(HeaderProblem::Value));
    }
}
