//! Turns the parser's syntax tree into [`Node`]s, and says what cannot be.

mod literal;
mod names;
mod path;
mod root;

use std::ops::Range;

use oxc_allocator::Allocator;
use oxc_ast::ast;
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType, Span};
use oxc_syntax::operator::{BinaryOperator, LogicalOperator, UnaryOperator};

use super::error::ExpressionError;
use super::ir::{Binary, Logic, Node, Unary};
use super::references::References;

/// Names that a caller may bind without being asked.
pub(super) const BINDINGS: &[&str] = &[
    "$item",
    "$index",
    "$acc",
    "$key",
    "$value",
    "$response",
    "$page",
    "$round",
];

/// Names that reach nothing.
pub(super) fn is_forbidden(name: &str) -> bool {
    matches!(name, "__proto__" | "constructor" | "prototype")
}

/// Compiles an expression that the scanner has let pass. Spans are bytes of `source`.
pub(super) fn compile(
    source: &str,
    bindings: &[&str],
) -> Result<(Node, References), ExpressionError> {
    let code = source.trim_end();
    let code = code.strip_suffix(';').unwrap_or(code);
    if code.trim().is_empty() {
        return Err(
            ExpressionError::syntax(0..source.len(), "the expression is empty")
                .with_hint("write an expression between the braces, or leave them out"),
        );
    }
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, code, SourceType::mjs()).parse_expression();
    let expression = parsed.map_err(|diagnostics| {
        let first = diagnostics.errors().next();
        let place = first
            .and_then(|error| error.labels.first())
            .map_or(0..code.len(), |label| {
                let start = (label.offset() as usize).min(code.len());
                start..start.saturating_add(label.len() as usize).min(code.len())
            });
        let message = first.map_or("the parser does not say why", |error| &error.message);
        syntax_error(message, place)
    })?;
    let mut compiler = Compiler {
        source,
        bindings,
        scope: Vec::new(),
        references: References::default(),
    };
    let node = compiler.expression(&expression, Missing::Judged)?;
    Ok((node, compiler.references))
}

fn syntax_error(message: &str, span: Range<usize>) -> ExpressionError {
    let mut letters = message.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let message: String = first.into_iter().chain(letters).collect();
    ExpressionError::syntax(span, format!("the expression cannot be read: {message}"))
}

/// Whether strict mode minds that something is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Judged,
    Tolerated,
}

struct Compiler<'s> {
    source: &'s str,
    bindings: &'s [&'s str],
    /// The names of the parameters of the arrow functions around, innermost last. A pattern's
    /// place without a name is an empty one.
    scope: Vec<String>,
    references: References,
}

type Compiled<T = Node> = Result<T, ExpressionError>;

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

impl Compiler<'_> {
    fn expression(&mut self, expression: &ast::Expression<'_>, missing: Missing) -> Compiled {
        use ast::Expression as E;
        let span = range(expression.span());
        match expression {
            E::BooleanLiteral(literal) => Ok(Node::Bool(literal.value)),
            E::NullLiteral(_) => Ok(Node::Null),
            E::NumericLiteral(literal) => Ok(self.number(literal)),
            E::StringLiteral(literal) => Ok(Node::Text(literal::text(literal))),
            E::TemplateLiteral(template) => self.template(template),
            E::ArrayExpression(array) => self.array(array),
            E::ObjectExpression(object) => self.object(object),
            E::ParenthesizedExpression(inner) => self.expression(&inner.expression, missing),
            E::UnaryExpression(unary) => self.unary(unary),
            E::BinaryExpression(_) => self.fold(expression),
            E::LogicalExpression(_) => self.logic(expression, missing),
            E::ConditionalExpression(_) => self.choice(expression, missing),
            E::Identifier(_)
            | E::CallExpression(_)
            | E::ChainExpression(_)
            | E::StaticMemberExpression(_)
            | E::ComputedMemberExpression(_)
            | E::NewExpression(_) => self.path(expression, missing),
            E::ArrowFunctionExpression(_) => Err(function_value(span)),
            E::BigIntLiteral(_) => Err(ExpressionError::unsupported(span, "a BigInt literal")
                .with_hint("write it without `n`: whole numbers are exact up to 64 bits")),
            E::RegExpLiteral(_) => Err(ExpressionError::unsupported(span, "a regular expression")),
            E::AssignmentExpression(_) => Err(ExpressionError::unsupported(span, "an assignment")
                .with_hint("nothing can be changed; write `===` to compare")),
            E::UpdateExpression(_) => Err(ExpressionError::unsupported(
                span,
                "an increment or decrement",
            )),
            E::AwaitExpression(_) => Err(ExpressionError::unsupported(span, "`await`")),
            E::YieldExpression(_) => Err(ExpressionError::unsupported(span, "`yield`")),
            E::ThisExpression(_) => Err(ExpressionError::unsupported(span, "`this`")),
            E::Super(_) => Err(ExpressionError::unsupported(span, "`super`")),
            E::ClassExpression(_) => Err(ExpressionError::unsupported(span, "a class")),
            E::FunctionExpression(_) => Err(ExpressionError::unsupported(span, "a function")),
            E::ImportExpression(_) | E::ImportMeta(_) => {
                Err(ExpressionError::unsupported(span, "an import"))
            }
            E::SequenceExpression(_) => Err(ExpressionError::unsupported(
                span,
                "a comma between expressions",
            )),
            E::TaggedTemplateExpression(_) => {
                Err(ExpressionError::unsupported(span, "a tagged template"))
            }
            _ => Err(ExpressionError::unsupported(span, "this syntax")),
        }
    }

    fn unary(&mut self, unary: &ast::UnaryExpression<'_>) -> Compiled {
        let (operator, missing) = match unary.operator {
            UnaryOperator::UnaryPlus => (Unary::Plus, Missing::Judged),
            UnaryOperator::UnaryNegation => (Unary::Minus, Missing::Judged),
            UnaryOperator::LogicalNot => (Unary::Not, Missing::Judged),
            UnaryOperator::BitwiseNot => (Unary::BitNot, Missing::Judged),
            UnaryOperator::Typeof => (Unary::TypeOf, Missing::Tolerated),
            UnaryOperator::Void => (Unary::Void, Missing::Judged),
            UnaryOperator::Delete => {
                return Err(ExpressionError::unsupported(range(unary.span), "`delete`")
                    .with_hint("nothing can be changed; use `Object.fromEntries` or a node"));
            }
        };
        Ok(Node::Unary(
            operator,
            Box::new(self.expression(&unary.argument, missing)?),
        ))
    }

    /// Walks down the left sides in a loop, so that a long sum is no deep recursion.
    fn fold(&mut self, expression: &ast::Expression<'_>) -> Compiled {
        let mut links = Vec::new();
        let mut cursor = expression;
        while let ast::Expression::BinaryExpression(binary) = cursor.without_parentheses() {
            links.push(binary);
            cursor = &binary.left;
        }
        let mut rest = Vec::with_capacity(links.len());
        let mut first_missing = Missing::Judged;
        for binary in links.iter().rev() {
            let operator = binary_operator(binary.operator).ok_or_else(|| {
                ExpressionError::unsupported(range(binary.span), "`instanceof`")
                    .with_hint("use `typeof` or `Array.isArray`")
            })?;
            let missing = if operator == Binary::In {
                Missing::Tolerated
            } else {
                Missing::Judged
            };
            if rest.is_empty() {
                first_missing = missing;
            }
            rest.push((operator, self.expression(&binary.right, missing)?));
        }
        let first = self.expression(cursor, first_missing)?;
        Ok(Node::Fold(Box::new(first), rest.into()))
    }

    fn logic(&mut self, expression: &ast::Expression<'_>, missing: Missing) -> Compiled {
        let mut links = Vec::new();
        let mut cursor = expression;
        while let ast::Expression::LogicalExpression(logical) = cursor.without_parentheses() {
            links.push(logical);
            cursor = &logical.left;
        }
        links.reverse();
        let mut rest: Vec<(Logic, Node)> = Vec::with_capacity(links.len());
        // What stands directly before `??` may be missing.
        let judge = |next: Option<LogicalOperator>| match next {
            Some(LogicalOperator::Coalesce) => Missing::Tolerated,
            Some(LogicalOperator::And | LogicalOperator::Or) => Missing::Judged,
            None => missing,
        };
        let first = self.expression(cursor, judge(links.first().map(|link| link.operator)))?;
        for (index, logical) in links.iter().enumerate() {
            let operator = match logical.operator {
                LogicalOperator::And => Logic::And,
                LogicalOperator::Or => Logic::Or,
                LogicalOperator::Coalesce => Logic::Coalesce,
            };
            let next = links.get(index + 1).map(|link| link.operator);
            rest.push((operator, self.expression(&logical.right, judge(next))?));
        }
        Ok(Node::Logic(Box::new(first), rest.into()))
    }

    fn choice(&mut self, expression: &ast::Expression<'_>, missing: Missing) -> Compiled {
        let mut arms = Vec::new();
        let mut cursor = expression;
        while let ast::Expression::ConditionalExpression(choice) = cursor.without_parentheses() {
            let test = self.expression(&choice.test, Missing::Judged)?;
            arms.push((test, self.expression(&choice.consequent, missing)?));
            cursor = &choice.alternate;
        }
        let otherwise = self.expression(cursor, missing)?;
        Ok(Node::Choice(arms.into(), Box::new(otherwise)))
    }

    fn slot(&self, name: &str) -> Option<usize> {
        self.scope.iter().rposition(|known| known == name)
    }
}

fn function_value(span: Range<usize>) -> ExpressionError {
    ExpressionError::unsupported(span, "a function as a value")
        .with_hint("functions may only be given to methods of lists, such as `map` and `filter`")
}

fn binary_operator(operator: BinaryOperator) -> Option<Binary> {
    Some(match operator {
        BinaryOperator::Addition => Binary::Add,
        BinaryOperator::Subtraction => Binary::Subtract,
        BinaryOperator::Multiplication => Binary::Multiply,
        BinaryOperator::Division => Binary::Divide,
        BinaryOperator::Remainder => Binary::Remainder,
        BinaryOperator::Exponential => Binary::Power,
        BinaryOperator::Equality => Binary::Equal,
        BinaryOperator::Inequality => Binary::NotEqual,
        BinaryOperator::StrictEquality => Binary::Same,
        BinaryOperator::StrictInequality => Binary::NotSame,
        BinaryOperator::LessThan => Binary::Less,
        BinaryOperator::LessEqualThan => Binary::LessEqual,
        BinaryOperator::GreaterThan => Binary::Greater,
        BinaryOperator::GreaterEqualThan => Binary::GreaterEqual,
        BinaryOperator::ShiftLeft => Binary::ShiftLeft,
        BinaryOperator::ShiftRight => Binary::ShiftRight,
        BinaryOperator::ShiftRightZeroFill => Binary::ShiftRightUnsigned,
        BinaryOperator::BitwiseAnd => Binary::BitAnd,
        BinaryOperator::BitwiseOR => Binary::BitOr,
        BinaryOperator::BitwiseXOR => Binary::BitXor,
        BinaryOperator::In => Binary::In,
        BinaryOperator::Instanceof => return None,
    })
}
