//! What the function families share: one table a family, one executor for all.
//!
//! A [`Family`] is a list of [`Function`]s. A function says its name, its parameters and its
//! examples, and points at the code; metadata, parameter schema, checks and documentation are
//! derived from that. [`FunctionNode`] is the executor: for every input item it resolves the
//! parameters, checks them, calls the function, bounds what came out and makes one item
//! `{"result": …}` of it.
//!
//! Functions are strict: a value of the wrong type is an error that says how to convert it.

mod arguments;
mod checks;
mod function;
mod keys;
mod limits;
mod node;
mod number;
mod parameter;
mod value;
mod variables;

pub(crate) use arguments::Arguments;
pub(crate) use function::{Family, Function};
pub(crate) use keys::{check_key, path_error};
pub(crate) use limits::{
    BoundedText, MAX_DEPTH, MAX_LIST, MAX_TEXT, check_call, check_list, check_text, exceeded,
    measure,
};
pub(crate) use number::{Number, number_error};
pub(crate) use parameter::{Kind, Parameter, defaulted, optional, required};
pub(crate) use value::{collation, describe, display_text, slice_bounds, type_name};
pub(crate) use variables::{Variables, check_variable_name, wrong_variable};
