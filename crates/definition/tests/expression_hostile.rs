//! Texts and data that are meant to hurt: every one ends in a value or an error, on a small
//! stack, with few steps and little memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::time::{Duration, Instant};

use jackfield_definition::expression::{
    EvaluateOptions, Expression, Limits, StaticRoots, Syntax, Template,
};
use jackfield_types::{ByteSize, ErrorCode, Item};
use proptest::prelude::*;
use serde_json::{Value, json};

const DEEP: usize = 10_000;

fn roots() -> StaticRoots {
    let item = json!({"a": 1, "s": "äb😀", "n": null, "l": [1, 2.5, "x", {"b": [3]}], "o": {"a": {"b": 2}}});
    StaticRoots::new("2024-05-15T10:20:30Z".parse().unwrap())
        .with_input(vec![Item::from_value(item).unwrap()])
}

/// Runs on a stack of 2 MiB, half of which is left to whoever calls.
fn on_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap()
}

fn outcome(expression: &str, options: EvaluateOptions) -> Result<Value, ErrorCode> {
    let text = format!("{{{{ {expression} }}}}");
    on_small_stack(move || {
        let bare = Expression::parse(&text);
        let template = Template::parse(&text, Syntax::Native).map_err(|error| error.code)?;
        assert!(bare.is_ok(), "{bare:?}");
        template
            .evaluate(&roots(), &options)
            .map_err(|error| error.code)
    })
}

#[test]
fn deep_texts_do_not_overflow_the_stack() {
    let nested = |open: &str, middle: &str, close: &str| {
        format!("{}{middle}{}", open.repeat(DEEP), close.repeat(DEEP))
    };
    let too_deep = [
        nested("(", "1", ")"),
        nested("[", "1", "]"),
        nested("{a:", "1", "}"),
        nested("!", "1", ""),
        nested("~", "1", ""),
        nested("- ", "1", ""),
        nested("-(", "1", ")"),
        nested("typeof ", "1", ""),
        nested("1?2:", "3", ""),
        nested("1?", "3", ":2"),
        nested("`${", "1", "}`"),
        nested("2**", "1", ""),
        nested("x=>", "1", ""),
        nested("[1].map(x=>", "1", ")"),
        nested("(x)=>(", "1", ")"),
        nested("$json.a[", "0", "]"),
        nested("Math.max(", "1", ")"),
        nested("[...", "[]", "]"),
        nested("({[", "1", "]:1})"),
        nested("a||b&&c|d^e&f==g<h<<i+j*-(", "1", ")"),
        nested("new ", "Date", ""),
    ];
    for text in too_deep {
        let shown = text[..24].to_owned();
        assert_eq!(
            outcome(&text, EvaluateOptions::default()),
            Err(ErrorCode::LIMIT_EXCEEDED),
            "{shown}"
        );
    }
    // What is never closed, and what is only long.
    for text in ["(", "[", "{", "{a:", "`${", "[1].map(x=>", "({a:", "((a,"] {
        assert!(outcome(&text.repeat(DEEP), EvaluateOptions::default()).is_err());
    }
    let long = |first: &str, next: &str| format!("{first}{}", next.repeat(DEEP));
    assert_eq!(
        outcome(&long("1", "+1"), EvaluateOptions::default()),
        Ok(json!(10_001))
    );
    assert_eq!(
        outcome(&long("0", "||0"), EvaluateOptions::default()),
        Ok(json!(0))
    );
    assert_eq!(
        outcome(&long("1", "&&1"), EvaluateOptions::default()),
        Ok(json!(1))
    );
    assert_eq!(
        outcome(&long("$json", ".a"), EvaluateOptions::default()),
        Ok(json!(null))
    );
    assert_eq!(
        outcome(&long("$json", "?.a"), EvaluateOptions::default()),
        Ok(json!(null))
    );
    assert_eq!(
        outcome(&long("''", ".trim()"), EvaluateOptions::default()),
        Err(ErrorCode::LIMIT_EXCEEDED)
    );
    assert_eq!(
        outcome(
            &format!("[{}].length", "1,".repeat(DEEP)),
            EvaluateOptions::default()
        ),
        Ok(json!(DEEP))
    );
    assert_eq!(
        outcome(&"a".repeat(100_000), EvaluateOptions::default()),
        Err(ErrorCode::LIMIT_EXCEEDED)
    );
    assert_eq!(
        outcome(
            &format!("'{}'", "a".repeat(100_000)),
            EvaluateOptions::default()
        ),
        Err(ErrorCode::LIMIT_EXCEEDED)
    );
}

#[test]
fn what_is_as_deep_as_allowed_works_on_a_small_stack() {
    for depth in [20, 40, 62] {
        let rows = [
            ("(".repeat(depth) + "1" + &")".repeat(depth), true),
            ("[".repeat(depth) + "1" + &"]".repeat(depth), true),
            ("-(".repeat(depth / 2) + "1" + &")".repeat(depth / 2), true),
            ("!".repeat(depth) + "1", true),
            ("1?".repeat(depth) + "1" + &":2".repeat(depth), true),
            ("0?1:".repeat(depth) + "2", true),
            ("`${".repeat(depth) + "1" + &"}`".repeat(depth), true),
            ("{a:".repeat(depth) + "1" + &"}".repeat(depth), true),
            (
                "[1].map(x=>".repeat(depth / 2) + "1" + &")".repeat(depth / 2),
                true,
            ),
            ("Math.max(".repeat(depth) + "1" + &")".repeat(depth), true),
            (
                "[...".repeat(depth / 2) + "[]" + &"]".repeat(depth / 2),
                true,
            ),
            (
                "0||1&&1|1^1&1==1<1<<1+1*-(".repeat(depth / 13) + "1" + &")".repeat(depth / 13),
                true,
            ),
        ];
        for (text, fine) in rows {
            let result = outcome(&text, EvaluateOptions::default());
            assert_eq!(result.is_ok(), fine, "{depth} {}: {result:?}", &text[..20]);
        }
    }
}

#[test]
fn scanner_and_parser_cannot_be_made_to_disagree() {
    // Each tries to hide brackets from the scanner that the parser would see, or the reverse.
    let brackets = "(".repeat(DEEP);
    for prefix in [
        "1 /'/; ",
        "x=>{} /'/ + ",
        "a\n/'/ + ",
        "// '\u{2028} ",
        "/* ' */ ",
        "<!-- '\n",
        "#!'\n",
        "`${'`'}` + ",
        "'\\\n' + ",
        "'\\\r\n' + ",
        "\\u0061 /'/ + ",
        "{a(){ {} /'/ }} + ",
        "class{x=/'/} + ",
        "1.e5 / '/' + ",
        "a?.5:'?.' + ",
        "x => /'/ + ",
        "$json.in /'/ + ",
        "typeof /'/ + ",
        "[1...'a'] + ",
        "0x1e+'' + ",
    ] {
        let result = outcome(&format!("{prefix}{brackets}"), EvaluateOptions::default());
        assert!(result.is_err(), "{prefix:?}");
    }
}

#[test]
fn evaluation_is_bounded() {
    let started = Instant::now();
    let items = |n: usize| format!("Array.from({{length: {n}}}, (_, i) => i)");
    for text in [
        "'a'.repeat(1e9)".to_owned(),
        "'a'.repeat(Infinity)".to_owned(),
        "'a'.padStart(1e15)".to_owned(),
        "'a'.padEnd(4e9, 'é')".to_owned(),
        "Array.from({length: 1e12})".to_owned(),
        "Array.from({length: Infinity}, x => x)".to_owned(),
        format!("{}.reduce((s, x) => s + s, 'ab')", items(100)),
        format!("{}.reduce((s, x) => `${{s}}${{s}}`, 'ab')", items(100)),
        format!("{}.reduce((s, x) => s.concat(s), 'ab')", items(100)),
        format!(
            "{}.reduce((s, x) => s.replaceAll('a', 'aa'), 'a')",
            items(100)
        ),
        format!(
            "{}.reduce((s, x) => s.split('').join('aa'), 'aa')",
            items(100)
        ),
        format!("{}.reduce((s, x) => [...s, ...s], [1])", items(100)),
        format!("{}.reduce((s, x) => s.concat(s), [1])", items(100)),
        format!("{}.reduce((s, x) => [s, s], [1])", items(60)),
        format!(
            "JSON.stringify({}.reduce((s, x) => [s, s], [1]))",
            items(60)
        ),
        format!("{}.reduce((s, x) => [s, s], [1]).flat(100)", items(60)),
        format!("'' + {}.reduce((s, x) => [s, s], [1])", items(60)),
        format!("{}.reduce((s, x) => ({{a: s, b: s}}), 1)", items(60)),
        format!("{}.reduce((s, x) => [s], [1])", items(5000)),
        format!("{}.reduce((s, x) => ({{s}}), 1)", items(5000)),
        format!("{0}.map(a => {0}.map(b => {0}.map(c => 1)))", items(1000)),
        format!("{}.map(a => 'x'.repeat(10000000))", items(1000)),
        format!("{}.map(a => 'x'.repeat(1000000)).join('')", items(1000)),
        format!("{0}.filter(a => {0}.some(b => false))", items(3000)),
        "JSON.parse('[' + '0,'.repeat(5000000) + '0]').length".to_owned(),
        "JSON.stringify('x'.repeat(16000000) + 'y'.repeat(16000000))".to_owned(),
        "encodeURIComponent('é'.repeat(8000000))".to_owned(),
    ] {
        let result = outcome(&text, EvaluateOptions::default());
        let code = result.map(|value| value.to_string().len());
        let refused = [
            Err(ErrorCode::LIMIT_EXCEEDED),
            Err(ErrorCode::EXPRESSION_ERROR),
        ];
        assert!(refused.contains(&code), "{text}: {code:?}");
    }
    // Far more than it takes: it is a bound on the kind of growth, not on the machine.
    assert!(started.elapsed() < Duration::from_secs(120));
}

#[test]
fn a_sort_function_that_contradicts_itself_does_no_harm() {
    let text =
        "Array.from({length: 500}, (_, i) => i * 7919 % 500).sort((a, b) => a % 3 ? 1 : -1).length";
    assert_eq!(outcome(text, EvaluateOptions::default()), Ok(json!(500)));
    let text = "[3, 1, 2].sort((a, b) => NaN)";
    assert_eq!(
        outcome(text, EvaluateOptions::default()),
        Ok(json!([3, 1, 2]))
    );
}

#[test]
fn limits_are_what_the_caller_says() {
    let limits = |steps, depth, output| EvaluateOptions {
        limits: Limits {
            steps,
            depth,
            output: ByteSize::bytes(output),
        },
        ..EvaluateOptions::default()
    };
    assert_eq!(
        outcome("1 + 1", limits(2, 128, 100)),
        Err(ErrorCode::LIMIT_EXCEEDED)
    );
    assert_eq!(outcome("1 + 1", limits(4, 128, 100)), Ok(json!(2)));
    assert_eq!(
        outcome("[[[1]]]", limits(100, 2, 1000)),
        Err(ErrorCode::LIMIT_EXCEEDED)
    );
    assert_eq!(
        outcome("'12345'", limits(100, 9, 20)),
        Err(ErrorCode::LIMIT_EXCEEDED)
    );
    assert_eq!(
        outcome("$json", limits(100, 128, 60)),
        Err(ErrorCode::LIMIT_EXCEEDED)
    );
    assert_eq!(
        outcome("$json", limits(1000, usize::MAX, 1000)).map(|value| value["a"].clone()),
        Ok(json!(1))
    );
}

#[test]
fn an_item_that_nests_too_deeply_is_an_error() {
    let mut deep = json!(1);
    for _ in 0..300 {
        deep = json!([deep]);
    }
    let roots = StaticRoots::new("2024-05-15T10:20:30Z".parse().unwrap())
        .with_input(vec![Item::from_value(json!({"deep": deep})).unwrap()]);
    for text in [
        "$json",
        "JSON.stringify($json)",
        "String($json.deep)",
        "$json.deep.flat(999)",
    ] {
        let expression = Expression::parse(text).unwrap();
        let result = expression.evaluate(&roots, &EvaluateOptions::default());
        assert_eq!(
            result.map_err(|error| error.code),
            Err(ErrorCode::LIMIT_EXCEEDED),
            "{text}"
        );
    }
    let reached = Expression::parse("$json.deep[0][0].length").unwrap();
    assert_eq!(
        reached.evaluate(&roots, &EvaluateOptions::default()),
        Ok(json!(1))
    );
    // Whatever depth is allowed, the stack bears it.
    on_small_stack(move || {
        let limits = Limits {
            depth: usize::MAX,
            ..Limits::default()
        };
        let options = EvaluateOptions {
            limits,
            ..EvaluateOptions::default()
        };
        for text in [
            "$json.deep[0].reduce((s, x) => [x, s], 1)",
            "JSON.stringify($json)",
            "[$json.deep].flat(200)",
            "Array.from({length: 254}).reduce((s, x) => [s], 1)",
            "String(Array.from({length: 254}).reduce((s, x) => [s], 1))",
        ] {
            let _ = Expression::parse(text).unwrap().evaluate(&roots, &options);
        }
    });
}

/// Pieces of which expressions, right and wrong, are put together.
fn piece() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "{{", "}}", "{", "}", "(", ")", "[", "]", "`", "${", "'", "\"", "\\", "/", "//", "/*",
        "*/", "=>", "x", "$json", ".a", "?.", "??", "||", "&&", "?", ":", ",", ";", "+", "-", "**",
        "=", "==", "!", "...", "1", "0x", "1e", ".5", "typeof ", "new ", "in ", "é", "😀",
        "\u{2028}", "\n", " ", "$('A')", "$node", ".map(", "x=>", "async ", "#", "@",
    ])
    .prop_map(str::to_owned)
}

/// Well-formed expressions.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "0",
        "-3",
        "2.5",
        "1e300",
        "9223372036854775807",
        "'x'",
        "'äé😀'",
        "''",
        "null",
        "undefined",
        "true",
        "NaN",
        "$json",
        "$json.a",
        "$json.s",
        "$json.n",
        "$json.l",
        "$json.o.a.b",
        "$json.nope",
        "[]",
        "{}",
        "$now",
        "$input.all()",
        "Infinity",
        "'2024-01-31'",
        "'__proto__'",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "**", "==", "===", "!=", "<", ">=", "&&", "||", "&", "|", "^",
            "<<", ">>", ">>>", ",in",
        ]);
        let unary = prop::sample::select(vec!["!", "-", "+", "~", "typeof "]);
        let nullary = prop::sample::select(vec![
            "trim",
            "length",
            "toUpperCase",
            "toString",
            "reverse",
            "sort",
            "flat",
            "first",
            "sum",
            "average",
            "unique",
            "keys",
            "values",
            "entries",
            "isEmpty",
            "toFixed",
            "round",
            "floor",
            "toISO",
            "getTime",
            "base64Encode",
            "base64Decode",
            "urlDecode",
            "toTitleCase",
            "toNumber",
            "parseJson",
            "toDateTime",
            "compact",
            "max",
            "toPrecision",
        ]);
        let taking = prop::sample::select(vec![
            "slice",
            "at",
            "charAt",
            "substring",
            "padStart",
            "padEnd",
            "repeat",
            "split",
            "includes",
            "indexOf",
            "concat",
            "join",
            "replaceAll",
            "localeCompare",
            "chunk",
            "pluck",
            "flat",
            "toFixed",
            "toString",
            "plus",
            "minus",
            "startOf",
            "diff",
            "toFormat",
            "setZone",
            "hasField",
            "codePointAt",
            "round",
            "substr",
            "lastIndexOf",
            "merge",
            "with",
        ]);
        let over = prop::sample::select(vec![
            "map", "filter", "find", "every", "flatMap", "sort", "findLast",
        ]);
        let global = prop::sample::select(vec![
            "Math.max",
            "Math.round",
            "Number",
            "String",
            "parseInt",
            "JSON.stringify",
            "Object.keys",
            "Object.fromEntries",
            "Object.assign",
            "encodeURIComponent",
            "new Date",
            "DateTime.fromMillis",
            "Array.of",
            "isNaN",
            "Math.pow",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, o, b)| { format!("(({a}) {} ({b}))", o.trim_start_matches(',')) }),
            (unary, inner.clone()).prop_map(|(o, a)| format!("({o}({a}))")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
            (inner.clone(), nullary).prop_map(|(a, m)| {
                if m == "length" {
                    format!("({a}).length")
                } else {
                    format!("({a}).{m}()")
                }
            }),
            (inner.clone(), taking, inner.clone(), inner.clone())
                .prop_map(|(a, m, b, c)| format!("({a})?.{m}({b}, {c})")),
            (inner.clone(), over, inner.clone())
                .prop_map(|(a, m, b)| format!("({a}).{m}((x, i) => ({b}))")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("({a}).reduce((s, x) => ({b}), [])")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (global, inner.clone(), inner.clone()).prop_map(|(g, a, b)| format!("{g}({a}, {b})")),
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|all| format!("[{}]", all.join(", "))),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("({{a: {a}, [({b})]: 1, ...{a}}})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("`${{{a}}}-${{{b}}}`")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in ".*") {
        for syntax in [Syntax::Native, Syntax::N8n] {
            let _ = Template::parse(&text, syntax);
            let _ = Template::parse(&format!("={{{{{text}}}}}"), syntax);
        }
        let _ = Expression::parse(&text);
    }

    #[test]
    fn scrambled_expressions_never_panic_and_errors_lie_within_the_text(
        pieces in prop::collection::vec(piece(), 0..24)
    ) {
        let text = format!("={{{{{}}}}}", pieces.concat());
        for syntax in [Syntax::Native, Syntax::N8n] {
            match Template::parse(&text, syntax) {
                Ok(template) => { let _ = template.evaluate(&roots(), &EvaluateOptions::default()); }
                Err(error) => prop_assert!(text.get(error.span.clone()).is_some(), "{text}: {error:?}"),
            }
        }
    }

    #[test]
    fn well_formed_expressions_never_panic_and_stay_within_limits(text in expression()) {
        let template = Template::parse(&format!("{{{{ {text} }}}}"), Syntax::Native);
        let template = match template {
            Ok(template) => template,
            Err(error) => {
                prop_assert!(error.code == ErrorCode::LIMIT_EXCEEDED, "{text}: {error:?}");
                return Ok(());
            }
        };
        for options in [EvaluateOptions::default(), EvaluateOptions::strict()] {
            let options = EvaluateOptions { limits: Limits { steps: 20_000, output: ByteSize::kib(64), ..options.limits }, ..options };
            if let Ok(value) = template.evaluate(&roots(), &options) {
                // Escapes in JSON take up to six bytes for one.
                prop_assert!(value.to_string().len() <= 6 * (64 << 10));
            }
        }
    }

    #[test]
    fn whole_numbers_are_exact(a in any::<i64>(), b in any::<i64>(), shift in 0_u32..64) {
        let (a, b) = (a >> shift, b >> (63 - shift));
        for (operator, exact) in [
            ("+", i128::from(a).checked_add(b.into())),
            ("-", i128::from(a).checked_sub(b.into())),
            ("*", i128::from(a).checked_mul(b.into())),
            ("%", i128::from(a).checked_rem(b.into())),
        ] {
            let expression = Expression::parse(&format!("({a}) {operator} ({b})")).unwrap();
            let found = expression.evaluate(&roots(), &EvaluateOptions::default());
            match exact {
                Some(exact) => {
                    let expected = match (i64::try_from(exact), u64::try_from(exact)) {
                        (Ok(exact), _) => json!(exact),
                        (_, Ok(exact)) => json!(exact),
                        _ => json!(exact as f64),
                    };
                    prop_assert_eq!(found, Ok(expected));
                }
                None => prop_assert_eq!(found.unwrap_err().code, ErrorCode::NUMBER_ERROR),
            }
        }
    }
}
