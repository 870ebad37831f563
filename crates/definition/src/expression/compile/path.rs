use oxc_ast::ast;
use oxc_span::GetSpan;

use super::root::{Base, Start};
use super::{Compiled, Compiler, Missing, function_value, range};
use crate::expression::error::ExpressionError;
use crate::expression::functions::{self, GlobalEntry};
use crate::expression::ir::{Callback, Element, Node, Path, Step, StepKind};

/// One link of a chain such as `a.b[c].d(e)`, as the parser gives it.
#[derive(Clone, Copy)]
pub(super) enum Link<'a, 'b> {
    Static(&'b ast::StaticMemberExpression<'a>),
    Computed(&'b ast::ComputedMemberExpression<'a>),
    Call(&'b ast::CallExpression<'a>),
}

impl<'a, 'b> Link<'a, 'b> {
    fn optional(self) -> bool {
        match self {
            Self::Static(member) => member.optional,
            Self::Computed(member) => member.optional,
            Self::Call(call) => call.optional,
        }
    }

    pub(super) fn span(self) -> std::ops::Range<usize> {
        match self {
            Self::Static(member) => range(member.span),
            Self::Computed(member) => range(member.span),
            Self::Call(call) => range(call.span),
        }
    }

    /// Where what stands before this link ends.
    fn object_end(self) -> usize {
        match self {
            Self::Static(member) => range(member.object.span()).end,
            Self::Computed(member) => range(member.object.span()).end,
            Self::Call(call) => range(call.callee.span()).end,
        }
    }

    /// The name that this link reads, if it is written out.
    pub(super) fn name(self) -> Option<String> {
        match self {
            Self::Static(member) => Some(member.property.name.to_string()),
            Self::Computed(member) => match member.expression.without_parentheses() {
                ast::Expression::StringLiteral(literal) => {
                    Some(super::literal::text(literal).into())
                }
                _ => None,
            },
            Self::Call(_) => None,
        }
    }

    pub(super) fn arguments(self) -> Option<&'b [ast::Argument<'a>]> {
        match self {
            Self::Call(call) => Some(&call.arguments),
            Self::Static(_) | Self::Computed(_) => None,
        }
    }
}

impl Compiler<'_> {
    /// Compiles a chain in a loop, so that its length is no depth.
    pub(super) fn path(&mut self, expression: &ast::Expression<'_>, missing: Missing) -> Compiled {
        let mut links = Vec::new();
        let mut cursor = expression;
        // `(a?.b).c` is another chain than `a?.b.c`: it ends at the parenthesis.
        let mut inside_chain = false;
        loop {
            match cursor {
                ast::Expression::StaticMemberExpression(member) => {
                    links.push(Link::Static(member));
                    cursor = &member.object;
                }
                ast::Expression::ComputedMemberExpression(member) => {
                    links.push(Link::Computed(member));
                    cursor = &member.object;
                }
                ast::Expression::CallExpression(call) => {
                    links.push(Link::Call(call));
                    cursor = &call.callee;
                }
                ast::Expression::ChainExpression(chain) if links.is_empty() && !inside_chain => {
                    inside_chain = true;
                    match &chain.expression {
                        ast::ChainElement::CallExpression(call) => {
                            links.push(Link::Call(call));
                            cursor = &call.callee;
                        }
                        ast::ChainElement::StaticMemberExpression(member) => {
                            links.push(Link::Static(member));
                            cursor = &member.object;
                        }
                        ast::ChainElement::ComputedMemberExpression(member) => {
                            links.push(Link::Computed(member));
                            cursor = &member.object;
                        }
                        _ => {
                            let span = range(chain.span);
                            return Err(ExpressionError::unsupported(span, "this syntax"));
                        }
                    }
                }
                _ => break,
            }
        }
        links.reverse();
        let start = range(cursor.span()).start;
        let Base { start: base, used } = self.base(cursor, &links)?;
        let node = match base {
            Start::Node(node) => node,
            Start::Call(function, arguments) => self.global_call(function, arguments)?,
            Start::Other(expression) => self.expression(expression, Missing::Judged)?,
        };
        let steps = self.steps(&links[used..], start, missing)?;
        if steps.is_empty() {
            return Ok(node);
        }
        Ok(Node::Path(Box::new(Path { base: node, steps })))
    }

    fn steps(
        &mut self,
        links: &[Link<'_, '_>],
        start: usize,
        missing: Missing,
    ) -> Compiled<Box<[Step]>> {
        let mut steps: Vec<Step> = Vec::with_capacity(links.len());
        let mut rest = links.iter().copied().peekable();
        while let Some(link) = rest.next() {
            let mut path = start..link.span().end;
            let mut optional = link.optional();
            let kind = match (link, rest.peek().and_then(|next| next.arguments())) {
                (Link::Call(_), _) => return Err(function_call(link)),
                (_, Some(arguments)) => {
                    let Some(name) = link.name() else {
                        return Err(function_call(link));
                    };
                    // `a.b?.()` asks whether the method is there; the tables know that.
                    optional |= rest.next().is_some_and(Link::optional);
                    let Some(method) = functions::method(&name) else {
                        return Err(unknown_method(link, &name));
                    };
                    let arguments = self.arguments(arguments, |place| {
                        place == 0 && functions::takes_function(&name)
                    })?;
                    // What may be missing is the value that has the method.
                    path.end = link.object_end();
                    StepKind::Call(Box::new(method), arguments)
                }
                (Link::Static(member), None) => {
                    StepKind::Member(member.property.name.as_str().into())
                }
                (Link::Computed(member), None) => match link.name() {
                    Some(name) => StepKind::Member(name.into()),
                    None => StepKind::Index(self.expression(&member.expression, Missing::Judged)?),
                },
            };
            let tolerant = optional || missing == Missing::Tolerated;
            if let (true, Some(before)) = (optional, steps.last_mut()) {
                before.tolerant = true;
            }
            steps.push(Step {
                kind,
                optional,
                tolerant,
                path,
            });
        }
        Ok(steps.into())
    }

    /// Compiles arguments; at places that `takes_function` names, a function may stand.
    pub(super) fn arguments(
        &mut self,
        arguments: &[ast::Argument<'_>],
        takes_function: impl Fn(usize) -> bool,
    ) -> Compiled<Box<[Element]>> {
        let mut compiled = Vec::with_capacity(arguments.len());
        for (place, argument) in arguments.iter().enumerate() {
            let element = match argument {
                ast::Argument::SpreadElement(spread) => {
                    Element::Spread(self.expression(&spread.argument, Missing::Judged)?)
                }
                _ => {
                    let Some(expression) = argument.as_expression() else {
                        let span = range(argument.span());
                        return Err(ExpressionError::unsupported(span, "this argument"));
                    };
                    let callback = if takes_function(place) {
                        self.callback(expression)?
                    } else {
                        None
                    };
                    Element::One(match callback {
                        Some(callback) => Node::Function(Box::new(callback)),
                        None => self.expression(expression, Missing::Judged)?,
                    })
                }
            };
            compiled.push(element);
        }
        Ok(compiled.into())
    }

    /// An arrow function, or the name of a function such as `Boolean` or `Math.round`.
    fn callback(&mut self, expression: &ast::Expression<'_>) -> Compiled<Option<Callback>> {
        Ok(match expression.without_parentheses() {
            ast::Expression::ArrowFunctionExpression(arrow) => {
                Some(Callback::Arrow(self.arrow(arrow)?))
            }
            ast::Expression::Identifier(name) if self.slot(&name.name).is_none() => {
                functions::global(&name.name).map(Callback::Global)
            }
            ast::Expression::StaticMemberExpression(member) => match &member.object {
                ast::Expression::Identifier(namespace) if self.slot(&namespace.name).is_none() => {
                    let name = format!("{}.{}", namespace.name, member.property.name);
                    functions::global(&name).map(Callback::Global)
                }
                _ => None,
            },
            _ => None,
        })
    }

    pub(super) fn global_call(
        &mut self,
        function: &'static GlobalEntry,
        arguments: &[ast::Argument<'_>],
    ) -> Compiled {
        let from = function.name == "Array.from";
        let arguments = self.arguments(arguments, |place| from && place == 1)?;
        Ok(Node::Call {
            function,
            arguments,
        })
    }
}

fn function_call(link: Link<'_, '_>) -> ExpressionError {
    match link {
        Link::Call(call)
            if matches!(
                call.callee.without_parentheses(),
                ast::Expression::ArrowFunctionExpression(_)
            ) =>
        {
            function_value(range(call.span))
        }
        Link::Call(_) | Link::Static(_) | Link::Computed(_) => {
            ExpressionError::unsupported(link.span(), "a call of a computed function")
        }
    }
}

fn unknown_method(link: Link<'_, '_>, name: &str) -> ExpressionError {
    let mut error = ExpressionError::unsupported(link.span(), "an unknown method");
    error.message = format!("there is no method `{name}`");
    let way_out = match name {
        "push" | "unshift" => Some("lists are never changed; write `[...list, value]`".to_owned()),
        "pop" | "shift" | "splice" | "fill" | "copyWithin" => {
            Some("lists are never changed; use `slice` or `filter`".to_owned())
        }
        "match" | "matchAll" | "search" | "test" | "exec" => Some(
            "regular expressions are not evaluated natively; use `includes`, `split` or `indexOf`"
                .to_owned(),
        ),
        "forEach" => Some("use `map`, which gives its results".to_owned()),
        _ => super::names::nearest(name, functions::method_names())
            .map(|near| format!("did you mean `{near}`?")),
    };
    match way_out {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
