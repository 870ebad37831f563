//! Templates and the expression language inside them.
//!
//! A string such as `{{ $json.price * 2 }}` is compiled once, when a plan is made, and evaluated
//! for every item. The syntax is that of JavaScript's expressions; the meaning is JavaScript's
//! too, but that whole numbers are exact up to 64 bits, nothing can be changed, and nothing can be
//! reached but what [`Roots`] gives. `docs/expressions.md` says what an author can write.
//!
//! What it refuses to do: run statements, loops or functions of the author's that outlive a call;
//! look at the clock, the environment or chance by itself; follow prototypes. Every evaluation is
//! bounded in steps, depth and output ([`Limits`]), and no text, however hostile, makes it panic
//! or overflow the stack.

mod compile;
mod convert;
mod deferred;
mod duration;
mod error;
mod functions;
mod ir;
mod json;
mod machine;
mod member;
mod moment;
mod moment_text;
mod number;
mod operator;
mod options;
mod origin;
mod parameters;
mod references;
mod roots;
mod scan;
mod secrets;
mod template;
mod text;
mod tree;
mod value;

pub use deferred::Expression;
pub use error::{EvaluationError, ExpressionError, PlacedEvaluationError};
pub use functions::functions;
pub use options::{EvaluateOptions, Limits, MissingFields, Syntax};
pub use parameters::ParameterTemplate;
pub use references::References;
pub use roots::{NodeView, Roots, SecretError, StaticRoots};
pub use template::Template;
