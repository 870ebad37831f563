use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::deferred::Expression;
use super::error::{ExpressionError, PlacedEvaluationError};
use super::options::{EvaluateOptions, Syntax};
use super::references::References;
use super::roots::Roots;
use super::template::Template;
use super::tree::{ByTemplate, Tree, escape, evaluate};

/// Parameters that nest deeper than this are refused.
const MAX_DEPTH: usize = 256;
/// How many errors are kept.
const MAX_ERRORS: usize = 1_000;

/// The parameters of a node, compiled: everything that no expression touches is kept as it is.
///
/// Keys of objects are never templates.
#[derive(Debug, Clone)]
pub struct ParameterTemplate {
    source: Value,
    tree: Tree,
    references: References,
    deferred: BTreeMap<String, Expression>,
    /// Whether a template does, not a deferred expression.
    reads_secrets: bool,
}

struct Compilation<'c> {
    syntax: Syntax,
    is_deferred: &'c dyn Fn(&str) -> bool,
    is_kept: &'c dyn Fn(&str) -> bool,
    pointer: String,
    references: References,
    deferred: BTreeMap<String, Expression>,
    reads_secrets: bool,
    errors: Vec<(String, ExpressionError)>,
}

impl ParameterTemplate {
    /// Compiles parameters. Strings at places for which `is_deferred` says so, given a JSON
    /// Pointer (RFC 6901), are expressions that the node evaluates itself: they are compiled too,
    /// but stay in the value as they were written.
    ///
    /// # Errors
    /// Everything that cannot be compiled, with its place; at most 1,000 of them.
    pub fn compile(
        parameters: &Value,
        syntax: Syntax,
        is_deferred: &dyn Fn(&str) -> bool,
    ) -> Result<Self, Vec<(String, ExpressionError)>> {
        Self::compile_keeping(parameters, syntax, is_deferred, &|_| false)
    }

    /// Compiles parameters, and keeps objects at places for which `is_kept` says so as they were
    /// written: what looks like a template in them, such as in a workflow that is a parameter of a
    /// node, is somebody else's.
    ///
    /// # Errors
    /// Those of [`ParameterTemplate::compile`].
    pub fn compile_keeping(
        parameters: &Value,
        syntax: Syntax,
        is_deferred: &dyn Fn(&str) -> bool,
        is_kept: &dyn Fn(&str) -> bool,
    ) -> Result<Self, Vec<(String, ExpressionError)>> {
        let mut compilation = Compilation {
            syntax,
            is_deferred,
            is_kept,
            pointer: String::new(),
            references: References::default(),
            deferred: BTreeMap::new(),
            reads_secrets: false,
            errors: Vec::new(),
        };
        let tree = compilation.tree(parameters, 0);
        if !compilation.errors.is_empty() {
            return Err(compilation.errors);
        }
        Ok(Self {
            source: parameters.clone(),
            tree,
            references: compilation.references,
            deferred: compilation.deferred,
            reads_secrets: compilation.reads_secrets,
        })
    }

    /// Whether the value is the same for every item.
    pub fn is_static(&self) -> bool {
        self.static_value().is_some()
    }

    /// The value, if it is the same for every item.
    pub fn static_value(&self) -> Option<&Value> {
        match &self.tree {
            Tree::Static(value) => Some(value),
            Tree::Template(_) | Tree::Array(_) | Tree::Object(_) => None,
        }
    }

    /// The parameters as they were written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// JSON Pointers of the values that a template will give, unless they take more than `limit`
    /// bytes together.
    pub fn dynamic_pointers(&self, limit: usize) -> Option<Vec<String>> {
        let mut found = Vec::new();
        let mut left = limit;
        self.tree
            .dynamic_pointers(&mut String::new(), &mut found, &mut left)?;
        Some(found)
    }

    /// JSON Pointers of the values that are always texts, since their templates are more than one
    /// expression; at most so many.
    pub(crate) fn text_pointers(&self, limit: usize) -> Vec<String> {
        let mut found = Vec::new();
        self.tree
            .text_pointers(&mut String::new(), &mut found, limit);
        found
    }

    /// The expressions that the node evaluates itself.
    pub(crate) fn deferred_expressions(&self) -> impl Iterator<Item = &Expression> {
        self.deferred.values()
    }

    /// What all expressions read, deferred ones included.
    pub fn references(&self) -> &References {
        &self.references
    }

    /// The deferred expression that was written like this.
    pub fn deferred(&self, source: &str) -> Option<&Expression> {
        self.deferred.get(source)
    }

    /// Gives the parameters with their templates evaluated. Each template has the limits of
    /// `options` for itself.
    ///
    /// # Errors
    /// The first error of a template, with its place.
    pub fn evaluate(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
    ) -> Result<Value, PlacedEvaluationError> {
        self.evaluate_by(&|template| template.evaluate(roots, options))
    }

    /// Whether one of the templates reads a secret.
    pub fn reads_secrets(&self) -> bool {
        self.reads_secrets
    }

    /// Gives the parameters with their templates evaluated, and tells `learn` every text that was
    /// made of secrets, as [`Template::evaluate_tracing`] does. Costs no more than
    /// [`ParameterTemplate::evaluate`] where no secret is read.
    ///
    /// # Errors
    /// Those of [`ParameterTemplate::evaluate`].
    pub fn evaluate_tracing(
        &self,
        roots: &dyn Roots,
        options: &EvaluateOptions,
        learn: &mut dyn FnMut(&str),
    ) -> Result<Value, PlacedEvaluationError> {
        if !self.reads_secrets {
            return self.evaluate(roots, options);
        }
        let learn = RefCell::new(learn);
        self.evaluate_by(&|template| {
            template.evaluate_tracing(roots, options, &mut **learn.borrow_mut())
        })
    }

    fn evaluate_by(&self, by: &ByTemplate<'_>) -> Result<Value, PlacedEvaluationError> {
        evaluate(&self.tree, by).map_err(|mut placed| {
            // It was written from the inside to the outside.
            placed.steps.reverse();
            let mut pointer = String::new();
            for step in placed.steps {
                pointer.push('/');
                pointer.push_str(&step);
            }
            PlacedEvaluationError {
                pointer,
                error: placed.error,
            }
        })
    }
}

impl Compilation<'_> {
    fn refuse(&mut self, error: ExpressionError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push((self.pointer.clone(), error));
        }
    }

    fn tree(&mut self, value: &Value, depth: usize) -> Tree {
        if depth > MAX_DEPTH {
            let message = format!("parameters nest deeper than {MAX_DEPTH} levels");
            self.refuse(ExpressionError::limit(0..0, message));
            return Tree::Static(Value::Null);
        }
        match value {
            Value::String(text) => self.string(text),
            Value::Array(values) => {
                let elements: Vec<Tree> = values
                    .iter()
                    .enumerate()
                    .map(|(index, value)| self.below(&index.to_string(), value, depth))
                    .collect();
                if elements.iter().all(Tree::is_static) {
                    return Tree::Static(
                        elements.into_iter().filter_map(Tree::into_static).collect(),
                    );
                }
                Tree::Array(elements)
            }
            Value::Object(_) if (self.is_kept)(&self.pointer) => Tree::Static(value.clone()),
            Value::Object(object) => {
                let fields: Vec<(String, Tree)> = object
                    .iter()
                    .map(|(name, value)| (name.clone(), self.below(&escape(name), value, depth)))
                    .collect();
                if fields.iter().all(|(_, tree)| tree.is_static()) {
                    let fields = fields.into_iter();
                    let object: serde_json::Map<String, Value> = fields
                        .filter_map(|(name, tree)| Some((name, tree.into_static()?)))
                        .collect();
                    return Tree::Static(Value::Object(object));
                }
                Tree::Object(fields)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Tree::Static(value.clone()),
        }
    }

    fn below(&mut self, step: &str, value: &Value, depth: usize) -> Tree {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        let tree = self.tree(value, depth + 1);
        self.pointer.truncate(length);
        tree
    }

    fn string(&mut self, text: &str) -> Tree {
        if (self.is_deferred)(&self.pointer) {
            match Expression::parse(text) {
                Ok(expression) => {
                    self.references.extend(expression.references());
                    self.deferred.insert(text.to_owned(), expression);
                }
                Err(error) => self.errors.push((self.pointer.clone(), error)),
            }
            return Tree::Static(Value::String(text.to_owned()));
        }
        match Template::parse(text, self.syntax) {
            Ok(template) => match template.as_literal() {
                Some(literal) => Tree::Static(Value::String(literal.to_owned())),
                None => {
                    self.references.extend(template.references());
                    self.reads_secrets |= !template.references().secrets.is_empty();
                    Tree::Template(template)
                }
            },
            Err(error) => {
                self.errors.push((self.pointer.clone(), error));
                Tree::Static(Value::Null)
            }
        }
    }
}
