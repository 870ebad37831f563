use std::sync::OnceLock;
use std::time::Duration;

use jackfield_plugin_api::{Grants, NodeError};
use jackfield_types::ErrorCode;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Response, StatusCode, Url};

use super::failure::{no_answer, origin};
use super::guard::Guard;
use super::outgoing::Outgoing;
use super::params::Redirects;
use super::settings::HttpSettings;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const USER_AGENT: &str = concat!("jackfield/", env!("CARGO_PKG_VERSION"));

/// How much is read of the body of an error, which is shown in part only.
const ERROR_BODY: usize = 64 << 10;

/// Sends requests: one pool of connections for all calls, made when the first one comes.
///
/// Redirects are followed here and not by the library, so that each hop is checked, and nothing
/// that was meant for one host goes to another.
pub(super) struct Client {
    guard: Guard,
    pool: OnceLock<Result<reqwest::Client, String>>,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) url: Url,
    pub(super) body: Vec<u8>,
}

/// What bounds the exchange of a request and its answer.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) redirects: Redirects,
    pub(super) size: u64,
    pub(super) timeout: Duration,
}

impl Client {
    pub(super) fn new(settings: HttpSettings) -> Self {
        Self {
            guard: Guard::new(settings),
            pool: OnceLock::new(),
        }
    }

    /// Sends a request, follows redirects, and reads the answer.
    ///
    /// # Errors
    /// [`NodeError::Refused`] when a hop leads where the instance or the tenant may not reach, [`NodeError::Retryable`] when the
    /// network failed or time ran out, [`NodeError::Permanent`] when a bound was passed.
    pub(super) async fn exchange(
        &self,
        outgoing: Outgoing,
        bounds: Bounds,
        grants: &dyn Grants,
    ) -> Result<Answer, NodeError> {
        let origin = origin(&outgoing.url);
        tokio::time::timeout(
            bounds.timeout,
            self.exchange_untimed(outgoing, bounds, grants),
        )
        .await
        .unwrap_or_else(|_| {
            let timeout = jackfield_types::format_duration(bounds.timeout);
            let message = format!("`{origin}` did not answer within {timeout}");
            Err(NodeError::retryable(ErrorCode::TIMEOUT, message))
        })
    }

    async fn exchange_untimed(
        &self,
        mut outgoing: Outgoing,
        bounds: Bounds,
        grants: &dyn Grants,
    ) -> Result<Answer, NodeError> {
        let pool = self.pool()?;
        let mut hops = 0;
        loop {
            self.guard.check(&outgoing.url)?;
            check_granted(&outgoing.url, grants)?;
            let mut request = pool
                .request(outgoing.method.clone(), outgoing.url.clone())
                .headers(outgoing.headers.clone());
            if let Some(body) = &outgoing.body {
                request = request.body(body.clone());
            }
            let response = request
                .send()
                .await
                .map_err(|error| no_answer(error, &outgoing.url))?;
            let Some(target) = redirect_target(&response, &outgoing.url, bounds.redirects) else {
                return read(response, outgoing.url, bounds.size).await;
            };
            if hops >= bounds.redirects.max {
                let message = format!(
                    "{} was redirected more than {hops} times",
                    outgoing.describe()
                );
                return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
            }
            hops += 1;
            outgoing = outgoing.redirected(response.status().as_u16(), target?);
        }
    }

    /// Checks where a URL leads as [`Guard::check`] does.
    ///
    /// # Errors
    /// [`NodeError::Refused`] when it may not be reached.
    pub(super) fn check(&self, url: &Url) -> Result<(), NodeError> {
        self.guard.check(url)
    }

    fn pool(&self) -> Result<&reqwest::Client, NodeError> {
        let pool = self.pool.get_or_init(|| {
            reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .dns_resolver(self.guard.clone())
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .user_agent(USER_AGENT)
                .build()
                .map_err(|error| error.to_string())
        });
        pool.as_ref().map_err(|error| {
            NodeError::permanent(
                ErrorCode::EXECUTION_ERROR,
                format!("the HTTP client cannot be made: {error}"),
            )
        })
    }
}

/// Asks whether the tenant may reach the host of a URL. A final dot names the same host, and the
/// brackets around an address are none of it.
fn check_granted(url: &Url, grants: &dyn Grants) -> Result<(), NodeError> {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or_default();
    grants.check_host(host.trim_end_matches('.'), port)
}

/// Where an answer redirects to, if it does and that is followed.
fn redirect_target(
    response: &Response,
    url: &Url,
    redirects: Redirects,
) -> Option<Result<Url, NodeError>> {
    if !redirects.follow || !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    let target = location
        .to_str()
        .ok()
        .and_then(|location| url.join(location).ok());
    Some(target.ok_or_else(|| {
        let message = format!("`{}` redirects to what is no URL", origin(url));
        NodeError::permanent(ErrorCode::NETWORK_ERROR, message)
    }))
}

async fn read(mut response: Response, url: Url, limit: u64) -> Result<Answer, NodeError> {
    let status = response.status();
    let headers = response.headers().clone();
    let is_error = status.as_u16() >= 400;
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| no_answer(error, &url))?
    {
        let length = body.len().saturating_add(chunk.len());
        if u64::try_from(length).unwrap_or(u64::MAX) > limit {
            if is_error {
                break;
            }
            let limit = jackfield_types::ByteSize::bytes(limit);
            let message = format!(
                "`{}` answered with more than {limit}; raise `maxResponseSize`",
                origin(&url)
            );
            return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
        }
        body.extend_from_slice(&chunk);
        if is_error && body.len() > ERROR_BODY {
            break;
        }
    }
    Ok(Answer {
        status,
        headers,
        url,
        body,
    })
}
