use jackfield_types::Capability;
use serde_json::json;

use super::{arithmetic, random, rounding};
use crate::BuiltIn;
use crate::family::{Family, Function, Kind, Parameter, defaulted, required};

pub(crate) fn node_types() -> Vec<BuiltIn> {
    let mut functions = operators();
    functions.extend(of_one_number());
    functions.extend(of_many_numbers());
    let family = Family {
        name: "math",
        tags: &["number", "arithmetic", "calculate"],
        documentation: "Integers are computed exactly, from -9223372036854775808 to \
            18446744073709551615; with any other number the result is a floating-point number. \
            Overflow, division by zero and results that are no number fail with `NUMBER_ERROR`. A \
            text is no number: use `convert.toNumber`.",
        functions,
    };
    family.node_types()
}

fn a(description: &'static str) -> Parameter {
    required("a", Kind::Number, description)
}

fn b(description: &'static str) -> Parameter {
    required("b", Kind::Number, description)
}

fn value() -> Parameter {
    required("value", Kind::Number, "The number.")
}

fn values() -> Parameter {
    required("values", Kind::Numbers, "The numbers.")
}

fn some_values() -> Parameter {
    required("values", Kind::Numbers, "The numbers; at least one.").which(arithmetic::check_some)
}

fn operators() -> Vec<Function> {
    vec![
        Function::new("add", "Adds two numbers.", arithmetic::add)
            .takes(a("The first number."))
            .takes(b("The second number."))
            .tagged(&["plus", "sum"])
            .example(
                "Adds integers exactly",
                json!({"a": 9_007_199_254_740_993_u64, "b": 2}),
                json!(9_007_199_254_740_995_u64),
            )
            .example(
                "Adds numbers with fractions",
                json!({"a": 1.5, "b": 2}),
                json!(3.5),
            ),
        Function::new(
            "subtract",
            "Subtracts one number from another.",
            arithmetic::subtract,
        )
        .takes(a("The number to subtract from."))
        .takes(b("The number to subtract."))
        .tagged(&["minus", "difference"])
        .example("Takes 8 from 5", json!({"a": 5, "b": 8}), json!(-3)),
        Function::new("multiply", "Multiplies two numbers.", arithmetic::multiply)
            .takes(a("The first number."))
            .takes(b("The second number."))
            .tagged(&["times", "product"])
            .example(
                "Price times quantity",
                json!({"a": 19.5, "b": 4}),
                json!(78.0),
            ),
        Function::new(
            "divide",
            "Divides one number by another.",
            arithmetic::divide,
        )
        .takes(a("The number to divide."))
        .takes(b("The number to divide by; not 0."))
        .tagged(&["quotient"])
        .documented("Integers give an integer when nothing is left over.")
        .example("Nothing is left over", json!({"a": 12, "b": 4}), json!(3))
        .example(
            "Something is left over",
            json!({"a": 7, "b": 2}),
            json!(3.5),
        ),
        Function::new(
            "modulo",
            "Gives what a division leaves over.",
            arithmetic::modulo,
        )
        .takes(a("The number to divide."))
        .takes(b("The number to divide by; not 0."))
        .tagged(&["remainder"])
        .documented("The result has the sign of `a`, as with `%` in an expression.")
        .example("What 7 leaves over by 3", json!({"a": 7, "b": 3}), json!(1))
        .example(
            "The sign is that of `a`",
            json!({"a": -7, "b": 3}),
            json!(-1),
        ),
        Function::new("power", "Raises a number to a power.", arithmetic::power)
            .takes(a("The base."))
            .takes(b("The exponent."))
            .tagged(&["exponent", "pow"])
            .documented(
                "An integer raised to an integer that is not negative is exact, and fails when it \
                 is too large.",
            )
            .example(
                "Two to the power of 62",
                json!({"a": 2, "b": 62}),
                json!(4_611_686_018_427_387_904_u64),
            )
            .example("A negative exponent", json!({"a": 2, "b": -2}), json!(0.25)),
        Function::new(
            "clamp",
            "Keeps a number between two others.",
            arithmetic::clamp,
        )
        .takes(value())
        .takes(required("min", Kind::Number, "The least that it may be."))
        .takes(required("max", Kind::Number, "The most that it may be."))
        .tagged(&["limit", "range"])
        .example(
            "Too large a number",
            json!({"value": 120, "min": 0, "max": 100}),
            json!(100),
        ),
        Function::new("random", "Gives a random number.", random::random)
            .takes(defaulted("min", Kind::Number, 0, "The least number."))
            .takes(defaulted("max", Kind::Number, 1, "The greatest number."))
            .takes(defaulted(
                "integer",
                Kind::Boolean,
                false,
                "Whether to give an integer.",
            ))
            .tagged(&["dice", "chance"])
            .documented(
                "An integer is from `min` to `max`, both included. Any other number is at least \
                 `min` and less than `max`. Not for secrets.",
            )
            .differing()
            .reaching(&[Capability::Random])
            .open_example("Throws a die", json!({"min": 1, "max": 6, "integer": true}))
            .example(
                "There is only one such number",
                json!({"min": 4, "max": 4, "integer": true}),
                json!(4),
            ),
    ]
}

fn of_one_number() -> Vec<Function> {
    vec![
        Function::new(
            "sqrt",
            "Takes the square root of a number.",
            arithmetic::sqrt,
        )
        .takes(required("value", Kind::Number, "The number; not negative."))
        .tagged(&["root"])
        .documented("The root of a square number is an integer.")
        .example("A square number", json!({"value": 144}), json!(12))
        .example(
            "Any other number",
            json!({"value": 2}),
            json!(std::f64::consts::SQRT_2),
        ),
        Function::new("abs", "Takes the sign from a number.", arithmetic::abs)
            .takes(value())
            .tagged(&["absolute"])
            .example("A negative number", json!({"value": -4}), json!(4)),
        Function::new(
            "round",
            "Rounds a number to so many decimals.",
            rounding::round,
        )
        .takes(value())
        .takes(defaulted(
            "decimals",
            Kind::Integer(-400, 400),
            0,
            "How many decimals are kept; a negative number rounds to tens, hundreds and so on.",
        ))
        .tagged(&["decimal"])
        .documented(
            "A half is rounded away from zero. What is rounded is the number as it is \
                 written, so that 1.005 becomes 1.01. Without decimals the result is an integer, \
                 if it is not too large.",
        )
        .example(
            "To cents",
            json!({"value": 1.005, "decimals": 2}),
            json!(1.01),
        )
        .example("A half", json!({"value": -2.5}), json!(-3))
        .example(
            "To hundreds",
            json!({"value": 1250, "decimals": -2}),
            json!(1300),
        ),
        Function::new("floor", "Rounds a number down.", rounding::floor)
            .takes(value())
            .tagged(&["round"])
            .example("A negative number", json!({"value": -1.2}), json!(-2)),
        Function::new("ceil", "Rounds a number up.", rounding::ceil)
            .takes(value())
            .tagged(&["round"])
            .example("A positive number", json!({"value": 1.2}), json!(2)),
    ]
}

fn of_many_numbers() -> Vec<Function> {
    vec![
        Function::new("min", "Finds the least of some numbers.", arithmetic::min)
            .takes(some_values())
            .tagged(&["least", "smallest"])
            .example("The least price", json!({"values": [9.5, 3, 12]}), json!(3)),
        Function::new(
            "max",
            "Finds the greatest of some numbers.",
            arithmetic::max,
        )
        .takes(some_values())
        .tagged(&["greatest", "largest"])
        .example(
            "The greatest price",
            json!({"values": [9.5, 3, 12]}),
            json!(12),
        ),
        Function::new("sum", "Adds up some numbers.", arithmetic::sum)
            .takes(values())
            .tagged(&["total"])
            .documented("The sum of no numbers is 0.")
            .example("A total", json!({"values": [10, 20, 12]}), json!(42)),
        Function::new(
            "average",
            "Takes the mean of some numbers.",
            arithmetic::average,
        )
        .takes(some_values())
        .tagged(&["mean"])
        .documented("Integers give an integer when nothing is left over.")
        .example(
            "A mean with a fraction",
            json!({"values": [1, 2]}),
            json!(1.5),
        )
        .example("A mean without one", json!({"values": [2, 4, 6]}), json!(4)),
    ]
}
