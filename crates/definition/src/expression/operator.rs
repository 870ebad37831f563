//! The symbols of the language, as the scanner needs them.

/// The precedence of `<`, `in` and their like.
pub(super) const RELATIONAL: u8 = 8;
/// The precedence of `**`.
pub(super) const POWER: u8 = 12;

/// Operators by their text, longest first, with what they do.
pub(super) const OPERATORS: &[(&str, Operator)] = &[
    (">>>=", Operator::Assign),
    ("...", Operator::Spread),
    ("===", Operator::Binary(7)),
    ("!==", Operator::Binary(7)),
    ("**=", Operator::Assign),
    (">>>", Operator::Binary(9)),
    ("<<=", Operator::Assign),
    (">>=", Operator::Assign),
    ("&&=", Operator::Assign),
    ("||=", Operator::Assign),
    ("??=", Operator::Assign),
    ("=>", Operator::Arrow),
    ("==", Operator::Binary(7)),
    ("!=", Operator::Binary(7)),
    ("<=", Operator::Binary(RELATIONAL)),
    (">=", Operator::Binary(RELATIONAL)),
    ("&&", Operator::Binary(3)),
    ("||", Operator::Binary(2)),
    ("??", Operator::Binary(1)),
    ("**", Operator::Binary(POWER)),
    ("<<", Operator::Binary(9)),
    (">>", Operator::Binary(9)),
    ("++", Operator::Update),
    ("--", Operator::Update),
    ("+=", Operator::Assign),
    ("-=", Operator::Assign),
    ("*=", Operator::Assign),
    ("/=", Operator::Assign),
    ("%=", Operator::Assign),
    ("&=", Operator::Assign),
    ("|=", Operator::Assign),
    ("^=", Operator::Assign),
    ("=", Operator::Assign),
    ("!", Operator::Prefix),
    ("~", Operator::Prefix),
    ("+", Operator::Sign),
    ("-", Operator::Sign),
    ("*", Operator::Binary(11)),
    ("/", Operator::Binary(11)),
    ("%", Operator::Binary(11)),
    ("<", Operator::Binary(RELATIONAL)),
    (">", Operator::Binary(RELATIONAL)),
    ("&", Operator::Binary(6)),
    ("^", Operator::Binary(5)),
    ("|", Operator::Binary(4)),
];

/// What a symbol does. Binary operators have a precedence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Assign,
    Update,
    Spread,
    Arrow,
    Prefix,
    Sign,
    Binary(u8),
}
