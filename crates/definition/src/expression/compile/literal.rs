use oxc_ast::ast;
use oxc_span::GetSpan;
use oxc_syntax::number::NumberBase;

use super::{Compiled, Compiler, Missing, is_forbidden, range};
use crate::expression::error::ExpressionError;
use crate::expression::ir::{Arrow, Element, Field, Node, Pattern};

/// The most slots that arrow functions may use together.
const MAX_SLOTS: usize = 256;

/// A text, with lone surrogates (which Rust's text cannot hold) as U+FFFD.
pub(super) fn text(literal: &ast::StringLiteral<'_>) -> Box<str> {
    plain(&literal.value, literal.lone_surrogates)
}

/// The parser writes a lone surrogate, and U+FFFD itself, as U+FFFD and four hexadecimal digits.
fn plain(text: &str, lone_surrogates: bool) -> Box<str> {
    if !lone_surrogates {
        return text.into();
    }
    let mut pieces = text.split('\u{fffd}');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push('\u{fffd}');
        plain.push_str(piece.get(4..).unwrap_or_default());
    }
    plain.into()
}

impl Compiler<'_> {
    pub(super) fn number(&self, literal: &ast::NumericLiteral<'_>) -> Node {
        let raw = literal.raw.as_ref().map_or("", |raw| raw.as_str());
        if literal.base == NumberBase::Decimal
            && let Ok(exact) = raw.replace('_', "").parse::<u64>()
        {
            return Node::Integer(i128::from(exact));
        }
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if literal.value.fract() == 0.0 && literal.value.abs() <= EXACT {
            return Node::Integer(literal.value as i128);
        }
        Node::Float(literal.value)
    }

    pub(super) fn template(&mut self, template: &ast::TemplateLiteral<'_>) -> Compiled {
        let mut texts = Vec::with_capacity(template.quasis.len());
        for quasi in &template.quasis {
            let Some(cooked) = &quasi.value.cooked else {
                let message = "the template literal has an escape that means nothing";
                return Err(ExpressionError::syntax(range(quasi.span), message));
            };
            texts.push(plain(cooked, quasi.lone_surrogates));
        }
        let mut values = Vec::with_capacity(template.expressions.len());
        for expression in &template.expressions {
            values.push(self.expression(expression, Missing::Judged)?);
        }
        Ok(Node::Template(texts.into(), values.into()))
    }

    pub(super) fn array(&mut self, array: &ast::ArrayExpression<'_>) -> Compiled {
        let mut elements = Vec::with_capacity(array.elements.len());
        for element in &array.elements {
            elements.push(match element {
                ast::ArrayExpressionElement::SpreadElement(spread) => {
                    Element::Spread(self.expression(&spread.argument, Missing::Judged)?)
                }
                ast::ArrayExpressionElement::Elision(_) => Element::One(Node::Undefined),
                other => match other.as_expression() {
                    Some(expression) => Element::One(self.expression(expression, Missing::Judged)?),
                    None => {
                        return Err(ExpressionError::unsupported(
                            range(other.span()),
                            "this element",
                        ));
                    }
                },
            });
        }
        Ok(Node::Array(elements.into()))
    }

    pub(super) fn object(&mut self, object: &ast::ObjectExpression<'_>) -> Compiled {
        let mut fields = Vec::with_capacity(object.properties.len());
        for property in &object.properties {
            match property {
                ast::ObjectPropertyKind::SpreadProperty(spread) => {
                    fields.push(Field::Spread(
                        self.expression(&spread.argument, Missing::Judged)?,
                    ));
                }
                ast::ObjectPropertyKind::ObjectProperty(property) => {
                    if property.method || property.kind != ast::PropertyKind::Init {
                        return Err(ExpressionError::unsupported(
                            range(property.span),
                            "a method definition",
                        ));
                    }
                    let key = match self.constant_key(&property.key) {
                        Some(name) if is_forbidden(&name) => {
                            let message = format!("`{name}` is no allowed key");
                            let span = range(property.key.span());
                            return Err(ExpressionError::syntax(span, message)
                                .with_hint("choose another name for the field"));
                        }
                        Some(name) => Ok(name),
                        None => Err(self.computed_key(&property.key)?),
                    };
                    let value = self.expression(&property.value, Missing::Judged)?;
                    fields.push(match key {
                        Ok(name) => Field::Named(name.into(), value),
                        Err(key) => Field::Computed(key, value),
                    });
                }
            }
        }
        Ok(Node::Object(fields.into()))
    }

    fn constant_key(&self, key: &ast::PropertyKey<'_>) -> Option<String> {
        match key {
            ast::PropertyKey::StaticIdentifier(name) => Some(name.name.to_string()),
            ast::PropertyKey::StringLiteral(literal) => Some(text(literal).into()),
            ast::PropertyKey::NumericLiteral(literal) => match self.number(literal) {
                Node::Integer(number) => Some(number.to_string()),
                Node::Float(number) => Some(crate::expression::number::float_text(number)),
                _ => None,
            },
            _ => None,
        }
    }

    fn computed_key(&mut self, key: &ast::PropertyKey<'_>) -> Compiled {
        match key.as_expression() {
            Some(expression) => self.expression(expression, Missing::Judged),
            None => Err(ExpressionError::unsupported(
                range(key.span()),
                "a private name",
            )),
        }
    }

    pub(super) fn arrow(&mut self, arrow: &ast::ArrowFunctionExpression<'_>) -> Compiled<Arrow> {
        let span = range(arrow.span);
        if arrow.r#async {
            return Err(ExpressionError::unsupported(span, "an async function"));
        }
        if let Some(rest) = &arrow.params.rest {
            return Err(ExpressionError::unsupported(
                range(rest.span),
                "a rest parameter",
            ));
        }
        let Some(body) = arrow.body.as_expression() else {
            return Err(ExpressionError::unsupported(
                span,
                "a function body of statements",
            ));
        };
        let base = self.scope.len();
        let mut parameters = Vec::with_capacity(arrow.params.items.len());
        for parameter in &arrow.params.items {
            if parameter.initializer.is_some() {
                let span = range(parameter.span);
                return Err(ExpressionError::unsupported(
                    span,
                    "a default for a parameter",
                ));
            }
            parameters.push(self.pattern(&parameter.pattern)?);
        }
        if self.scope.len() > MAX_SLOTS {
            let message = format!("functions have more than {MAX_SLOTS} parameters together");
            return Err(ExpressionError::limit(span, message));
        }
        let body = self.expression(body, Missing::Judged);
        self.scope.truncate(base);
        Ok(Arrow {
            base,
            parameters: parameters.into(),
            body: body?,
        })
    }

    fn pattern(&mut self, pattern: &ast::BindingPattern<'_>) -> Compiled<Pattern> {
        let rest = |span| ExpressionError::unsupported(range(span), "a rest pattern");
        match pattern {
            ast::BindingPattern::BindingIdentifier(name) => {
                self.scope.push(name.name.to_string());
                Ok(Pattern::Slot)
            }
            ast::BindingPattern::ObjectPattern(object) => {
                if let Some(element) = &object.rest {
                    return Err(rest(element.span));
                }
                let mut fields = Vec::with_capacity(object.properties.len());
                for property in &object.properties {
                    let Some(name) = self
                        .constant_key(&property.key)
                        .filter(|_| !property.computed)
                    else {
                        let span = range(property.span);
                        return Err(ExpressionError::unsupported(span, "a computed pattern"));
                    };
                    fields.push((name.into(), self.pattern(&property.value)?));
                }
                Ok(Pattern::Object(fields.into()))
            }
            ast::BindingPattern::ArrayPattern(array) => {
                if let Some(element) = &array.rest {
                    return Err(rest(element.span));
                }
                let mut places = Vec::with_capacity(array.elements.len());
                for element in &array.elements {
                    places.push(match element {
                        Some(element) => self.pattern(element)?,
                        None => Pattern::Nothing,
                    });
                }
                Ok(Pattern::Array(places.into()))
            }
            ast::BindingPattern::AssignmentPattern(pattern) => Err(ExpressionError::unsupported(
                range(pattern.span),
                "a default in a pattern",
            )),
        }
    }
}
