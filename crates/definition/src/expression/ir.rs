//! What an expression is compiled into: a tree that owns its names and knows its functions.

use std::ops::Range;

use super::functions::{GlobalEntry, Method};

/// An expression, ready to be evaluated.
#[derive(Debug)]
pub(super) enum Node {
    Undefined,
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(Box<str>),
    Root(Root),
    /// A value that the caller binds, by its name with `$`.
    Binding(Box<str>),
    /// A parameter of an arrow function around this place.
    Slot(usize),
    Path(Box<Path>),
    /// A function that stands by itself, and the place of its name.
    Call {
        function: &'static GlobalEntry,
        arguments: Box<[Element]>,
    },
    Unary(Unary, Box<Node>),
    /// Operators that group to the left, in one list: `a + b * c - d` is `a`, `+ (b * c)`, `- d`.
    Fold(Box<Node>, Box<[(Binary, Node)]>),
    /// `&&`, `||` and `??` in one list.
    Logic(Box<Node>, Box<[(Logic, Node)]>),
    /// `a ? b : c ? d : e`: conditions with their values, and what is left.
    Choice(Box<[(Node, Node)]>, Box<Node>),
    /// Texts, each but the last followed by a value.
    Template(Box<[Box<str>]>, Box<[Node]>),
    Array(Box<[Element]>),
    Object(Box<[Field]>),
    /// Only where a function takes one.
    Function(Box<Callback>),
}

/// Data that an expression begins with.
#[derive(Debug)]
pub(super) enum Root {
    Json,
    Binary,
    Input,
    ItemIndex,
    RunIndex,
    Context,
    Workflow,
    Execution,
    Variables,
    Now,
    Today,
    Node(Box<str>),
    NodeComputed(Box<Node>),
    Step(Box<str>),
    StepComputed(Box<Node>),
    Environment(Box<str>),
    EnvironmentComputed(Box<Node>),
    Secret(Box<str>),
}

/// A value, and what is read of it, step by step.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) base: Node,
    pub(super) steps: Box<[Step]>,
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) kind: StepKind,
    /// Whether `?.` leads here.
    pub(super) optional: bool,
    /// Whether the expression says that this may be missing.
    pub(super) tolerant: bool,
    /// The path up to here, in the source of the expression.
    pub(super) path: Range<usize>,
}

#[derive(Debug)]
pub(super) enum StepKind {
    Member(Box<str>),
    Index(Node),
    Call(Box<Method>, Box<[Element]>),
}

#[derive(Debug)]
pub(super) enum Element {
    One(Node),
    Spread(Node),
}

#[derive(Debug)]
pub(super) enum Field {
    Named(Box<str>, Node),
    Computed(Node, Node),
    Spread(Node),
}

/// What is called for each element.
#[derive(Debug)]
pub(super) enum Callback {
    Arrow(Arrow),
    Global(&'static GlobalEntry),
}

#[derive(Debug)]
pub(super) struct Arrow {
    /// How many slots are in use outside.
    pub(super) base: usize,
    pub(super) parameters: Box<[Pattern]>,
    pub(super) body: Node,
}

/// Where an argument goes. Slots are filled in the order in which names are written.
#[derive(Debug)]
pub(super) enum Pattern {
    Slot,
    Nothing,
    Object(Box<[(Box<str>, Pattern)]>),
    Array(Box<[Pattern]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Plus,
    Minus,
    Not,
    BitNot,
    TypeOf,
    Void,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Same,
    NotSame,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    ShiftLeft,
    ShiftRight,
    ShiftRightUnsigned,
    BitAnd,
    BitOr,
    BitXor,
    In,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logic {
    And,
    Or,
    Coalesce,
}
