//! Capability `http`.

use std::time::{Duration, Instant};

use jackfield_net::header::HeaderMap;
use jackfield_net::{
    Bounds, ErrorBodies, Method, Redirects, Request, Url, header_name, header_value, host_and_port,
};
use jackfield_plugin_api::{Grants, NodeError};
use jackfield_registry::discovery::HostPattern;
use jackfield_types::{ByteSize, Capability, ErrorCode, Span};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::{fault, invalid, shown, too_much};
use crate::bindings::jackfield::plugin::http::{self as wit, Header, Host, Response};
use crate::bindings::jackfield::plugin::types::Fault;
use crate::state::PluginState;

/// The most bytes of a URL.
const LONGEST_URL: usize = 16_384;

/// The most bytes of a method.
const LONGEST_METHOD: usize = 32;

/// The most headers of a request.
const MOST_HEADERS: usize = 128;

/// The most bytes of all headers of a request.
const HEADER_BYTES: usize = 64 << 10;

/// How large requests of plugins and their answers may be, and how long they may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpLimits {
    /// The most bytes that the body of a request may have.
    pub request: ByteSize,
    /// The most bytes that the body of an answer may have, unpacked.
    pub response: ByteSize,
    /// How long one exchange may take.
    pub timeout: Span,
    /// How many redirects are followed.
    pub redirects: u8,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            request: ByteSize::mib(8),
            response: ByteSize::mib(8),
            timeout: Span::from_millis(30_000),
            redirects: 5,
        }
    }
}

impl Host for PluginState {
    async fn send(&mut self, request: wit::Request) -> wasmtime::Result<Result<Response, Fault>> {
        self.count_host_call()?;
        let place = self.place.clone();
        Ok(place.while_waiting(self.exchange(request)).await)
    }
}

impl PluginState {
    async fn exchange(&mut self, request: wit::Request) -> Result<Response, Fault> {
        let deadline = self.deadline;
        let limits = self.services.http;
        let services = self.services.clone();
        let granted = self.granted(Capability::Http)?;
        let timeout = timeout(&request, &limits, deadline);
        let request = prepared(request, &limits)?;
        let reach = Reach {
            hosts: &granted.request.hosts,
            grants: &*granted.call.grants,
            refusal: Mutex::new(None),
        };
        let bounds = Bounds {
            redirects: Redirects::Followed {
                most: limits.redirects,
            },
            size: limits.response,
            timeout,
            error_bodies: ErrorBodies::Whole,
            way_out: "that is the most that a plugin is given",
        };
        let answered = services
            .client
            .exchange(request, bounds, |url| {
                let (host, port) = host_and_port(url);
                reach.check(host, port)
            })
            .await;
        let refusal = reach.refusal.into_inner();
        match answered {
            Ok(answer) => Ok(Response {
                status: answer.status.as_u16(),
                headers: headers_of(&answer.headers),
                body: answer.body,
            }),
            Err(error) => match refusal {
                // What the guest is told is `error`, which does not name the tenant.
                Some(refusal) => Err(self.refuse(refusal, error.to_string())),
                None if matches!(error, NodeError::Refused(_)) => {
                    Err(self.refuse(error, String::new()))
                }
                None => Err(shown(&error)),
            },
        }
    }
}

/// What a call may reach: what the manifest names, of what the policy lets through.
struct Reach<'a> {
    hosts: &'a [HostPattern],
    grants: &'a dyn Grants,
    /// The policy's refusal in full.
    refusal: Mutex<Option<NodeError>>,
}

impl Reach<'_> {
    fn check(&self, host: &str, port: u16) -> Result<(), NodeError> {
        if !self.hosts.iter().any(|asked| asked.matches(host, port)) {
            let message = format!(
                "host `{host}` at port {port} is not among the hosts under `[capabilities.http]` in `plugin.toml`"
            );
            return Err(NodeError::refused(ErrorCode::CAPABILITY_REFUSED, message));
        }
        self.grants.check_host(host, port).map_err(|refusal| {
            let code = refusal.code();
            *self.refusal.lock() = Some(refusal);
            let told = format!("the policy does not grant host `{host}` at port {port}");
            NodeError::refused(code, told)
        })
    }
}

/// How long the exchange may take: never longer than the call itself.
fn timeout(request: &wit::Request, limits: &HttpLimits, deadline: Instant) -> Duration {
    let asked = request.timeout_ms.map(u64::from).map(Duration::from_millis);
    let most = Duration::from(limits.timeout);
    let left = deadline.saturating_duration_since(Instant::now());
    asked.unwrap_or(most).min(most).min(left)
}

/// The request, checked.
fn prepared(request: wit::Request, limits: &HttpLimits) -> Result<Request, Fault> {
    let method = Method::from_bytes(request.method.as_bytes())
        .ok()
        .filter(|method| method.as_str().len() <= LONGEST_METHOD)
        .filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE))
        .ok_or_else(|| invalid("this is no method that can be sent"))?;
    if request.url.len() > LONGEST_URL {
        return Err(too_much(format!("a URL has at most {LONGEST_URL} bytes")));
    }
    let url =
        Url::parse(&request.url).map_err(|error| invalid(format!("this is no URL: {error}")))?;
    let body_bytes = u64::try_from(request.body.len()).unwrap_or(u64::MAX);
    if body_bytes > limits.request.as_u64() {
        let message = format!("the body of a request has at most {}", limits.request);
        return Err(too_much(message));
    }
    let sends_nothing = request.body.is_empty() && matches!(method, Method::GET | Method::HEAD);
    Ok(Request {
        headers: checked(&request.headers)?,
        method,
        url,
        body: (!sends_nothing).then_some(request.body),
    })
}

fn checked(headers: &[Header]) -> Result<HeaderMap, Fault> {
    let bytes = headers.iter().fold(0_usize, |sum, header| {
        sum.saturating_add(header.name.len())
            .saturating_add(header.value.len())
    });
    if headers.len() > MOST_HEADERS || bytes > HEADER_BYTES {
        return Err(too_much(format!(
            "a request has at most {MOST_HEADERS} headers of {HEADER_BYTES} bytes together"
        )));
    }
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = header_name(&header.name)
            .map_err(|problem| fault(&ErrorCode::INVALID_INPUT, problem.to_string()))?;
        let value = header_value(&header.value).map_err(|problem| invalid(problem.to_string()))?;
        map.append(name, value);
    }
    Ok(map)
}

/// Headers that are no text are given as far as they are.
fn headers_of(headers: &HeaderMap) -> Vec<Header> {
    let pairs = headers.iter().map(|(name, value)| Header {
        name: name.as_str().to_owned(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    });
    pairs.collect()
}
