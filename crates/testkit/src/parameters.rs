use std::borrow::Cow;
use std::collections::BTreeMap;

use jackfield_definition::expression::{
    EvaluateOptions, EvaluationError, Expression, ParameterTemplate, StaticRoots, Syntax,
};
use jackfield_plugin_api::{Expr, NodeError, Parameters, Prepared};
use jackfield_types::{Item, Object, Secret};
use jiff::Timestamp;
use serde_json::Value;

/// The parameters of a [`StaticCall`](crate::StaticCall): compiled once, evaluated per item.
pub(crate) struct StaticParameters {
    template: ParameterTemplate,
    input: Vec<Item>,
    variables: Object,
    secrets: BTreeMap<String, Secret<String>>,
    prepared: Prepared,
}

impl StaticParameters {
    /// # Panics
    /// When a template or an expression cannot be compiled.
    pub(crate) fn new(
        source: &Value,
        schema: Option<&Value>,
        input: Vec<Item>,
        variables: Object,
        secrets: BTreeMap<String, Secret<String>>,
    ) -> Self {
        let is_deferred =
            |pointer: &str| schema.is_some_and(|schema| has_format(schema, pointer, Expr::FORMAT));
        let is_kept =
            |pointer: &str| schema.is_some_and(|schema| has_format(schema, pointer, "workflow"));
        let template =
            ParameterTemplate::compile_keeping(source, Syntax::Native, &is_deferred, &is_kept)
                .unwrap_or_else(|errors| panic!("the parameters cannot be compiled: {errors:?}"));
        Self {
            template,
            input,
            variables,
            secrets,
            prepared: Prepared::new(),
        }
    }

    fn roots(&self, item: usize) -> StaticRoots {
        let roots = StaticRoots::new(Timestamp::UNIX_EPOCH)
            .with_input(self.input.clone())
            .with_item_index(item)
            .with_variables(self.variables.clone());
        self.secrets.iter().fold(roots, |roots, (name, value)| {
            roots.with_secret(name, value.expose())
        })
    }
}

/// Whether a schema marks a place with a format.
fn has_format(schema: &Value, pointer: &str, wanted: &str) -> bool {
    let mut places = forms(schema);
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        places = places
            .into_iter()
            .flat_map(|place| below(place, &step))
            .flat_map(forms)
            .collect();
    }
    places
        .iter()
        .any(|place| place.get("format").is_some_and(|format| format == wanted))
}

/// A schema, and the ones among which it lets choose.
fn forms(schema: &Value) -> Vec<&Value> {
    let choices = ["anyOf", "oneOf", "allOf"]
        .iter()
        .filter_map(|name| schema.get(name)?.as_array());
    let mut all: Vec<&Value> = choices.flatten().flat_map(forms).collect();
    all.push(schema);
    all
}

fn below<'s>(schema: &'s Value, step: &str) -> Option<&'s Value> {
    let property = schema
        .get("properties")
        .and_then(|properties| properties.get(step));
    let element = || {
        schema
            .get("items")
            .filter(|_| step.parse::<usize>().is_ok())
    };
    property
        .or_else(element)
        .or_else(|| schema.get("additionalProperties"))
}

fn failure(error: &EvaluationError) -> NodeError {
    NodeError::permanent(error.code.clone(), error.to_string())
}

impl Parameters for StaticParameters {
    fn source(&self) -> &Value {
        self.template.source()
    }

    fn is_static(&self) -> bool {
        self.template.is_static()
    }

    fn resolve(&self, item: usize) -> Result<Cow<'_, Value>, NodeError> {
        if let Some(value) = self.template.static_value() {
            return Ok(Cow::Borrowed(value));
        }
        self.template
            .evaluate(&self.roots(item), &EvaluateOptions::default())
            .map(Cow::Owned)
            .map_err(|placed| NodeError::permanent(placed.error.code.clone(), placed.to_string()))
    }

    fn evaluate(
        &self,
        expression: &Expr,
        item: usize,
        bindings: &[(&str, &Value)],
    ) -> Result<Value, NodeError> {
        let mut roots = self.roots(item);
        for (name, value) in bindings {
            roots = roots.with_binding(*name, (*value).clone());
        }
        let options = EvaluateOptions::default();
        let value = match self.template.deferred(expression.source()) {
            Some(expression) => expression.evaluate(&roots, &options),
            None => {
                let names: Vec<&str> = bindings.iter().map(|(name, _)| *name).collect();
                let expression = Expression::parse_with(expression.source(), &names)
                    .map_err(|error| NodeError::permanent(error.code.clone(), error.to_string()))?;
                expression.evaluate(&roots, &options)
            }
        };
        value.map_err(|error| failure(&error))
    }

    fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}
