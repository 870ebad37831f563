use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use jackfield_types::{
    ErrorCode, Items, NodeFailure, NodeTypeId, Object, Outputs, ValidationIssue, VariableWrite,
};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use semver::Version;
use serde_json::Value;
use tracing::warn;

use super::MASK;
use super::RedactionRules;
use super::filter::Filter;
use super::forms::forms;
use super::known::Known;
use super::walk::Walk;

/// How many bytes all forms of all secrets may have. Beyond that nothing comes out any more.
const MOST_BYTES: usize = 512 * 1024;

/// How many of the texts that were learnt last are compared with a new one.
const RECENT: usize = 16;

/// Takes out of everything that leaves an execution what may not come out.
#[derive(Default)]
pub struct Redactor {
    rules: Option<Arc<RedactionRules>>,
    /// What is looked for; behind `learnt` while `is_behind`.
    known: ArcSwapOption<Known>,
    is_behind: AtomicBool,
    has_learnt: AtomicBool,
    learnt: Mutex<Learnt>,
}

#[derive(Default)]
struct Learnt {
    forms: FxHashSet<String>,
    bytes: usize,
    /// What was learnt since `known` was made, as it is.
    recent: Vec<String>,
}

impl Redactor {
    /// A redactor that knows no secrets yet.
    pub fn new(rules: Option<Arc<RedactionRules>>) -> Self {
        Self {
            rules: rules.filter(|rules| !rules.is_empty()),
            ..Self::default()
        }
    }

    /// Whether there is nothing to take out, so that nothing has to be looked at.
    pub fn is_idle(&self) -> bool {
        self.rules.is_none() && !self.has_learnt.load(Ordering::Acquire)
    }

    /// Learns a secret, or a text that was made with one. It is masked from now on.
    ///
    /// A text that holds a secret which is known already adds nothing: the secret in it is masked.
    pub fn learn(&self, text: &str) {
        let known = self.known.load();
        if text.is_empty() || text == MASK || known.as_ref().is_some_and(|known| known.is_in(text))
        {
            return;
        }
        let mut learnt = self.learnt.lock();
        if learnt.bytes > MOST_BYTES || learnt.recent.iter().any(|recent| text.contains(recent)) {
            return;
        }
        for form in forms(text) {
            let length = form.len();
            if learnt.forms.insert(form) {
                learnt.bytes += length;
            }
        }
        if learnt.bytes > MOST_BYTES {
            learnt.forms = FxHashSet::default();
            warn!(
                "an execution holds more secrets than can be looked for, so all that it gives is masked"
            );
        }
        if text.len() >= super::forms::LEAST_PART && learnt.recent.len() < RECENT {
            learnt.recent.push(text.to_owned());
        }
        self.is_behind.store(true, Ordering::Release);
        self.has_learnt.store(true, Ordering::Release);
    }

    /// What is looked for, with everything that was learnt up to now.
    fn known(&self) -> Option<Arc<Known>> {
        if self.is_behind.load(Ordering::Acquire) {
            let mut learnt = self.learnt.lock();
            if self.is_behind.load(Ordering::Acquire) {
                let known = if learnt.bytes > MOST_BYTES {
                    Known::overwhelmed()
                } else {
                    Known::new(learnt.forms.iter().map(String::as_str))
                };
                learnt.recent.clear();
                self.known.store(Some(Arc::new(known)));
                self.is_behind.store(false, Ordering::Release);
            }
        }
        self.known.load_full().filter(|known| !known.is_empty())
    }

    /// Runs through something with what applies to it.
    fn walk<R>(&self, filters: &[Filter<'_>], through: impl FnOnce(&Walk<'_>) -> R) -> R {
        let known = self.known();
        through(&Walk {
            known: known.as_deref(),
            names: self.rules.as_ref().and_then(|rules| rules.names()),
            filters,
        })
    }

    /// What a node gave, without what may not come out. What is not changed is the same shared
    /// items as before, and items stay paired.
    #[must_use]
    pub fn redact_outputs(
        &self,
        node_type: &NodeTypeId,
        version: &Version,
        mut outputs: Outputs,
    ) -> Outputs {
        if self.is_idle() {
            return outputs;
        }
        let filters = match &self.rules {
            Some(rules) => rules.filters(node_type, version),
            None => Default::default(),
        };
        self.walk(&filters, |walk| {
            for items in outputs.main.iter_mut().chain(&mut outputs.error) {
                *items = walk.items(mem::take(items));
            }
        });
        outputs
    }

    /// Items that no node gave, such as those that an execution starts with. Filters for outputs
    /// do not apply to them.
    #[must_use]
    pub fn redact_items(&self, items: Items) -> Items {
        if self.is_idle() {
            return items;
        }
        self.walk(&[], |walk| walk.items(items))
    }

    /// A text such as the message of an error or of a log.
    pub fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.known() {
            Some(known) => known.redact(text),
            None => Cow::Borrowed(text),
        }
    }

    /// Why a node failed, and what it had given by then.
    pub fn redact_failure(
        &self,
        node_type: &NodeTypeId,
        version: &Version,
        failure: &mut NodeFailure,
    ) {
        if self.is_idle() {
            return;
        }
        self.redact_string(&mut failure.message);
        self.redact_code(&mut failure.code);
        if let Some(details) = &mut failure.details {
            self.redact_value(details);
        }
        self.redact_issues(&mut failure.issues);
        if let Some(partial) = failure.partial.take() {
            failure.partial = Some(self.redact_outputs(node_type, version, partial));
        }
        for item in &mut failure.failed_items {
            self.redact_string(&mut item.message);
            self.redact_code(&mut item.code);
        }
    }

    /// What is wrong with parameters: it may show them.
    pub fn redact_issues(&self, issues: &mut [ValidationIssue]) {
        for issue in issues {
            self.redact_code(&mut issue.code);
            self.redact_string(&mut issue.path);
            self.redact_string(&mut issue.message);
            if let Some(hint) = &mut issue.hint {
                self.redact_string(hint);
            }
        }
    }

    /// A value by itself. Filters for outputs do not apply to it.
    pub fn redact_value(&self, value: &mut Value) {
        if self.is_idle() {
            return;
        }
        if let Some(redacted) = self.walk(&[], |walk| walk.whole_value(value)) {
            *value = redacted;
        }
    }

    /// An object by itself, such as the variables that an execution starts with.
    #[must_use]
    pub fn redact_object(&self, object: Arc<Object>) -> Arc<Object> {
        if self.is_idle() {
            return object;
        }
        let redacted = self.walk(&[], |walk| walk.whole_object(&object));
        redacted.map_or(object, Arc::new)
    }

    /// Changes to variables. A variable is masked as a field of its name would be.
    pub fn redact_variable_writes(&self, writes: &mut [VariableWrite]) {
        if self.is_idle() {
            return;
        }
        self.walk(&[], |walk| {
            for write in writes {
                match write {
                    VariableWrite::Set { name, value } => {
                        let mut object = Object::new();
                        object.insert(mem::take(name), mem::take(value));
                        let object = walk.whole_object(&object).unwrap_or(object);
                        for (redacted, one) in object {
                            (*name, *value) = (redacted, one);
                        }
                    }
                    VariableWrite::Delete { name } => self.redact_string(name),
                    VariableWrite::Clear => {}
                }
            }
        });
    }

    fn redact_string(&self, text: &mut String) {
        if let Some(known) = self.known()
            && known.is_in(text)
        {
            *text = known.redact(text).into_owned();
        }
    }

    /// A plugin may make a code of anything.
    fn redact_code(&self, code: &mut ErrorCode) {
        if self.known().is_some_and(|known| known.is_in(code.as_str())) {
            *code = ErrorCode::EXECUTION_ERROR;
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}
