use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jackfield_net::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use jackfield_net::{Request, Url};
use jackfield_plugin_api::NodeError;
use jackfield_types::{Object, Secret};
use serde_json::Value;

use super::auth::Proof;
use super::params::{Body, HttpParams};
use crate::value::kind;

/// A request, ready to be sent.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub(super) request: Request,
    /// The key by which a repeated request is told from a new one, if it is not the author's.
    key: Option<String>,
    /// What goes into the query of every URL to prove whose request it is.
    query_proof: Option<(String, Secret<String>)>,
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl Outgoing {
    /// Makes the request that parameters describe, with the proof of whose it is. `key` tells a
    /// repeated request from a new one.
    ///
    /// # Errors
    /// [`NodeError::Params`] with the parameter that is wrong.
    pub(super) fn of(params: &HttpParams, proof: &Proof, key: &str) -> Result<Self, NodeError> {
        let mut url = parse_url(&params.url)?;
        append_query(&mut url, &params.query)?;
        let mut headers = HeaderMap::new();
        let body = encode(&params.body, &mut headers)?;
        for (name, value) in &params.headers {
            put_header(&mut headers, name, value)?;
        }
        put_proof(&mut headers, proof)?;
        let needs_key = !params.method.is_safe() && !headers.contains_key(IDEMPOTENCY_KEY);
        let key = needs_key.then(|| key.to_owned());
        let request = Request {
            method: params.method.to_http(),
            url,
            headers,
            body,
        };
        let query_proof = match proof {
            Proof::Query { name, value } => Some((name.clone(), value.clone())),
            Proof::None | Proof::Basic { .. } | Proof::Header { .. } | Proof::Bearer { .. } => None,
        };
        let mut outgoing = Self {
            request,
            key,
            query_proof,
        };
        outgoing.put_query_proof();
        outgoing.put_key(0)?;
        Ok(outgoing)
    }

    /// Sets the key for a page: requests for two pages are not the same request.
    ///
    /// # Errors
    /// [`NodeError::Params`] when the key cannot be sent.
    pub(super) fn put_key(&mut self, page: u32) -> Result<(), NodeError> {
        let Some(key) = &self.key else { return Ok(()) };
        let text = if page == 0 {
            key.clone()
        } else {
            format!("{key}-page-{page}")
        };
        let value = HeaderValue::from_str(&text).map_err(|_| {
            NodeError::parameter("/headers", "the idempotency key is no text for a header")
        })?;
        self.request.headers.insert(IDEMPOTENCY_KEY, value);
        Ok(())
    }

    /// Makes it a request for another URL of the same origin.
    pub(super) fn set_url(&mut self, url: Url) {
        self.request.url = url;
        self.put_query_proof();
    }

    fn put_query_proof(&mut self) {
        if let Some((name, value)) = self.query_proof.clone() {
            self.set_query(&name, value.expose());
        }
    }

    /// Sets one parameter of the query, in place of all of that name.
    pub(super) fn set_query(&mut self, name: &str, value: &str) {
        let url = &mut self.request.url;
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(existing, _)| existing != name)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .append_pair(name, value);
    }
}

pub(super) fn parse_url(text: &str) -> Result<Url, NodeError> {
    let url = Url::parse(text.trim()).map_err(|error| {
        NodeError::parameter(
            "/url",
            format!("this is no URL: {error}; write `https://example.org/path`"),
        )
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!(
            "`{}` URLs are not requested, `http` and `https` only",
            url.scheme()
        );
        return Err(NodeError::parameter("/url", message));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "a URL must not carry a user or a password; use the parameter `auth`";
        return Err(NodeError::parameter("/url", message));
    }
    Ok(url)
}

fn append_query(url: &mut Url, query: &Object) -> Result<(), NodeError> {
    if query.is_empty() {
        return Ok(());
    }
    let pairs = pairs(query, "/query")?;
    url.query_pairs_mut().extend_pairs(pairs);
    Ok(())
}

/// Names and texts: a list is repeated, `null` is left out.
fn pairs<'v>(values: &'v Object, path: &str) -> Result<Vec<(&'v str, String)>, NodeError> {
    let mut pairs = Vec::with_capacity(values.len());
    for (name, value) in values {
        for text in texts(value).map_err(|found| wrong_value(path, name, found))? {
            pairs.push((name.as_str(), text));
        }
    }
    Ok(pairs)
}

fn texts(value: &Value) -> Result<Vec<String>, &'static str> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Bool(_) | Value::Number(_) => Ok(vec![value.to_string()]),
        Value::Array(list) => {
            let scalar = |value: &Value| match value {
                Value::Array(_) | Value::Object(_) => Err(kind(value)),
                scalar => texts(scalar),
            };
            Ok(list
                .iter()
                .map(scalar)
                .collect::<Result<Vec<_>, _>>()?
                .concat())
        }
        Value::Object(_) => Err("an object"),
    }
}

fn wrong_value(path: &str, name: &str, found: &str) -> NodeError {
    let message = format!("expected a text, number, boolean or a list of them, found {found}");
    NodeError::parameter(format!("{path}/{}", pointer(name)), message)
}

/// A key as a step of a JSON Pointer.
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn put_header(headers: &mut HeaderMap, name: &str, value: &Value) -> Result<(), NodeError> {
    let path = format!("/headers/{}", pointer(name));
    let header = header_name(name, &path)?;
    let texts = texts(value).map_err(|found| wrong_value("/headers", name, found))?;
    for (place, text) in texts.iter().enumerate() {
        let value = header_value(text, &path)?;
        if place == 0 {
            headers.insert(header.clone(), value);
        } else {
            headers.append(header.clone(), value);
        }
    }
    Ok(())
}

fn header_name(name: &str, path: &str) -> Result<HeaderName, NodeError> {
    jackfield_net::header_name(name)
        .map_err(|problem| NodeError::parameter(path, problem.to_string()))
}

/// The value is not shown when it is wrong: it may be a secret.
fn header_value(text: &str, path: &str) -> Result<HeaderValue, NodeError> {
    jackfield_net::header_value(text)
        .map_err(|problem| NodeError::parameter(path, problem.to_string()))
}

fn put_proof(headers: &mut HeaderMap, proof: &Proof) -> Result<(), NodeError> {
    let (name, text) = match proof {
        Proof::None | Proof::Query { .. } => return Ok(()),
        Proof::Basic { user, .. } if user.contains(':') => {
            return Err(NodeError::parameter(
                "/auth/user",
                "a user's name must not have a colon",
            ));
        }
        Proof::Basic { user, password } => {
            let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
            (AUTHORIZATION, format!("Basic {pair}"))
        }
        Proof::Bearer { token } => (AUTHORIZATION, format!("Bearer {}", token.expose())),
        Proof::Header { name, value } => (header_name(name, "/auth/name")?, value.expose().clone()),
    };
    let mut value = header_value(&text, "/auth")?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn encode(body: &Body, headers: &mut HeaderMap) -> Result<Option<Vec<u8>>, NodeError> {
    let (bytes, content_type) = match body {
        Body::None => return Ok(None),
        Body::Json { value } => {
            let bytes = serde_json::to_vec(value)
                .map_err(|error| NodeError::parameter("/body/value", error.to_string()))?;
            (bytes, "application/json")
        }
        Body::Form { fields } => {
            let pairs = pairs(fields, "/body/fields")?;
            // The query of a URL is encoded just like a form.
            let mut url = Url::parse("http://form").expect("a constant that is a URL");
            url.query_pairs_mut().extend_pairs(pairs);
            (
                url.query().unwrap_or_default().as_bytes().to_vec(),
                "application/x-www-form-urlencoded",
            )
        }
        Body::Text { text, content_type } => {
            let media_type = content_type
                .as_deref()
                .unwrap_or("text/plain; charset=utf-8");
            (text.clone().into_bytes(), media_type)
        }
        Body::Raw { data, content_type } => {
            let bytes = STANDARD.decode(data).map_err(|error| {
                NodeError::parameter("/body/data", format!("this is no base64: {error}"))
            })?;
            (
                bytes,
                content_type
                    .as_deref()
                    .unwrap_or("application/octet-stream"),
            )
        }
    };
    headers.insert(
        CONTENT_TYPE,
        header_value(content_type, "/body/contentType")?,
    );
    Ok(Some(bytes))
}
