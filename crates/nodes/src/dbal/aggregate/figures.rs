use jackfield_plugin_api::NodeError;
use jackfield_types::ErrorCode;
use sea_query::{Alias, Asterisk, Expr, ExprTrait, Func};

use super::{Aggregate, AggregateParams, Function};
use crate::dbal::catalog::{Column, nearest_text};
use crate::dbal::cell::operand;
use crate::dbal::dialect::Dialect;
use crate::dbal::filter::{Fields, Operand};
use crate::dbal::kind::Kind;
use crate::dbal::target::Scope;

/// What comes out, by name.
pub(super) struct Figures<'a> {
    scope: &'a Scope,
    group_by: &'a [String],
    pub(super) made: Vec<(String, Operand)>,
}

impl<'a> Figures<'a> {
    pub(super) fn of(scope: &'a Scope, params: &'a AggregateParams) -> Result<Self, NodeError> {
        let made = params
            .aggregates
            .iter()
            .map(|aggregate| Ok((aggregate.name(), figure(scope, aggregate)?)))
            .collect::<Result<_, NodeError>>()?;
        Ok(Self {
            scope,
            group_by: &params.group_by,
            made,
        })
    }
}

impl Fields for Figures<'_> {
    fn operand(&self, name: &str) -> Result<Operand, NodeError> {
        if let Some((_, figure)) = self.made.iter().find(|(other, _)| other == name) {
            return Ok(Operand {
                expression: figure.expression.clone(),
                column: figure.column.clone(),
            });
        }
        if self.group_by.iter().any(|group| group == name) {
            return self.scope.operand(name);
        }
        let figures = self.made.iter().map(|(name, _)| name.as_str());
        let names = figures.chain(self.group_by.iter().map(String::as_str));
        let nearest = nearest_text(name, names);
        let shown: String = name.chars().take(100).collect();
        let message = format!("no figure or group is called `{shown}`; {nearest}");
        Err(NodeError::permanent(ErrorCode::UNKNOWN_ENTITY, message))
    }
}

fn figure(scope: &Scope, aggregate: &Aggregate) -> Result<Operand, NodeError> {
    let Some(field) = &aggregate.field else {
        return Ok(made(Expr::col(Asterisk).count(), Kind::Integer, "bigint"));
    };
    let column = scope.column(field)?;
    let values = operand(scope.dialect, column);
    let is_number = matches!(column.kind, Kind::Integer | Kind::Float | Kind::Decimal);
    if matches!(aggregate.function, Function::Sum | Function::Avg) && !is_number {
        let message = format!(
            "`{}` is for numbers, and column `{field}` holds {}",
            aggregate.function.as_str(),
            column.kind
        );
        return Err(NodeError::permanent(ErrorCode::WRONG_TYPE, message));
    }
    Ok(match aggregate.function {
        Function::Count if aggregate.distinct => {
            made(values.count_distinct(), Kind::Integer, "bigint")
        }
        Function::Count => made(values.count(), Kind::Integer, "bigint"),
        Function::Sum => made(values.sum(), column.kind.clone(), "numeric"),
        Function::Avg if column.kind == Kind::Decimal => {
            made(Func::avg(values).into(), Kind::Decimal, "numeric")
        }
        Function::Avg => {
            let values = match scope.dialect {
                // It would keep four digits behind the point.
                Dialect::MySql => values.cast_as(Alias::new("DOUBLE")),
                Dialect::Sqlite | Dialect::Postgres => values,
            };
            made(Func::avg(values).into(), Kind::Float, "double precision")
        }
        Function::Min => made(values.min(), column.kind.clone(), &column.type_name),
        Function::Max => made(values.max(), column.kind.clone(), &column.type_name),
    })
}

fn made(expression: Expr, kind: Kind, type_name: &str) -> Operand {
    Operand {
        expression,
        column: Column {
            name: String::new(),
            kind,
            type_name: type_name.to_owned(),
            nullable: true,
            counted: false,
            scale: None,
            length: None,
            generated: false,
        },
    }
}
