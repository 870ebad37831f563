use oxc_ast::ast;
use oxc_span::GetSpan;

use super::names::{FOREIGN, NAMESPACES, ROOTS, nearest};
use super::path::Link;
use super::{BINDINGS, Compiled, Compiler, Missing, function_value, range};
use crate::expression::error::ExpressionError;
use crate::expression::functions::{self, GlobalEntry};
use crate::expression::ir::{Node, Root};

/// What a chain begins with, and how many of its links that takes.
pub(super) struct Base<'a, 'b> {
    pub(super) start: Start<'a, 'b>,
    pub(super) used: usize,
}

/// A value, or something that the caller has yet to compile: this keeps recursion out of the
/// large functions here, and so the stack small.
pub(super) enum Start<'a, 'b> {
    Node(Node),
    Call(&'static GlobalEntry, &'b [ast::Argument<'a>]),
    Other(&'b ast::Expression<'a>),
}

impl Base<'_, '_> {
    fn node(node: Node, used: usize) -> Self {
        Self {
            start: Start::Node(node),
            used,
        }
    }
}

impl From<Root> for Base<'_, '_> {
    fn from(root: Root) -> Self {
        Self::node(Node::Root(root), 0)
    }
}

type Links<'a, 'b, 'l> = &'l [Link<'a, 'b>];

impl Compiler<'_> {
    pub(super) fn base<'a, 'b>(
        &mut self,
        expression: &'b ast::Expression<'a>,
        links: Links<'a, 'b, '_>,
    ) -> Compiled<Base<'a, 'b>> {
        match expression {
            ast::Expression::Identifier(identifier) => {
                self.identifier(&identifier.name, range(identifier.span), links)
            }
            ast::Expression::NewExpression(new) => {
                let date = matches!(&new.callee, ast::Expression::Identifier(name)
                    if name.name == "Date" && self.slot("Date").is_none());
                let Some(function) = functions::global("new Date").filter(|_| date) else {
                    return Err(ExpressionError::unsupported(range(new.span), "`new`")
                        .with_hint("only `new Date(…)` is known"));
                };
                Ok(Base {
                    start: Start::Call(function, &new.arguments),
                    used: 0,
                })
            }
            ast::Expression::ArrowFunctionExpression(arrow) => {
                Err(function_value(range(arrow.span)))
            }
            other if links.is_empty() && !matches!(other, ast::Expression::ChainExpression(_)) => {
                // Nothing is left but what the caller came from; that cannot be, and would loop.
                Err(ExpressionError::unsupported(
                    0..self.source.len(),
                    "this syntax",
                ))
            }
            other => Ok(Base {
                start: Start::Other(other),
                used: 0,
            }),
        }
    }

    fn identifier<'a, 'b>(
        &mut self,
        name: &str,
        span: std::ops::Range<usize>,
        links: Links<'a, 'b, '_>,
    ) -> Compiled<Base<'a, 'b>> {
        if let Some(slot) = self.slot(name) {
            return Ok(Base::node(Node::Slot(slot), 0));
        }
        let first = links.first().copied();
        let next_name = first.and_then(Link::name);
        Ok(match name {
            "undefined" => Base::node(Node::Undefined, 0),
            "NaN" => Base::node(Node::Float(f64::NAN), 0),
            "Infinity" => Base::node(Node::Float(f64::INFINITY), 0),
            "$json" => self.per_item(Root::Json),
            "$binary" => self.per_item(Root::Binary),
            "$itemIndex" => self.per_item(Root::ItemIndex),
            "$runIndex" => Root::RunIndex.into(),
            "$context" => Root::Context.into(),
            "$execution" => Root::Execution.into(),
            "$now" => Root::Now.into(),
            "$today" => Root::Today.into(),
            "$vars" => self.variables(0),
            "$workflow" if next_name.as_deref() == Some("variables") => self.variables(1),
            "$workflow" => Root::Workflow.into(),
            "$input" => {
                self.references.per_item |= !reads_whole(next_name.as_deref());
                Root::Input.into()
            }
            "$" => match first.and_then(Link::arguments) {
                Some([argument]) => self.node_reference(argument, links)?,
                _ => {
                    return Err(
                        ExpressionError::syntax(span, "`$` takes the name of a node")
                            .with_hint("write `$('Node')`"),
                    );
                }
            },
            "$node" | "$steps" | "$env" | "$secrets" => self.table(name, span, links)?,
            _ if BINDINGS.contains(&name) || self.bindings.contains(&name) => {
                if let Some(Link::Call(_)) = first {
                    return Err(ExpressionError::unsupported(span, "a call of a value"));
                }
                self.references.bindings.insert(name.to_owned());
                Base::node(Node::Binding(name.into()), 0)
            }
            _ if NAMESPACES.contains(&name) => self.namespace(name, span, links)?,
            _ => match (functions::global(name), first.and_then(Link::arguments)) {
                (Some(function), Some(arguments)) => Base {
                    start: Start::Call(function, arguments),
                    used: 1,
                },
                (Some(_), None) => return Err(function_value(span)),
                (None, _) => return Err(self.unknown(name, span)),
            },
        })
    }

    fn per_item<'a, 'b>(&mut self, root: Root) -> Base<'a, 'b> {
        self.references.per_item = true;
        root.into()
    }

    fn variables<'a, 'b>(&mut self, used: usize) -> Base<'a, 'b> {
        self.references.variables = true;
        Base::node(Node::Root(Root::Variables), used)
    }

    /// `$('Node')`, with a name that is constant or computed.
    fn node_reference<'a, 'b>(
        &mut self,
        argument: &'b ast::Argument<'a>,
        links: Links<'a, 'b, '_>,
    ) -> Compiled<Base<'a, 'b>> {
        let next = links.get(1).and_then(|link| link.name());
        self.references.per_item |= !reads_whole(next.as_deref());
        let root = match argument
            .as_expression()
            .map(ast::Expression::without_parentheses)
        {
            Some(ast::Expression::StringLiteral(literal)) => {
                let name = super::literal::text(literal);
                self.references.nodes.insert(name.clone().into());
                Root::Node(name)
            }
            Some(ast::Expression::TemplateLiteral(template))
                if template.is_no_substitution_template() =>
            {
                let name: Box<str> = template
                    .single_quasi()
                    .map_or("", |text| text.as_str())
                    .into();
                self.references.nodes.insert(name.clone().into());
                Root::Node(name)
            }
            Some(expression) => {
                self.references.computed_node = true;
                Root::NodeComputed(Box::new(self.expression(expression, Missing::Judged)?))
            }
            None => {
                let span = links.first().map_or(0..0, |link| link.span());
                return Err(ExpressionError::syntax(
                    span,
                    "`$` takes the name of a node",
                ));
            }
        };
        Ok(Base::node(Node::Root(root), 1))
    }

    /// `$node[…]`, `$steps[…]`, `$env[…]`, `$secrets[…]`.
    fn table<'a, 'b>(
        &mut self,
        table: &str,
        span: std::ops::Range<usize>,
        links: Links<'a, 'b, '_>,
    ) -> Compiled<Base<'a, 'b>> {
        let computed = match links.first() {
            Some(Link::Computed(member)) => Some(&member.expression),
            Some(Link::Static(_)) => None,
            Some(Link::Call(_)) | None => {
                let message = format!("`{table}` needs the name of what is meant");
                return Err(ExpressionError::syntax(span, message)
                    .with_hint(format!("write `{table}[\"name\"]`")));
            }
        };
        let name = links.first().and_then(|link| link.name());
        let next = links.get(1).and_then(|link| link.name());
        let root = match (table, name, computed) {
            ("$node", Some(name), _) => {
                self.references.per_item |= !reads_whole(next.as_deref());
                self.references.nodes.insert(name.clone());
                Root::Node(name.into())
            }
            ("$steps", Some(name), _) => {
                self.references.steps.insert(name.clone());
                Root::Step(name.into())
            }
            ("$secrets", Some(name), _) => {
                self.references.secrets.insert(name.clone());
                Root::Secret(name.into())
            }
            (_, Some(name), _) => {
                self.references.environment.insert(name.clone());
                Root::Environment(name.into())
            }
            // Which secrets a workflow reads must be plain to see before it runs.
            ("$secrets", None, Some(expression)) => {
                let message = "the name of a secret cannot be computed";
                let span = range(expression.span());
                return Err(ExpressionError::syntax(span, message)
                    .with_hint("write the name out: `$secrets.NAME` or `$secrets[\"name\"]`"));
            }
            (table, None, Some(expression)) => {
                let key = Box::new(self.expression(expression, Missing::Judged)?);
                match table {
                    "$node" => {
                        self.references.per_item = true;
                        self.references.computed_node = true;
                        Root::NodeComputed(key)
                    }
                    "$steps" => {
                        self.references.computed_node = true;
                        Root::StepComputed(key)
                    }
                    _ => {
                        self.references.computed_environment = true;
                        Root::EnvironmentComputed(key)
                    }
                }
            }
            (_, None, None) => return Err(self.unknown(table, span)),
        };
        Ok(Base::node(Node::Root(root), 1))
    }

    /// `Math.max(…)`, `Number.MAX_SAFE_INTEGER`, `String(…)`.
    fn namespace<'a, 'b>(
        &mut self,
        namespace: &str,
        span: std::ops::Range<usize>,
        links: Links<'a, 'b, '_>,
    ) -> Compiled<Base<'a, 'b>> {
        let Some(&first) = links.first() else {
            return Err(function_value(span));
        };
        if let Some(arguments) = first.arguments() {
            let Some(function) = functions::global(namespace) else {
                return Err(ExpressionError::unsupported(first.span(), "this call")
                    .with_hint(format!("`{namespace}` is no function; it holds functions")));
            };
            return Ok(Base {
                start: Start::Call(function, arguments),
                used: 1,
            });
        }
        let name = format!("{namespace}.{}", first.name().unwrap_or_default());
        let arguments = links.get(1).and_then(|link| link.arguments());
        if let Some(number) = functions::constant(&name) {
            let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_991.0;
            let node = if exact {
                Node::Integer(number as i128)
            } else {
                Node::Float(number)
            };
            return Ok(Base::node(node, 1));
        }
        match (functions::global(&name), arguments) {
            (Some(function), Some(arguments)) => Ok(Base {
                start: Start::Call(function, arguments),
                used: 2,
            }),
            (Some(_), None) => Err(function_value(first.span())),
            (None, _) => {
                let mut error = ExpressionError::unsupported(first.span(), "an unknown function");
                error.message = format!("there is no `{name}`");
                Err(match (name.as_str(), nearest(&name, functions::global_names())) {
                    ("Math.random", _) => error.with_hint(
                        "expressions give the same result each time; use the node `math.random`",
                    ),
                    (_, Some(near)) => error.with_hint(format!("did you mean `{near}`?")),
                    (_, None) => error,
                })
            }
        }
    }

    fn unknown(&self, name: &str, span: std::ops::Range<usize>) -> ExpressionError {
        if let Some((_, hint)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
            let mut error = ExpressionError::unsupported(span, "a root of n8n alone");
            error.message = format!("`{name}` is not available");
            return error.with_hint(*hint);
        }
        let error = ExpressionError::syntax(span, format!("there is no `{name}` in expressions"));
        let functions = functions::global_names().filter(|known| !known.contains(['.', ' ']));
        let fixed = ROOTS
            .iter()
            .chain(BINDINGS)
            .chain(NAMESPACES)
            .copied()
            .chain(functions);
        let own = self
            .bindings
            .iter()
            .copied()
            .chain(self.scope.iter().map(String::as_str));
        let near = nearest(name, own).or_else(|| nearest(name, fixed));
        match near {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None if !name.starts_with('$') => error.with_hint(format!(
                "fields of the current item are reached by `$json.{name}`"
            )),
            None => error,
        }
    }
}

/// Whether what follows a node or `$input` reads it as a whole, whatever the current item is.
fn reads_whole(next: Option<&str>) -> bool {
    matches!(
        next,
        Some("all" | "first" | "last" | "isExecuted" | "status")
    )
}
