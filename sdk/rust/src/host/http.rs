//! Sends HTTP requests. Capability `http`; only hosts that the manifest names and the tenant's
//! policy lets through.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Fault;
use crate::bindings::jackfield::plugin::http;
use crate::{NodeError, code};

/// The most characters of an answer that an error tells.
const LONGEST_EXCERPT: usize = 200;

/// A request that is being put together.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    inner: http::Request,
}

/// An answer, whatever its status is.
#[derive(Debug, Clone)]
pub struct Response {
    inner: http::Response,
}

/// Begins a `GET`.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// Begins a `POST`.
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}

impl Request {
    /// Begins a request: a method, and an absolute URL.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            inner: http::Request {
                method: method.to_owned(),
                url: url.into(),
                headers: Vec::new(),
                body: Vec::new(),
                timeout_ms: None,
            },
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.inner.headers.push(http::Header {
            name: name.to_owned(),
            value: value.into(),
        });
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.inner.body = body.into();
        self
    }

    /// Sets a body that is JSON, with the header that says so.
    pub fn json(self, value: &serde_json::Value) -> Self {
        self.header("content-type", "application/json")
            .body(value.to_string())
    }

    /// Bounds the whole exchange. The host has a bound of its own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.inner.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    /// [`Fault`], when it is refused or there is no answer. Any status is an answer.
    pub fn send(self) -> Result<Response, Fault> {
        http::send(&self.inner)
            .map(|inner| Response { inner })
            .map_err(Fault::from)
    }
}

impl Response {
    /// The status.
    pub fn status(&self) -> u16 {
        self.inner.status
    }

    /// The first header with a name, without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.inner.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value.as_str())
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.inner.body
    }

    /// Makes an error of a status that is none of success. 408, 425, 429 and those from 500 on may
    /// pass; `retry-after` in seconds is taken along.
    ///
    /// # Errors
    /// `HTTP_STATUS`, with the beginning of the body.
    pub fn successful(self) -> Result<Self, NodeError> {
        let status = self.status();
        if (200..300).contains(&status) {
            return Ok(self);
        }
        let text = String::from_utf8_lossy(self.body());
        let excerpt: String = text.chars().take(LONGEST_EXCERPT).collect();
        let gap = if excerpt.is_empty() { "" } else { ": " };
        let message = format!("the service answered {status}{gap}{excerpt}");
        let may_pass = matches!(status, 408 | 425 | 429 | 500..);
        let error = if may_pass {
            NodeError::retryable(code::HTTP_STATUS, message)
        } else {
            NodeError::permanent(code::HTTP_STATUS, message)
        };
        let seconds = self
            .header("retry-after")
            .and_then(|text| text.parse().ok());
        Err(error.with(|failure| {
            failure.status = Some(status);
            failure.retry_after = seconds.map(Duration::from_secs);
        }))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// `EXECUTION_ERROR` when it is none, or none of that type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NodeError> {
        serde_json::from_slice(self.body()).map_err(|error| {
            let text = format!("the answer is not the JSON that was expected: {error}");
            NodeError::permanent(code::EXECUTION_ERROR, text)
        })
    }
}
