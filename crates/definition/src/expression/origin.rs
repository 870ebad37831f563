//! The data that an expression begins with.

use std::borrow::Cow;
use std::rc::Rc;

use indexmap::IndexMap;
use jackfield_types::ErrorCode;

use super::error::Stop;
use super::functions::Outcome;
use super::ir::Root;
use super::machine::Machine;
use super::moment::Moment;
use super::roots::SecretError;
use super::value::{Map, Referred, Text, Val, View};

impl<'a> Machine<'a> {
    pub(super) fn root(&mut self, root: &'a Root) -> Outcome<'a> {
        let roots = self.roots;
        let object =
            |value: Option<&'a serde_json::Value>| Ok(value.map_or(Val::Undefined, Val::from));
        match root {
            Root::Json => Ok(roots
                .item()
                .map_or(Val::Undefined, |item| Val::Map(Map::Json(item.json())))),
            Root::Binary => match roots.binding("$binary") {
                Some(binary) => Ok(Val::from(binary)),
                None => self.map(IndexMap::new()),
            },
            Root::Input => Ok(Val::View(View::Input)),
            Root::ItemIndex => Ok(Val::count(roots.item_index())),
            Root::RunIndex => Ok(Val::count(roots.run_index())),
            Root::Context => object(roots.context()),
            Root::Workflow => object(roots.workflow()),
            Root::Execution => object(roots.execution()),
            Root::Variables => Ok(roots
                .variables()
                .map_or(Val::Undefined, |vars| Val::Map(Map::Json(vars)))),
            Root::Now => {
                let now = roots.now().to_zoned(roots.time_zone().clone());
                Ok(Val::Moment(Rc::new(Moment::luxon(now))))
            }
            Root::Today => {
                let now = roots.now().to_zoned(roots.time_zone().clone());
                let today = now
                    .start_of_day()
                    .map_err(|error| Stop::invalid(error.to_string()))?;
                Ok(Val::Moment(Rc::new(Moment::luxon(today))))
            }
            Root::Node(name) => Ok(self.node(name)),
            Root::NodeComputed(name) => {
                let name = self.eval(name)?;
                let name = self.text_of(&name)?;
                Ok(self.node(&name))
            }
            Root::Step(id) => Ok(self.step(id)),
            Root::StepComputed(id) => {
                let id = self.eval(id)?;
                let id = self.text_of(&id)?;
                Ok(self.step(&id))
            }
            Root::Environment(name) => Ok(self.environment(name)),
            Root::EnvironmentComputed(name) => {
                let name = self.eval(name)?;
                let name = self.text_of(&name)?;
                Ok(self.environment(&name))
            }
            Root::Secret(name) => self.secret(name),
        }
    }

    /// A name that the caller binds. Where nobody binds them, `$item` is the current item and
    /// `$index` its place.
    pub(super) fn binding(&mut self, name: &str) -> Outcome<'a> {
        if let Some(bound) = self.roots.binding(name) {
            return Ok(Val::from(bound));
        }
        match (name, self.roots.item()) {
            ("$item", Some(item)) => Ok(Val::Map(Map::Json(item.json()))),
            ("$index", Some(_)) => Ok(Val::count(self.roots.item_index())),
            _ => {
                let message = format!("there is no `{name}` here");
                Err(Stop::new(ErrorCode::EXPRESSION_REFERENCE, message))
            }
        }
    }

    fn node(&self, name: &str) -> Val<'a> {
        let view = self.roots.node(name);
        Val::View(View::Node(Rc::new(Referred {
            name: name.to_owned(),
            view,
        })))
    }

    fn step(&self, id: &str) -> Val<'a> {
        let view = self.roots.step(id);
        Val::View(View::Step(Rc::new(Referred {
            name: id.to_owned(),
            view,
        })))
    }

    fn secret(&self, name: &str) -> Outcome<'a> {
        match self.roots.secret(name) {
            Ok(Cow::Borrowed(text)) => Ok(Val::Text(Text::Borrowed(text))),
            Ok(Cow::Owned(text)) => Ok(Val::Text(Text::from(text))),
            Err(SecretError::Missing) => {
                let message = format!("there is no secret `{name}`");
                Err(Stop::new(ErrorCode::CREDENTIAL_MISSING, message))
            }
            Err(SecretError::Refused { rule }) => {
                let message = format!("the secret `{name}` may not be read: {rule}");
                Err(Stop::new(ErrorCode::TENANT_FORBIDDEN, message))
            }
            Err(SecretError::Unreadable { reason }) => {
                let message = format!("the secret `{name}` cannot be read: {reason}");
                Err(Stop::new(ErrorCode::CREDENTIAL_UNREADABLE, message))
            }
        }
    }

    fn environment(&self, name: &str) -> Val<'a> {
        self.roots
            .environment(name)
            .map_or(Val::Undefined, |text| Val::Text(Text::Borrowed(text)))
    }
}
