//! Parameters as a tree of values and templates.

use serde_json::Value;

use super::error::EvaluationError;
use super::template::Template;

#[derive(Debug, Clone)]
pub(super) enum Tree {
    Static(Value),
    Template(Template),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// How one template is evaluated.
pub(super) type ByTemplate<'e> = dyn Fn(&Template) -> Result<Value, EvaluationError> + 'e;

/// An error, and the steps that lead to it, from the inside to the outside.
pub(super) struct Placed {
    pub(super) steps: Vec<String>,
    pub(super) error: EvaluationError,
}

pub(super) fn evaluate(tree: &Tree, by: &ByTemplate<'_>) -> Result<Value, Box<Placed>> {
    let at = |step: String| {
        move |mut placed: Box<Placed>| {
            placed.steps.push(step);
            placed
        }
    };
    match tree {
        Tree::Static(value) => Ok(value.clone()),
        Tree::Template(template) => by(template).map_err(|error| {
            Box::new(Placed {
                steps: Vec::new(),
                error,
            })
        }),
        Tree::Array(elements) => {
            let mut values = Vec::with_capacity(elements.len());
            for (index, element) in elements.iter().enumerate() {
                let value = evaluate(element, by);
                values.push(value.map_err(|placed| at(index.to_string())(placed))?);
            }
            Ok(Value::Array(values))
        }
        Tree::Object(fields) => {
            let mut object = serde_json::Map::with_capacity(fields.len());
            for (name, field) in fields {
                let value = evaluate(field, by);
                object.insert(
                    name.clone(),
                    value.map_err(|placed| at(escape(name))(placed))?,
                );
            }
            Ok(Value::Object(object))
        }
    }
}

pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl Tree {
    pub(super) fn dynamic_pointers(
        &self,
        pointer: &mut String,
        found: &mut Vec<String>,
        left: &mut usize,
    ) -> Option<()> {
        let length = pointer.len();
        match self {
            Self::Static(_) => {}
            Self::Template(_) => {
                *left = left.checked_sub(length)?;
                found.push(pointer.clone());
            }
            Self::Array(elements) => {
                for (place, element) in elements.iter().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&place.to_string());
                    element.dynamic_pointers(pointer, found, left)?;
                    pointer.truncate(length);
                }
            }
            Self::Object(fields) => {
                for (name, field) in fields {
                    pointer.push('/');
                    pointer.push_str(&escape(name));
                    field.dynamic_pointers(pointer, found, left)?;
                    pointer.truncate(length);
                }
            }
        }
        Some(())
    }

    pub(super) fn text_pointers(
        &self,
        pointer: &mut String,
        found: &mut Vec<String>,
        limit: usize,
    ) {
        let length = pointer.len();
        match self {
            Self::Template(template) if template.is_text() && found.len() < limit => {
                found.push(pointer.clone());
            }
            Self::Static(_) | Self::Template(_) => {}
            Self::Array(elements) => {
                for (place, element) in elements.iter().enumerate() {
                    pointer.push('/');
                    pointer.push_str(&place.to_string());
                    element.text_pointers(pointer, found, limit);
                    pointer.truncate(length);
                }
            }
            Self::Object(fields) => {
                for (name, field) in fields {
                    pointer.push('/');
                    pointer.push_str(&escape(name));
                    field.text_pointers(pointer, found, limit);
                    pointer.truncate(length);
                }
            }
        }
    }

    pub(super) fn is_static(&self) -> bool {
        matches!(self, Self::Static(_))
    }

    pub(super) fn into_static(self) -> Option<Value> {
        match self {
            Self::Static(value) => Some(value),
            Self::Template(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }
}
