use sea_query::Value as Bound;

/// Adds the values that statements carry to the arguments of a driver. The nodes make no others.
macro_rules! add_all {
    ($arguments:expr, $values:expr) => {{
        use sqlx::Arguments;
        for value in $values {
            match value {
                Bound::Bool(value) => $arguments.add(value)?,
                Bound::BigInt(value) => $arguments.add(value)?,
                Bound::Double(value) => $arguments.add(value)?,
                Bound::String(value) => $arguments.add(value)?,
                Bound::Bytes(value) => $arguments.add(value)?,
                Bound::BigUnsigned(value) => match value.map(i64::try_from).transpose() {
                    Ok(value) => $arguments.add(value)?,
                    Err(error) => return Err(error.into()),
                },
                other => return Err(format!("{other:?} is no value of a statement").into()),
            }
        }
    }};
}

pub(super) use add_all;
pub(super) use sqlx::error::BoxDynError;

/// What is wrong with a value that no database sent.
pub(super) type Values = Vec<Bound>;
