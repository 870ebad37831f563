//! Templates, parameters, missing fields and errors.

use jackfield_definition::expression::{
    EvaluateOptions, Expression, ParameterTemplate, Syntax, Template, functions,
};
use jackfield_types::ErrorCode;
use serde_json::json;

use crate::support::{evaluate, roots};

#[test]
fn templates_keep_the_type_of_one_expression_and_interpolate_otherwise() {
    let rows = [
        (Syntax::Native, "plain", json!("plain")),
        (Syntax::Native, "", json!("")),
        (Syntax::Native, "{{ $json.qty }}", json!(4)),
        (Syntax::Native, "{{$json.qty}}", json!(4)),
        (Syntax::Native, " {{ $json.qty }}", json!(" 4")),
        (Syntax::Native, "{{ $json.qty }}{{ $json.id }}", json!("47")),
        (Syntax::Native, "{{ {a: {b: 1}}}}", json!({"a": {"b": 1}})),
        (Syntax::Native, "{{ `}}${'}}'}` }}!", json!("}}}}!")),
        (
            Syntax::Native,
            "a {{ $json.nope }} b {{ null }}",
            json!("a  b "),
        ),
        (
            Syntax::Native,
            "x={{ $json.customer }}",
            json!("x={\"name\":\"Ada\",\"address\":{\"city\":\"Köln\"}}"),
        ),
        (
            Syntax::Native,
            "{{ 0.1 + 0.2 }} {{ true }}",
            json!("0.30000000000000004 true"),
        ),
        (
            Syntax::Native,
            "n {{ $json.big }}",
            json!("n 9007199254740993"),
        ),
        (Syntax::Native, "={{ 1 }}", json!("=1")),
        (
            Syntax::Native,
            "at {{ $now }}",
            json!("at 2024-05-15T10:20:30.000Z"),
        ),
        (Syntax::Native, "{{ 1 // it's\n }}", json!(1)),
        (Syntax::Native, "{{ 1 // it's }} x", json!("1 x")),
        (Syntax::N8n, "{{ $json.qty }}", json!("{{ $json.qty }}")),
        (Syntax::N8n, "={{ $json.qty }}", json!(4)),
        (
            Syntax::N8n,
            "=Hi {{ $json.customer.name }}!",
            json!("Hi Ada!"),
        ),
        (Syntax::N8n, "=plain", json!("plain")),
        (Syntax::N8n, "=open {{ here", json!("open {{ here")),
        (Syntax::N8n, "=\\{{ {{ 1 }}", json!("{{ 1")),
    ];
    for (syntax, text, expected) in rows {
        let template = Template::parse(text, syntax).unwrap();
        let value = template.evaluate(&roots(), &EvaluateOptions::default());
        assert_eq!(value.as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn strict_mode_names_the_field_that_is_missing() {
    let strict = EvaluateOptions::strict();
    for (expression, path) in [
        ("$json.customer.email", "$json.customer.email"),
        ("$json.nope.deeper", "$json.nope"),
        ("$json.nope.trim()", "$json.nope"),
        ("$json.nothing.trim()", "$json.nothing"),
        (
            "$json.customer['e' + 'mail']",
            "$json.customer['e' + 'mail']",
        ),
        ("$json.lines[7]", "$json.lines[7]"),
        ("$json.lines.map(l => l.color)", "l.color"),
        ("$json.nope || 'd'", "$json.nope"),
        ("$json.customer?.address.zip", "$json.customer?.address.zip"),
        ("$vars.nope", "$vars.nope"),
        ("[{}].map(({a}) => a)", "a"),
    ] {
        let error = evaluate(expression, &strict).unwrap_err();
        assert!(
            error.starts_with(&format!("MISSING_FIELD: `{path}` is missing")),
            "{error}"
        );
    }
    for (expression, expected) in [
        ("$json.nope ?? 'd'", json!("d")),
        ("$json.nope.deeper.still ?? 'd'", json!("d")),
        ("$json.nope?.deeper", json!(null)),
        ("$json?.nope", json!(null)),
        ("typeof $json.nope", json!("undefined")),
        ("'x' in $json.customer", json!(false)),
        ("$json.nothing", json!(null)),
        ("$json.nope ?? $json.other ?? 1", json!(1)),
        ("$json.lines.find(l => l.n > 99)", json!(null)),
    ] {
        assert_eq!(evaluate(expression, &strict), Ok(expected), "{expression}");
    }
}

#[test]
fn what_goes_wrong_while_evaluating_has_its_code() {
    for (expression, code) in [
        ("0 / 0", "NUMBER_ERROR"),
        ("1 / 0", "NUMBER_ERROR"),
        ("{a: [$json.nope * 2]}", "NUMBER_ERROR"),
        ("$('Nobody').first().json.a", "EXPRESSION_REFERENCE"),
        ("$steps.nobody.output", "EXPRESSION_REFERENCE"),
        ("$acc ?? 'none'", "EXPRESSION_REFERENCE"),
        ("$key", "EXPRESSION_REFERENCE"),
        ("$json.qty.trim()", "WRONG_TYPE"),
        ("$input", "WRONG_TYPE"),
        ("$('fetch')", "WRONG_TYPE"),
        ("'a' in 'abc'", "WRONG_TYPE"),
        ("JSON.parse('{')", "EXPRESSION_ERROR"),
        ("'x'.toNumber()", "WRONG_TYPE"),
        ("'soon'.toDateTime()", "WRONG_TYPE"),
        ("Object.fromEntries([['__proto__', 1]])", "EXPRESSION_ERROR"),
        ("{['__pro' + 'to__']: 1}", "EXPRESSION_ERROR"),
        ("$now.plus({fortnights: 1})", "EXPRESSION_ERROR"),
        ("$now.plus({years: 99999})", "NUMBER_ERROR"),
        ("$now.plus({milliseconds: 1e300})", "NUMBER_ERROR"),
        ("$now.toFormat('QQ')", "EXPRESSION_ERROR"),
        ("$now.setZone('Mars/Base')", "EXPRESSION_ERROR"),
        ("[].reduce((a, b) => a)", "EXPRESSION_ERROR"),
        ("[1].map('x')", "EXPRESSION_ERROR"),
        ("['a', 1].sum()", "NUMBER_ERROR"),
    ] {
        let error = evaluate(expression, &EvaluateOptions::default()).unwrap_err();
        assert!(
            error.starts_with(&format!("{code}:")),
            "{expression}: {error}"
        );
    }
}

#[test]
fn what_is_not_supported_names_the_construct() {
    for (expression, construct) in [
        ("/a+/.test($json.name)", "a regular expression"),
        ("$json.name.replace(/'/g, '')", "a regular expression"),
        ("new Map()", "`new`"),
        ("a = 1", "an assignment"),
        ("$json.qty += 1", "an assignment"),
        ("$json.qty++", "an increment or decrement"),
        ("this.x", "`this`"),
        ("function () {}", "a function"),
        ("class {}", "a class"),
        ("await 1", "`await`"),
        ("import('x')", "an import"),
        ("delete $json.a", "`delete`"),
        ("String.raw`x`", "a tagged template"),
        ("(1, 2)", "a comma between expressions"),
        (
            "[1].map(x => { return x })",
            "a function body of statements",
        ),
        ("(() => 1)()", "a function as a value"),
        ("x => x", "a function as a value"),
        ("[1].map(x => y => x)", "a function as a value"),
        ("[1].frobnicate()", "an unknown method"),
        ("[1].push(2)", "an unknown method"),
        ("Math.random()", "an unknown function"),
        ("Math", "a function as a value"),
        ("10n", "a BigInt literal"),
        ("$json[$json.name]()", "a call of a computed function"),
        ("$fromAI('x')", "a root of n8n alone"),
        ("if (true) { 1 }", "a statement"),
        ("let x = 1", "a statement"),
        ("1; 2", "a statement"),
        ("$json.a instanceof $json.b", "`instanceof`"),
        ("{get a() { return 1 }}", "a method definition"),
        ("[1].map((...x) => x)", "a rest parameter"),
    ] {
        let error =
            Template::parse(&format!("{{{{ {expression} }}}}"), Syntax::Native).unwrap_err();
        assert_eq!(
            error.code,
            ErrorCode::UNSUPPORTED_EXPRESSION,
            "{expression}: {error}"
        );
        assert_eq!(error.construct, Some(construct), "{expression}: {error}");
    }
}

#[test]
fn errors_point_into_the_parameter_string() {
    for (text, place, hint) in [
        ("Hi {{ $jsom.name }}", "$jsom", "did you mean `$json`?"),
        (
            "Hi {{ naem }}",
            "naem",
            "fields of the current item are reached by `$json.naem`",
        ),
        ("é {{ process.env }}", "process", "`$json.process`"),
        ("{{ window }}", "window", ""),
        ("{{ globalThis.x }}", "globalThis", ""),
        ("{{ require('fs') }}", "require", ""),
        (
            "{{ [1].map(order => ordr.id) }}",
            "ordr",
            "did you mean `order`?",
        ),
        (
            "{{ $json.name.toUppercase() }}",
            "$json.name.toUppercase",
            "`toUpperCase`",
        ),
        ("{{ {__proto__: 1} }}", "__proto__", "another name"),
        ("{{ 1 + }}", "", ""),
        ("a {{ 1", "{{", "close it with"),
        ("{{ 'abc }}", "'abc }}", ""),
        ("{{ }}", " ", ""),
    ] {
        let error = Template::parse(text, Syntax::Native).unwrap_err();
        assert!(
            text[error.span.clone()].starts_with(place),
            "{text}: {error:?}"
        );
        assert!(
            error.hint.clone().unwrap_or_default().contains(hint),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn references_say_what_is_read() {
    let template = Template::parse(
        "{{ $('A').first().json.x + $node['B'].json.y + $node.C.json.z + $steps.d.output.v \
         + $env.KEY + $vars.v + $item.x }}",
        Syntax::Native,
    )
    .unwrap();
    let read = template.references();
    assert_eq!(read.nodes.iter().collect::<Vec<_>>(), ["A", "B", "C"]);
    assert_eq!(read.steps.iter().collect::<Vec<_>>(), ["d"]);
    assert_eq!(read.environment.iter().collect::<Vec<_>>(), ["KEY"]);
    assert_eq!(read.bindings.iter().collect::<Vec<_>>(), ["$item"]);
    assert!(read.variables && read.per_item && !read.computed_node);
    for (expression, per_item, computed) in [
        ("$json.a", true, false),
        ("$input.all().length", false, false),
        ("$input.item.json.a", true, false),
        ("$('A').all()", false, false),
        ("$('A').item.json.a", true, false),
        ("$(`A${1}`).first().json", false, true),
        ("$itemIndex", true, false),
        ("$workflow.variables.a", false, false),
        ("$now.year", false, false),
    ] {
        let read = Expression::parse(expression).unwrap().references().clone();
        assert_eq!(
            (read.per_item, read.computed_node),
            (per_item, computed),
            "{expression}"
        );
    }
}

#[test]
fn a_deferred_expression_is_bare_or_a_template() {
    let options = EvaluateOptions::default();
    for source in [
        "$item.price > 3",
        "{{ $item.price > 3 }}",
        "= {{ $item.price > 3 }} ",
        "=$item.price > 3",
    ] {
        let expression = Expression::parse(source).unwrap();
        assert_eq!(expression.source(), source);
        assert_eq!(
            expression.evaluate(&roots(), &options),
            Ok(json!(true)),
            "{source}"
        );
        assert_eq!(
            expression.evaluate_truthy(&roots(), &options),
            Ok(true),
            "{source}"
        );
    }
    for (source, truth) in [
        ("0", false),
        ("''", false),
        ("NaN", false),
        ("'0'", true),
        ("[]", true),
        ("$item.nope", false),
    ] {
        let expression = Expression::parse(source).unwrap();
        assert_eq!(
            expression.evaluate_truthy(&roots(), &options),
            Ok(truth),
            "{source}"
        );
    }
    assert_eq!(Expression::parse("=$item.").unwrap_err().span.end, 7);
}

#[test]
fn a_caller_may_bind_names_of_its_own() {
    let roots = roots().with_binding("$row", json!({"a": 1}));
    let expression = Expression::parse_with("$row.a + 1", &["$row"]).unwrap();
    assert_eq!(
        expression.evaluate(&roots, &EvaluateOptions::default()),
        Ok(json!(2))
    );
    assert!(Expression::parse("$row.a").is_err());
}

#[test]
fn parameters_keep_what_no_expression_touches() {
    let parameters = json!({
        "url": "https://x/{{ $json.id }}", "{{ key }}": 1, "options": {"a/b": ["{{ $json.qty }}", 2]},
        "condition": "$item.price > 3", "plain": {"deep": ["x", null]}
    });
    let compiled =
        ParameterTemplate::compile(&parameters, Syntax::Native, &|at| at == "/condition").unwrap();
    assert!(!compiled.is_static());
    assert_eq!(compiled.source(), &parameters);
    assert_eq!(
        compiled
            .evaluate(&roots(), &EvaluateOptions::default())
            .unwrap(),
        json!({
            "url": "https://x/7", "{{ key }}": 1, "options": {"a/b": [4, 2]},
            "condition": "$item.price > 3", "plain": {"deep": ["x", null]}
        })
    );
    assert!(compiled.references().per_item && compiled.references().bindings.contains("$item"));
    let condition = compiled.deferred("$item.price > 3").unwrap();
    assert_eq!(
        condition.evaluate_truthy(&roots(), &EvaluateOptions::default()),
        Ok(true)
    );

    let plain = json!({"a": [1, "x"]});
    let compiled = ParameterTemplate::compile(&plain, Syntax::N8n, &|_| false).unwrap();
    assert_eq!(compiled.static_value(), Some(&plain));
}

#[test]
fn all_errors_of_parameters_are_reported_with_their_place() {
    let parameters = json!({"a": "{{ $jsn }}", "b": {"c/d": ["ok", "{{ /x/ }}"]}, "e": "{{ 1 }}"});
    let errors = ParameterTemplate::compile(&parameters, Syntax::Native, &|_| false).unwrap_err();
    let places: Vec<&str> = errors.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["/a", "/b/c~1d/1"]);

    let parameters = json!({"a": {"b~": ["{{ 1 }}", "{{ $json.nope.x }}"]}});
    let compiled = ParameterTemplate::compile(&parameters, Syntax::Native, &|_| false).unwrap();
    let error = compiled
        .evaluate(&roots(), &EvaluateOptions::strict())
        .unwrap_err();
    assert_eq!(error.pointer, "/a/b~0/1");
    assert_eq!(error.error.code, ErrorCode::MISSING_FIELD);
    assert_eq!(error.error.expression, "$json.nope.x");
}

#[test]
fn every_function_is_in_the_document() {
    let document = include_str!("../../../../docs/expressions.md");
    let missing: Vec<_> = functions()
        .filter(|(_, name)| !document.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn templates_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Template>();
    shared::<Expression>();
    shared::<ParameterTemplate>();
}
