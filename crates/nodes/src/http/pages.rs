use jackfield_net::Url;
use jackfield_plugin_api::{Expr, NodeCall, NodeError};
use jackfield_types::ErrorCode;
use serde_json::Value;

use super::outgoing::Outgoing;
use super::params::{PageMode, Pagination};
use crate::value::{is_truthy, kind};

/// The most pages that are asked for when the author said nothing.
const DEFAULT_PAGES: u32 = 100;

/// Asks for page after page.
pub(super) struct Pages<'a> {
    call: NodeCall<'a>,
    item: usize,
    pagination: &'a Pagination,
    fetched: u32,
    number: u64,
    cursor: Option<String>,
}

/// What is known of a page when the next one is asked for.
pub(super) struct Page<'p> {
    pub(super) response: &'p Value,
    pub(super) url: &'p Url,
    pub(super) items: usize,
}

impl<'a> Pages<'a> {
    pub(super) fn new(call: NodeCall<'a>, item: usize, pagination: &'a Pagination) -> Self {
        let number = pagination.start.unwrap_or(1);
        Self {
            call,
            item,
            pagination,
            fetched: 0,
            number,
            cursor: None,
        }
    }

    /// Whether there may be more than one page.
    pub(super) fn are_wanted(&self) -> bool {
        self.pagination.mode != PageMode::None
    }

    /// Makes the first request one for the first page.
    pub(super) fn begin(&self, outgoing: &mut Outgoing) {
        if self.pagination.mode == PageMode::Page {
            outgoing.set_query(self.parameter("page"), &self.number.to_string());
        }
    }

    /// Makes the request for the next page of that for the last one, if there is a next page.
    ///
    /// # Errors
    /// Those of the expressions, and when the pages don't advance, lead elsewhere, or are too many.
    pub(super) fn advance(
        &mut self,
        outgoing: &mut Outgoing,
        page: &Page<'_>,
    ) -> Result<bool, NodeError> {
        self.fetched += 1;
        if let Some(until) = &self.pagination.until
            && is_truthy(&self.evaluate(until, page)?)
        {
            return Ok(false);
        }
        let goes_on = match self.pagination.mode {
            PageMode::None => false,
            PageMode::Page => self.count_up(outgoing, page)?,
            PageMode::NextUrl => self.next_url(outgoing, page)?,
            PageMode::Cursor => self.next_cursor(outgoing, page)?,
        };
        outgoing.put_key(self.fetched)?;
        match self.pagination.max_pages {
            Some(most) if self.fetched >= most => Ok(false),
            None if goes_on && self.fetched >= DEFAULT_PAGES => {
                let message =
                    format!("there are more than {DEFAULT_PAGES} pages; set `pagination.maxPages`");
                Err(NodeError::permanent(ErrorCode::LIMIT_EXCEEDED, message))
            }
            _ => Ok(goes_on),
        }
    }

    /// The number of pages that there have been.
    pub(super) fn fetched(&self) -> u32 {
        self.fetched
    }

    fn parameter(&self, default: &'a str) -> &'a str {
        self.pagination.parameter.as_deref().unwrap_or(default)
    }

    fn count_up(&mut self, outgoing: &mut Outgoing, page: &Page<'_>) -> Result<bool, NodeError> {
        if page.items == 0 {
            return Ok(false);
        }
        let step = self.pagination.step.unwrap_or(1);
        let next = self
            .number
            .checked_add(step)
            .filter(|next| *next != self.number);
        self.number = next.ok_or_else(stuck)?;
        outgoing.set_query(self.parameter("page"), &self.number.to_string());
        Ok(true)
    }

    fn next_url(&self, outgoing: &mut Outgoing, page: &Page<'_>) -> Result<bool, NodeError> {
        let Some(next) = self.next_text(page)? else {
            return Ok(false);
        };
        let url = page.url.join(&next).map_err(|_| {
            NodeError::permanent(
                ErrorCode::INVALID_INPUT,
                "the expression for the next page gave what is no URL",
            )
        })?;
        if url.origin() != outgoing.request.url.origin() {
            // The answer must not decide to which other host the author's credentials go.
            let message =
                "the next page is on another host or port, to which the request must not be sent";
            return Err(NodeError::permanent(ErrorCode::NETWORK_FORBIDDEN, message));
        }
        let before = outgoing.request.url.clone();
        outgoing.set_url(url);
        if before == outgoing.request.url {
            return Err(stuck());
        }
        Ok(true)
    }

    fn next_cursor(&mut self, outgoing: &mut Outgoing, page: &Page<'_>) -> Result<bool, NodeError> {
        let Some(next) = self.next_text(page)? else {
            return Ok(false);
        };
        if self.cursor.as_ref() == Some(&next) {
            return Err(stuck());
        }
        outgoing.set_query(self.parameter("cursor"), &next);
        self.cursor = Some(next);
        Ok(true)
    }

    fn next_text(&self, page: &Page<'_>) -> Result<Option<String>, NodeError> {
        let Some(next) = &self.pagination.next else {
            return Ok(None);
        };
        match self.evaluate(next, page)? {
            falsy if !is_truthy(&falsy) => Ok(None),
            Value::String(text) => Ok(Some(text)),
            number @ Value::Number(_) => Ok(Some(number.to_string())),
            other => {
                let message = format!(
                    "the expression for the next page gave {}, not a text",
                    kind(&other)
                );
                Err(NodeError::permanent(ErrorCode::WRONG_TYPE, message))
            }
        }
    }

    fn evaluate(&self, expression: &Expr, page: &Page<'_>) -> Result<Value, NodeError> {
        let fetched = Value::from(self.fetched);
        let bindings = [("$response", page.response), ("$page", &fetched)];
        self.call
            .parameters
            .evaluate(expression, self.item, &bindings)
    }
}

fn stuck() -> NodeError {
    NodeError::permanent(
        ErrorCode::LIMIT_EXCEEDED,
        "the next page is the same one again",
    )
}
