use futures_util::{StreamExt, stream};
use jackfield_net::{Answer, Bounds, Client, ErrorBodies, HttpSettings, bad_status, host_and_port};
use jackfield_plugin_api::{NodeError, NodeOutput, NodeType, Scheduling, TypedCall};
use jackfield_types::{
    Capability, ErrorCode, Item, NodeTypeMetadata, Object, Severity, ValidationIssue,
};
use serde_json::{Value, json};

use super::auth::Proof;
use super::body::{headers_object, objects, read_body};
use super::outgoing::Outgoing;
use super::pages::{Page, Pages};
use super::params::{HttpParams, MAX_CONCURRENCY};
use crate::declaration::{declare, example_without_output, tags};
use crate::items::{Budget, MAX_ITEMS};

/// The most bytes that all pages of one item have together.
const ALL_PAGES: usize = 256 << 20;

/// `http-request`: asks a server over HTTP.
pub(crate) struct HttpRequest {
    client: Client,
}

impl HttpRequest {
    pub(super) fn new(settings: HttpSettings) -> Self {
        Self {
            client: Client::new(settings),
        }
    }
}

const DOCUMENTATION: &str = "\
Sends one request for each item, in order (`concurrency` of them at the same time), and makes items of the answers: a JSON \
object is one item, a list of objects one item each, any other JSON `{\"body\": …}`, a text `{\"text\": …}`, a file \
`{\"file\": {fileName, mimeType, size, data}}` with the data in base64. With `itemsField` each element of the list there is \
an item. With `fullResponse` an item has `status`, `headers` and `body`.

**Errors.** A status of 400 or more is the error `HTTP_STATUS` with the `status`, unless `neverError` is set; 408, 425, 429, \
500, 502, 503 and 504 may be tried again, and `Retry-After` is kept to. Lost connections (`NETWORK_ERROR`) and timeouts \
(`TIMEOUT`) may be tried again too. Methods other than `GET`, `HEAD` and `OPTIONS` carry an `Idempotency-Key` that is the \
same for each attempt, unless `headers` has one. Errors show neither path and query nor anything secret of the request.

**Several items.** The first item whose request fails fails the node. If `onError` lets the workflow go on, the requests of \
the other items are sent all the same, and the items that failed are told from the others. An attempt that is tried again \
sends the requests of all items again.

**Where requests go.** To public addresses only: private, loopback, link-local and other special addresses are refused \
(`NETWORK_FORBIDDEN`) unless the operator allows them. This is checked for the URL, for every redirect and for every \
address that a name resolves to. The tenant's policy may narrow the hosts further (`allowedHosts`). Proxies of the environment are not used. A redirect to another origin takes `Accept`, \
`Accept-Language`, `Content-Type` and `User-Agent` along, and no other header.

**Secrets.** `auth` takes what is secret in place, or as `secret`, the name under which the tenant keeps it; or it is \
`{\"credential\": \"name\"}`, a credential of the tenant, of the type `header`, `basic`, `bearer` or `api-key`. Names are \
written out, without templates. A credential that is bound to hosts goes to those only, over `https` unless it is bound to \
`http://HOST`, and a request that it goes along with is not redirected to others.

**Pages.** With `pagination.mode: nextUrl` the expression `next` gives the next URL (of the same origin), with `cursor` the \
value of a query parameter, with `page` a query parameter counts up until a page has no items. `until` holds for the last \
page. The expressions see `$response` (`status`, `headers`, `body`) and `$page`, the number of pages so far. `maxPages` \
ends the pages; without it more than 100 pages are an error.

The body of an answer has at most `maxResponseSize` (16 MiB if not given), unpacked.";

impl NodeType for HttpRequest {
    type Params = HttpParams;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata {
            documentation: DOCUMENTATION.to_owned(),
            tags: tags(&["api", "rest", "web", "fetch", "download"]),
            examples: vec![
                example_without_output(
                    "Read from an API",
                    json!({
                        "url": "https://api.example.com/orders/{{ $json.id }}",
                        "query": {"expand": ["lines", "customer"]},
                        "auth": {"type": "bearer", "secret": "orders-api"}
                    }),
                ),
                example_without_output(
                    "Send JSON, and have what failed tried again",
                    json!({
                        "method": "POST",
                        "url": "https://api.example.com/orders",
                        "body": {"type": "json", "value": "{{ $json }}"},
                        "timeout": "10s"
                    }),
                ),
                example_without_output(
                    "All pages of a list",
                    json!({
                        "url": "https://api.example.com/customers",
                        "itemsField": "data",
                        "pagination": {"mode": "cursor", "next": "$response.body.next", "maxPages": 50}
                    }),
                ),
            ],
            capabilities: vec![Capability::Http],
            ..declare("http-request", super::CATEGORY, "Asks a server over HTTP.")
        }
    }

    async fn run(&self, call: TypedCall<'_, HttpParams>) -> Result<NodeOutput, NodeError> {
        let count = call.items().len();
        if count == 0 {
            return Ok(NodeOutput::items(Vec::new()));
        }
        let concurrency = call.any_params()?.concurrency.get().min(MAX_CONCURRENCY);
        let call = &call;
        let requests =
            (0..count).map(|index| async move { (index, self.fetch(call, index).await) });
        let mut answers = stream::iter(requests).buffered(concurrency);
        let mut budget = Budget::default();
        let mut results = call.results();
        while let Some((index, answer)) = answers.next().await {
            let objects = match answer {
                Ok(objects) => objects,
                Err(error) => {
                    results.fail(index, error)?;
                    continue;
                }
            };
            for object in objects {
                // What all answers take together is no fault of one of them.
                budget
                    .spend(&object)
                    .map_err(|error| results.stop(index, error))?;
                results.put(Item::new(object).paired_with(index));
            }
        }
        results.finish()
    }

    fn check(&self, params: &HttpParams) -> Vec<ValidationIssue> {
        let mut issues = params.check();
        if !issues.is_empty() {
            return issues;
        }
        // What is wrong with URL, headers and body shows when the request is made.
        let outgoing = params
            .auth
            .sample()
            .and_then(|proof| Outgoing::of(params, &proof, ""));
        match outgoing {
            Ok(outgoing) => issues.extend(self.unreachable(&outgoing)),
            Err(NodeError::Params(found)) => issues.extend(found),
            Err(other) => issues.push(ValidationIssue::parameter("", other.to_string())),
        }
        issues
    }

    fn scheduling(&self) -> Scheduling {
        Scheduling::Inline
    }
}

impl HttpRequest {
    /// The warning that a host written out is one that this instance does not reach.
    fn unreachable(&self, outgoing: &Outgoing) -> Option<ValidationIssue> {
        let error = self.client.check(&outgoing.request.url).err()?;
        Some(ValidationIssue {
            code: error.code(),
            severity: Severity::Warning,
            ..ValidationIssue::parameter("/url", error.to_string())
        })
    }

    /// Sends the request of one item, and those for further pages.
    async fn fetch(
        &self,
        call: &TypedCall<'_, HttpParams>,
        index: usize,
    ) -> Result<Vec<Object>, NodeError> {
        let params = call.params_for(index)?;
        let issues = params.check();
        if !issues.is_empty() {
            return Err(NodeError::Params(issues));
        }
        let key = format!("{}-{index}", call.context.idempotency_key());
        let grants = call.context.grants;
        let source = call.parameters.source();
        let proof = params.auth.proof(source, &params.url, grants)?;
        let mut outgoing = Outgoing::of(&params, &proof, &key)?;
        let mut pages = Pages::new(call.untyped(), index, &params.pagination);
        pages.begin(&mut outgoing);
        let bounds = Bounds {
            redirects: params.redirects.to_net(),
            size: params.max_response_size.0,
            timeout: params.timeout.as_duration(),
            error_bodies: ErrorBodies::Beginning,
            way_out: "raise `maxResponseSize`",
        };
        let mut made = Vec::new();
        let mut bytes = 0_usize;
        loop {
            let answer = self
                .client
                .exchange(outgoing.request.clone(), bounds, |url| {
                    let (host, port) = host_and_port(url);
                    grants.check_host(host, port)?;
                    params.auth.check_url(url, grants)
                })
                .await?;
            bytes = bytes.saturating_add(answer.body.len());
            if pages.fetched() > 0 && bytes > ALL_PAGES {
                let message = format!("the pages have more than {} MiB together", ALL_PAGES >> 20);
                return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
            }
            check_status(&answer, &params, &proof, &outgoing)?;
            let (kind, body) = read_body(&answer, params.response)?;
            if !pages.are_wanted() && !params.full_response {
                return Ok(objects(kind, body, params.items_field.as_ref()));
            }
            let response = full_response(&answer, body);
            let body = response.get("body").cloned().unwrap_or_default();
            let found = objects(kind, body, params.items_field.as_ref());
            let page = Page {
                response: &response,
                url: &answer.url,
                items: found.len(),
            };
            let goes_on = pages.are_wanted() && pages.advance(&mut outgoing, &page)?;
            match response {
                Value::Object(response) if params.full_response => made.push(response),
                _ => made.extend(found),
            }
            if made.len() > MAX_ITEMS {
                let message = format!("the pages make more than {MAX_ITEMS} items");
                return Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message));
            }
            if !goes_on {
                return Ok(made);
            }
        }
    }
}

fn check_status(
    answer: &Answer,
    params: &HttpParams,
    proof: &Proof,
    outgoing: &Outgoing,
) -> Result<(), NodeError> {
    if answer.status.as_u16() < 400 || params.never_error {
        return Ok(());
    }
    let secrets = proof.secrets();
    let secrets: Vec<&str> = secrets
        .iter()
        .map(String::as_str)
        .chain(params.secret_headers())
        .collect();
    Err(bad_status(
        answer.status,
        &answer.headers,
        &answer.body,
        &outgoing.request.describe(),
        &secrets,
    ))
}

fn full_response(answer: &Answer, body: Value) -> Value {
    let mut response = Object::with_capacity(3);
    response.insert("status".to_owned(), answer.status.as_u16().into());
    response.insert("headers".to_owned(), headers_object(&answer.headers).into());
    response.insert("body".to_owned(), body);
    Value::Object(response)
}
