use std::time::Duration;

use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use crate::guard::Forbidden;

/// The most characters of a body that an error shows.
const EXCERPT: usize = 2_048;

/// The longest time that `Retry-After` is taken seriously for.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Texts shorter than this are not looked for in what an error shows: they could be anything.
const SHORTEST_SECRET: usize = 4;

/// Where a URL leads, without the path and the query, which may hold secrets.
pub fn origin(url: &Url) -> String {
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!(
        "{}://{}{port}",
        url.scheme(),
        url.host_str().unwrap_or_default()
    )
}

/// What became of a request that got no answer, or not all of it.
pub(crate) fn no_answer(error: reqwest::Error, url: &Url) -> NodeError {
    if let Some(refused) = Forbidden::behind(&error) {
        return refused;
    }
    let error = error.without_url();
    let origin = origin(url);
    let failure = if error.is_timeout() {
        NodeError::retryable(
            ErrorCode::TIMEOUT,
            format!("`{origin}` did not answer in time"),
        )
    } else if error.is_builder() {
        NodeError::permanent(
            ErrorCode::INVALID_PARAMETERS,
            format!("no request to `{origin}` can be made"),
        )
    } else if error.is_connect() {
        NodeError::retryable(
            ErrorCode::NETWORK_ERROR,
            format!("`{origin}` could not be reached"),
        )
    } else {
        NodeError::retryable(
            ErrorCode::NETWORK_ERROR,
            format!("the connection to `{origin}` broke"),
        )
    };
    failure.with(|failure| failure.source = Some(Box::new(error)))
}

/// What an answer with an error status means. `secrets` are texts that it must not show.
pub fn bad_status(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    request: &str,
    secrets: &[&str],
) -> NodeError {
    let message = format!("{request} was answered with {status}");
    let failure = match status.as_u16() {
        408 | 425 | 429 | 500 | 502 | 503 | 504 => {
            NodeError::retryable(ErrorCode::HTTP_STATUS, message)
        }
        _ => NodeError::permanent(ErrorCode::HTTP_STATUS, message),
    };
    failure.with(|failure| {
        failure.status = Some(status.as_u16());
        failure.retry_after = retry_after(headers, Timestamp::now());
        failure.details = Some(json!({ "body": excerpt(body, secrets) }));
    })
}

fn excerpt(body: &[u8], secrets: &[&str]) -> Value {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in secrets
        .iter()
        .filter(|secret| secret.len() >= SHORTEST_SECRET)
    {
        text = text.replace(secret, "[redacted]");
    }
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// How long the other side asked to be left alone: seconds, or until a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = DateTimeParser::new().parse_timestamp(text).ok()?;
            Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
        }
    };
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        retry_after(&headers, "2030-01-01T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            pause("Tue, 01 Jan 2030 00:02:00 GMT"),
            Some(Duration::from_secs(120))
        );
        assert_eq!(pause("Mon, 01 Jan 2029 00:02:00 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("99999999999"), Some(LONGEST_PAUSE));
        assert_eq!(pause("soon"), None);
    }

    #[test]
    fn an_excerpt_is_bounded_and_shows_no_secrets() {
        let text = excerpt(b"token s3cr3t is wrong", &["s3cr3t", ""]);
        assert_eq!(text, "token [redacted] is wrong");
        let long = excerpt("ä".repeat(10_000).as_bytes(), &[]);
        assert_eq!(long.as_str().unwrap().chars().count(), EXCERPT + 1);
    }

    #[test]
    fn an_origin_shows_neither_path_nor_query() {
        let url = "https://example.org:8443/private?token=1".parse().unwrap();
        assert_eq!(origin(&url), "https://example.org:8443");
    }
}
