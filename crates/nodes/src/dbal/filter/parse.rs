use jackfield_types::Object;
use serde_json::Value;

use super::{Filter, Operator};

/// How deep filters nest.
const MAX_DEPTH: usize = 32;
/// How many conditions there are in one; SQLite takes no more than a thousand parts.
const MAX_CONDITIONS: usize = 500;
/// How many filters there are in one, those without conditions included.
const MAX_FILTERS: usize = 5_000;

const OPERATORS: [(&str, Operator); 13] = [
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("lt", Operator::Lt),
    ("lte", Operator::Lte),
    ("gt", Operator::Gt),
    ("gte", Operator::Gte),
    ("in", Operator::In),
    ("notIn", Operator::NotIn),
    ("like", Operator::Like),
    ("notLike", Operator::NotLike),
    ("between", Operator::Between),
    ("notBetween", Operator::NotBetween),
    ("isNull", Operator::IsNull),
];

/// Reads a filter: an object whose keys are fields with conditions, or `and`, `or`, `not`.
pub(super) fn parse(value: Value) -> Result<Filter, String> {
    let mut count = Count::default();
    match value {
        Value::Object(object) => all_of(object, 1, &mut count),
        _ => Err("a filter is an object".to_owned()),
    }
}

#[derive(Default)]
struct Count {
    conditions: usize,
    filters: usize,
}

impl Count {
    fn condition(&mut self) -> Result<(), String> {
        self.conditions += 1;
        match self.conditions > MAX_CONDITIONS {
            true => Err(format!(
                "the filter has more than {MAX_CONDITIONS} conditions; values of one field go into one `in`"
            )),
            false => Ok(()),
        }
    }

    fn filter(&mut self) -> Result<(), String> {
        self.filters += 1;
        match self.filters > MAX_FILTERS {
            true => Err(format!(
                "the filter has more than {MAX_FILTERS} filters in it"
            )),
            false => Ok(()),
        }
    }
}

fn all_of(object: Object, depth: usize, count: &mut Count) -> Result<Filter, String> {
    if depth > MAX_DEPTH {
        return Err(format!("the filter nests deeper than {MAX_DEPTH}"));
    }
    let mut filters = Vec::with_capacity(object.len());
    for (key, value) in object {
        count.filter()?;
        filters.push(match key.as_str() {
            "and" => Filter::And(list(&key, value, depth, count)?),
            "or" => Filter::Or(list(&key, value, depth, count)?),
            "not" => match value {
                Value::Object(object) => Filter::Not(Box::new(all_of(object, depth + 1, count)?)),
                _ => return Err("`not` takes a filter".to_owned()),
            },
            _ => field(key, value, count)?,
        });
    }
    Ok(match filters.len() {
        1 => filters.remove(0),
        _ => Filter::And(filters),
    })
}

fn list(key: &str, value: Value, depth: usize, count: &mut Count) -> Result<Vec<Filter>, String> {
    let Value::Array(values) = value else {
        return Err(format!("`{key}` takes a list of filters"));
    };
    values
        .into_iter()
        .map(|value| match value {
            Value::Object(object) => {
                count.filter()?;
                all_of(object, depth + 1, count)
            }
            _ => Err(format!("`{key}` takes a list of filters")),
        })
        .collect()
}

fn field(name: String, value: Value, count: &mut Count) -> Result<Filter, String> {
    let Value::Object(operators) = value else {
        count.condition()?;
        let value = checked(&name, Operator::Eq, value)?;
        return Ok(Filter::Field {
            name,
            operator: Operator::Eq,
            value,
        });
    };
    let mut filters = Vec::with_capacity(operators.len());
    for (key, value) in operators {
        let Some(&(_, operator)) = OPERATORS.iter().find(|(known, _)| *known == key) else {
            let known: Vec<&str> = OPERATORS.iter().map(|(known, _)| *known).collect();
            return Err(format!(
                "`{key}` is no operator of field `{name}`: there are {}",
                known.join(", ")
            ));
        };
        count.condition()?;
        filters.push(Filter::Field {
            value: checked(&name, operator, value)?,
            name: name.clone(),
            operator,
        });
    }
    match filters.len() {
        0 => Err(format!("field `{name}` has no condition")),
        1 => Ok(filters.remove(0)),
        _ => Ok(Filter::And(filters)),
    }
}

fn checked(name: &str, operator: Operator, value: Value) -> Result<Value, String> {
    let has_null = |values: &[Value]| values.iter().any(Value::is_null);
    let problem = match (operator, &value) {
        (Operator::IsNull, Value::Bool(_)) => return Ok(value),
        (Operator::IsNull, _) => "`isNull` takes `true` or `false`",
        (Operator::In | Operator::NotIn, Value::Array(values)) if !has_null(values) => {
            return Ok(value);
        }
        (Operator::In | Operator::NotIn, Value::Array(_)) => {
            "`null` is in no list; ask for it by `isNull`"
        }
        (Operator::In | Operator::NotIn, _) => "`in` and `notIn` take a list",
        (Operator::Between | Operator::NotBetween, Value::Array(values))
            if values.len() == 2 && !has_null(values) =>
        {
            return Ok(value);
        }
        (Operator::Between | Operator::NotBetween, _) => "`between` takes a list of two values",
        (_, Value::Null) => "nothing compares with `null`; ask for it by `isNull`",
        (Operator::Like | Operator::NotLike, Value::String(_)) => return Ok(value),
        (Operator::Like | Operator::NotLike, _) => "`like` takes a text",
        _ => return Ok(value),
    };
    Err(format!("field `{name}`: {problem}"))
}
