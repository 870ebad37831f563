use std::sync::Arc;

use indexmap::IndexSet;
use jackfield_plugin_api::NodeError;
use jackfield_types::{ErrorCode, Object, VariableWrite};
use serde_json::Value;

use super::measure;

/// The longest name of a variable, in bytes.
const MAX_NAME: usize = 256;

/// The execution's variables as one call sees them: as they were before it, and what it has
/// changed since, so that each item sees the writes of the items before it.
pub(crate) struct Variables<'a> {
    before: &'a Arc<Object>,
    now: Option<Object>,
    touched: IndexSet<String>,
    cleared: bool,
}

impl<'a> Variables<'a> {
    pub(super) fn new(before: &'a Arc<Object>) -> Self {
        Self {
            before,
            now: None,
            touched: IndexSet::new(),
            cleared: false,
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> &Object {
        self.now.as_ref().unwrap_or(self.before)
    }

    /// One of them.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.all().get(name)
    }

    fn change(&mut self) -> &mut Object {
        self.now.get_or_insert_with(|| Object::clone(self.before))
    }

    /// Sets one.
    ///
    /// # Errors
    /// [`NodeError::Permanent`] when the value is too large or nested too deep.
    pub(crate) fn set(&mut self, name: &str, value: Value) -> Result<(), NodeError> {
        measure(&value, &mut 0)?;
        self.touch(name);
        self.change().insert(name.to_owned(), value);
        Ok(())
    }

    /// Changes one in place, beginning with null when there is none. What is put into it has to be
    /// bounded by `change`.
    ///
    /// # Errors
    /// Those of `change`, which must leave the value alone then.
    pub(crate) fn update<T>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Value) -> Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        let is_new = self.get(name).is_none();
        let value = self.change().entry(name).or_insert(Value::Null);
        let result = change(value);
        match &result {
            Ok(_) => self.touch(name),
            Err(_) if is_new => {
                self.change().shift_remove(name);
            }
            Err(_) => {}
        }
        result
    }

    fn touch(&mut self, name: &str) {
        if !self.touched.contains(name) {
            self.touched.insert(name.to_owned());
        }
    }

    /// Removes one, and says whether it was there.
    pub(crate) fn delete(&mut self, name: &str) -> bool {
        if self.get(name).is_none() {
            return false;
        }
        self.change().shift_remove(name);
        self.touch(name);
        true
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.cleared = true;
        self.touched.clear();
        self.now = Some(Object::new());
    }

    /// The changes, one for each variable that was touched.
    pub(super) fn into_writes(self) -> Vec<VariableWrite> {
        let mut writes = Vec::with_capacity(self.touched.len() + 1);
        if self.cleared {
            writes.push(VariableWrite::Clear);
        }
        let mut now = self.now.unwrap_or_default();
        writes.extend(
            self.touched
                .into_iter()
                .filter_map(|name| match now.get_mut(&name) {
                    Some(value) => Some(VariableWrite::Set {
                        name,
                        value: value.take(),
                    }),
                    None if self.cleared => None,
                    None => Some(VariableWrite::Delete { name }),
                }),
        );
        writes
    }
}

/// Says whether a variable may have this name.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_variable_name(name: &str) -> Result<(), String> {
    super::check_key(name)?;
    if name.is_empty() {
        return Err("the name of a variable must not be empty".to_owned());
    }
    if name.len() > MAX_NAME {
        return Err(format!(
            "the name of a variable has at most {MAX_NAME} bytes"
        ));
    }
    Ok(())
}

/// A variable that has the wrong type for what is done with it.
pub(crate) fn wrong_variable(name: &str, expected: &str, found: &Value) -> NodeError {
    NodeError::permanent(
        ErrorCode::WRONG_TYPE,
        format!(
            "expected the variable `{name}` to be {expected}, it is {}",
            super::describe(found)
        ),
    )
}
