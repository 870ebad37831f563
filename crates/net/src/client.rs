use std::sync::OnceLock;
use std::time::Duration;

use jackfield_plugin_api::NodeError;
use jackfield_types::{ByteSize, ErrorCode};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Response, StatusCode, Url};

use crate::failure::{no_answer, origin};
use crate::guard::Guard;
use crate::request::Request;
use crate::settings::HttpSettings;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const USER_AGENT: &str = concat!("jackfield/", env!("CARGO_PKG_VERSION"));

/// How much is read of the body of an error, when it is shown in part only.
const ERROR_BODY: usize = 64 << 10;

/// Sends requests: one pool of connections for all calls, made when the first one comes.
///
/// Redirects are followed here and not by the library, so that each hop is checked, and nothing
/// that was meant for one host goes to another.
#[derive(Debug)]
pub struct Client {
    guard: Guard,
    pool: OnceLock<Result<reqwest::Client, String>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Where it came from, which is not where the request went when that was redirected.
    pub url: Url,
    /// Its body, unpacked.
    pub body: Vec<u8>,
}

/// What bounds the exchange of a request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// What is done about redirects.
    pub redirects: Redirects,
    /// The most bytes that the body of an answer may have, unpacked.
    pub size: ByteSize,
    /// How long all of it may take.
    pub timeout: Duration,
    /// What is read of the bodies of errors.
    pub error_bodies: ErrorBodies,
    /// What to do when an answer is larger than that, for people.
    pub way_out: &'static str,
}

/// What is done about redirects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirects {
    /// They are answers like others.
    Given,
    /// They are followed, so many times.
    Followed {
        /// So many times.
        most: u8,
    },
}

/// What is read of the body of an answer with a status of 400 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorBodies {
    /// Its beginning: enough to show what is wrong.
    Beginning,
    /// All of it, as of any other answer.
    Whole,
}

impl Client {
    /// A client of an operator who decided this.
    pub fn new(settings: HttpSettings) -> Self {
        Self {
            guard: Guard::new(settings),
            pool: OnceLock::new(),
        }
    }

    /// Sends a request, follows redirects, and reads the answer. `may_reach` is asked for the URL of
    /// every hop, of which [`host_and_port`] tells what is asked for most.
    ///
    /// # Errors
    /// [`NodeError::Refused`] when a hop leads where the instance does not reach, and what
    /// `may_reach` gave; [`NodeError::Retryable`] when the network failed or time ran out,
    /// [`NodeError::Permanent`] when a bound was passed.
    pub async fn exchange(
        &self,
        request: Request,
        bounds: Bounds,
        may_reach: impl Fn(&Url) -> Result<(), NodeError> + Send + Sync,
    ) -> Result<Answer, NodeError> {
        let origin = origin(&request.url);
        tokio::time::timeout(
            bounds.timeout,
            self.exchange_untimed(request, bounds, &may_reach),
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
        mut request: Request,
        bounds: Bounds,
        may_reach: &(impl Fn(&Url) -> Result<(), NodeError> + Send + Sync),
    ) -> Result<Answer, NodeError> {
        let pool = self.pool()?;
        let mut hops = 0;
        loop {
            self.guard.check(&request.url)?;
            may_reach(&request.url)?;
            let mut prepared = pool
                .request(request.method.clone(), request.url.clone())
                .headers(request.headers.clone());
            if let Some(body) = &request.body {
                prepared = prepared.body(body.clone());
            }
            let response = prepared
                .send()
                .await
                .map_err(|error| no_answer(error, &request.url))?;
            let target = redirect_target(&response, &request.url);
            let (target, most) = match (target, bounds.redirects) {
                (Some(target), Redirects::Followed { most }) => (target?, most),
                (Some(_), Redirects::Given) | (None, _) => {
                    return read(response, request.url, bounds).await;
                }
            };
            if hops >= most {
                let message = format!(
                    "{} was redirected more than {hops} times",
                    request.describe()
                );
                return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
            }
            hops += 1;
            request = request.redirected(response.status().as_u16(), target);
        }
    }

    /// Checks where a URL leads, as far as it can be told without asking for the addresses of a
    /// name.
    ///
    /// # Errors
    /// [`NodeError::Refused`] when it may not be reached.
    pub fn check(&self, url: &Url) -> Result<(), NodeError> {
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

/// The host of a URL as those are asked about it who say which hosts may be reached, and its port.
/// A final dot names the same host, and the brackets around an address are none of it.
pub fn host_and_port(url: &Url) -> (&str, u16) {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or_default();
    (host.trim_end_matches('.'), port)
}

/// Where an answer redirects to, if it does.
fn redirect_target(response: &Response, url: &Url) -> Option<Result<Url, NodeError>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
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

async fn read(mut response: Response, url: Url, bounds: Bounds) -> Result<Answer, NodeError> {
    let status = response.status();
    let headers = response.headers().clone();
    let is_cut = status.as_u16() >= 400 && bounds.error_bodies == ErrorBodies::Beginning;
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| no_answer(error, &url))?
    {
        let length = body.len().saturating_add(chunk.len());
        if u64::try_from(length).unwrap_or(u64::MAX) > bounds.size.as_u64() {
            if is_cut {
                break;
            }
            let message = format!(
                "`{}` answered with more than {}; {}",
                origin(&url),
                bounds.size,
                bounds.way_out
            );
            return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
        }
        body.extend_from_slice(&chunk);
        if is_cut && body.len() > ERROR_BODY {
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
