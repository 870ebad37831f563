use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use jackfield_types::{
    ErrorCode, Item, Items, NodeFailure, NodeTypeId, Object, Outputs, ValidationIssue,
    VariableWrite,
};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use semver::Version;
use serde_json::Value;
use tracing::warn;

use super::RedactionRules;
use super::filter::Filter;
use super::forms::{derived_forms, forms};
use super::known::Known;
use super::walk::Walk;

/// How many bytes all forms of all secrets may have. Beyond that nothing comes out any more.
const MOST_BYTES: usize = 1024 * 1024;

/// How many matches may have to be kept ready: at each byte of all forms no more than there are
/// lengths. Beyond that nothing comes out either, or texts made for it would take all memory.
const MOST_MATCHES: usize = 64 * 1024 * 1024;

/// Takes out of everything that leaves an execution what may not come out.
#[derive(Default)]
pub struct Redactor {
    rules: Option<Arc<RedactionRules>>,
    /// What is looked for; behind `learnt` while `is_behind`.
    known: ArcSwapOption<Known>,
    is_behind: AtomicBool,
    has_learnt: AtomicBool,
    /// Whether `known` lacks a secret, and not only a text that was made with one.
    has_new_secret: AtomicBool,
    learnt: Mutex<Learnt>,
}

#[derive(Default)]
struct Learnt {
    secrets: FxHashSet<String>,
    forms: FxHashSet<String>,
    lengths: FxHashSet<usize>,
    bytes: usize,
}

impl Learnt {
    /// Adds forms, and says whether that is more than was known.
    fn add(&mut self, forms: FxHashSet<String>) -> bool {
        let before = self.bytes;
        for form in forms {
            let length = form.len();
            if self.forms.insert(form) {
                self.bytes += length;
                self.lengths.insert(length);
            }
        }
        self.bytes > before
    }

    fn is_too_much(&self) -> bool {
        self.bytes > MOST_BYTES || self.bytes.saturating_mul(self.lengths.len()) > MOST_MATCHES
    }
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

    /// Learns a secret. It is masked from now on, in all its forms.
    pub fn learn(&self, secret: &str) {
        let mut learnt = self.learnt.lock();
        if secret.is_empty() || learnt.secrets.contains(secret) {
            return;
        }
        learnt.secrets.insert(secret.to_owned());
        self.add(&mut learnt, forms(secret));
        self.has_new_secret.store(true, Ordering::Release);
    }

    /// Learns a text that was made with a secret, such as what an expression gave that reads one.
    ///
    /// A text that holds a known secret adds nothing: the secret in it is masked. Another one, such
    /// as a part of a secret or a hash of it, is masked as it is.
    pub fn learn_derived(&self, text: &str) {
        // Not made anew for each text: there may be thousands.
        let known = if self.has_new_secret.load(Ordering::Acquire) {
            self.known()
        } else {
            self.known.load_full()
        };
        if text.is_empty() || known.is_some_and(|known| known.is_in(text)) {
            return;
        }
        let mut learnt = self.learnt.lock();
        if !learnt.forms.contains(text) {
            self.add(&mut learnt, derived_forms(text));
        }
    }

    fn add(&self, learnt: &mut Learnt, forms: FxHashSet<String>) {
        if learnt.is_too_much() || !learnt.add(forms) {
            return;
        }
        if learnt.is_too_much() {
            learnt.forms = FxHashSet::default();
            warn!(
                "an execution holds more secrets than can be looked for, so all that it gives is masked"
            );
        }
        self.is_behind.store(true, Ordering::Release);
        self.has_learnt.store(true, Ordering::Release);
    }

    /// What is looked for, with everything that was learnt up to now.
    fn known(&self) -> Option<Arc<Known>> {
        if self.is_behind.load(Ordering::Acquire) {
            let learnt = self.learnt.lock();
            if self.is_behind.load(Ordering::Acquire) {
                let known = if learnt.is_too_much() {
                    Known::overwhelmed()
                } else {
                    Known::new(learnt.forms.iter().map(String::as_str))
                };
                self.known.store(Some(Arc::new(known)));
                self.is_behind.store(false, Ordering::Release);
                self.has_new_secret.store(false, Ordering::Release);
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

    /// Whether an item that a node is about to give comes out as it is.
    #[must_use]
    pub fn lets_out(&self, node_type: &NodeTypeId, version: &Version, item: &Object) -> bool {
        if self.is_idle() {
            return true;
        }
        let filters = match &self.rules {
            Some(rules) => rules.filters(node_type, version),
            None => Default::default(),
        };
        let items = Arc::new(vec![Item::new(item.clone())]);
        // What is not changed is the same items.
        self.walk(&filters, |walk| {
            Arc::ptr_eq(&walk.items(Arc::clone(&items)), &items)
        })
    }

    /// Items that no node gave, such as those that an execution starts with. Filters apply to them
    /// unless they are for certain node types.
    #[must_use]
    pub fn redact_items(&self, items: Items) -> Items {
        if self.is_idle() {
            return items;
        }
        let filters = match &self.rules {
            Some(rules) => rules.filters_for_all(),
            None => Default::default(),
        };
        self.walk(&filters, |walk| walk.items(items))
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
