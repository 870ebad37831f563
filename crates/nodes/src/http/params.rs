use std::borrow::Cow;
use std::num::NonZeroUsize;

use jackfield_plugin_api::Expr;
use jackfield_types::{ByteSize, Object, Span, ValidationIssue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::auth::Auth;
use crate::path::Path;

pub(super) const MAX_CONCURRENCY: usize = 64;
pub(super) const MAX_REDIRECTS: u8 = 20;
pub(super) const MAX_PAGES: u32 = 10_000;
const LARGEST_RESPONSE: ByteSize = ByteSize::mib(256);
const LONGEST_TIMEOUT: Span = Span::from_millis(60 * 60 * 1_000);

/// Parameters of `http-request`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HttpParams {
    /// The method.
    #[serde(default)]
    pub(super) method: Method,
    /// The URL: `http` or `https`, without user and password.
    #[schemars(length(min = 1))]
    pub(super) url: String,
    /// Values that are added to the query of the URL. A list is repeated, `null` is left out.
    #[serde(default)]
    pub(super) query: Object,
    /// Headers. A list is repeated, `null` is left out.
    #[serde(default)]
    pub(super) headers: Object,
    /// What is sent.
    #[serde(default)]
    pub(super) body: Body,
    /// How the request proves whose it is.
    #[serde(default)]
    pub(super) auth: Auth,
    /// What the answer is read as.
    #[serde(default)]
    pub(super) response: Format,
    /// Whether an item has `status`, `headers` and `body` of the answer, instead of the body alone.
    #[serde(default)]
    pub(super) full_response: bool,
    /// The path of a list in the body: each element becomes an item.
    pub(super) items_field: Option<Path>,
    /// How further pages are asked for.
    #[serde(default)]
    pub(super) pagination: Pagination,
    /// How many requests run at the same time, with several items.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub(super) concurrency: NonZeroUsize,
    /// How long one request may take, redirects and body included.
    #[serde(default = "minute")]
    pub(super) timeout: Span,
    /// What is done about redirects.
    #[serde(default)]
    pub(super) redirects: Redirects,
    /// The most bytes that the body of an answer may have, unpacked.
    #[serde(default)]
    pub(super) max_response_size: ResponseSize,
    /// Whether answers with a status of 400 or more are items like others, and no errors.
    #[serde(default)]
    pub(super) never_error: bool,
}

/// A method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    /// `GET`.
    #[default]
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// `OPTIONS`.
    Options,
}

impl Method {
    pub(super) fn to_http(self) -> jackfield_net::Method {
        match self {
            Self::Get => jackfield_net::Method::GET,
            Self::Head => jackfield_net::Method::HEAD,
            Self::Post => jackfield_net::Method::POST,
            Self::Put => jackfield_net::Method::PUT,
            Self::Patch => jackfield_net::Method::PATCH,
            Self::Delete => jackfield_net::Method::DELETE,
            Self::Options => jackfield_net::Method::OPTIONS,
        }
    }

    /// Whether repeating it changes nothing on the other side by its very meaning.
    pub(super) fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

/// What is sent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub(crate) enum Body {
    /// Nothing.
    #[default]
    None,
    /// A value, as JSON.
    Json {
        /// The value.
        #[serde(default)]
        value: Value,
    },
    /// The fields of a form, encoded as in a URL. A list is repeated, `null` is left out.
    Form {
        /// Values by name.
        fields: Object,
    },
    /// A text.
    Text {
        /// The text.
        text: String,
        /// Its media type; `text/plain; charset=utf-8` if not given.
        content_type: Option<String>,
    },
    /// Bytes.
    Raw {
        /// The bytes, in base64.
        data: String,
        /// Their media type; `application/octet-stream` if not given.
        content_type: Option<String>,
    },
}

/// What an answer is read as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Format {
    /// As its `Content-Type` says.
    #[default]
    Auto,
    /// As JSON.
    Json,
    /// As a text.
    Text,
    /// As a file: `{fileName, mimeType, size, data}`, the data in base64.
    File,
}

/// How further pages are asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Pagination {
    /// The way.
    #[serde(default)]
    pub(super) mode: PageMode,
    /// With `nextUrl` an expression for the next URL, with `cursor` one for the next cursor, such as
    /// `$response.body.next`. What JavaScript takes for false ends the pages.
    pub(super) next: Option<Expr>,
    /// The name of the query parameter with `page` or `cursor`; `page` and `cursor` if not given.
    pub(super) parameter: Option<String>,
    /// With `page`, the number of the first page; 1 if not given.
    pub(super) start: Option<u64>,
    /// With `page`, by how much the number grows; 1 if not given.
    pub(super) step: Option<u64>,
    /// An expression that holds for the last page, such as `!$response.body.more`.
    pub(super) until: Option<Expr>,
    /// How many pages are asked for at most. More than 100 pages are an error if it is not given.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) max_pages: Option<u32>,
}

/// A way to ask for further pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum PageMode {
    /// None: one page.
    #[default]
    None,
    /// The answer says the next URL.
    NextUrl,
    /// A query parameter counts up, until a page has no items.
    Page,
    /// The answer says what a query parameter has to be.
    Cursor,
}

/// What is done about redirects.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Redirects {
    /// Whether they are followed.
    pub(super) follow: bool,
    /// How many of them.
    #[schemars(range(max = 20))]
    pub(super) max: u8,
}

impl Redirects {
    pub(super) fn to_net(self) -> jackfield_net::Redirects {
        if self.follow {
            jackfield_net::Redirects::Followed { most: self.max }
        } else {
            jackfield_net::Redirects::Given
        }
    }
}

impl Default for Redirects {
    fn default() -> Self {
        Self {
            follow: true,
            max: 10,
        }
    }
}

/// The most bytes of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseSize(pub(super) ByteSize);

impl Default for ResponseSize {
    fn default() -> Self {
        Self(ByteSize::mib(16))
    }
}

impl<'de> Deserialize<'de> for ResponseSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ResponseSize {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 0,
            "description": "bytes, or a text such as `16MiB`; at most 256 MiB"
        })
    }
}

const fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

const fn minute() -> Span {
    Span::from_millis(60_000)
}

impl HttpParams {
    /// What is wrong beyond the types.
    pub(super) fn check(&self) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        let mut issue =
            |path: &str, message: String| issues.push(ValidationIssue::parameter(path, message));
        let pagination = &self.pagination;
        if matches!(pagination.mode, PageMode::NextUrl | PageMode::Cursor)
            && pagination.next.is_none()
        {
            issue(
                "/pagination/next",
                "these pages need `next`, an expression over `$response`".to_owned(),
            );
        }
        if pagination
            .max_pages
            .is_some_and(|pages| pages == 0 || pages > MAX_PAGES)
        {
            issue(
                "/pagination/maxPages",
                format!("from 1 to {MAX_PAGES} pages"),
            );
        }
        if self.concurrency.get() > MAX_CONCURRENCY {
            issue(
                "/concurrency",
                format!("at most {MAX_CONCURRENCY} requests at the same time"),
            );
        }
        if self.timeout > LONGEST_TIMEOUT || self.timeout == Span::default() {
            issue("/timeout", "from 1 ms to 1 hour".to_owned());
        }
        if self.redirects.max > MAX_REDIRECTS {
            issue(
                "/redirects/max",
                format!("at most {MAX_REDIRECTS} redirects"),
            );
        }
        if self.max_response_size.0 > LARGEST_RESPONSE {
            issue("/maxResponseSize", format!("at most {LARGEST_RESPONSE}"));
        }
        issues.extend(self.auth.check());
        issues
    }
}

impl HttpParams {
    /// The headers that must not be shown when the other side repeats them.
    pub(super) fn secret_headers(&self) -> impl Iterator<Item = &str> {
        let hinted = self.headers.iter().filter(|(name, _)| is_secret_name(name));
        hinted.filter_map(|(_, value)| value.as_str())
    }
}

/// Whether the name of a header says that its value is not for everybody.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "cookie", "token", "secret", "key", "password"]
        .iter()
        .any(|hint| name.contains(hint))
}
