//! What expressions mean: one row for each promise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use jackfield_definition::expression::{
    EvaluateOptions, Expression, ParameterTemplate, StaticRoots, Syntax, Template, functions,
};
use jackfield_types::{ErrorCode, Item};
use serde_json::{Value, json};

fn item(value: Value) -> Item {
    Item::from_value(value).unwrap()
}

fn roots() -> StaticRoots {
    let first = json!({
        "id": 7, "price": 2.5, "qty": 4, "big": 9_007_199_254_740_993_i64, "name": "Ünal Çelik",
        "email": "a.b@example.com", "tags": ["b", "a", "c", "a"], "zero": 0, "empty": "",
        "nothing": null, "ok": true, "customer": {"name": "Ada", "address": {"city": "Köln"}},
        "lines": [{"sku": "x", "n": 2, "p": 1.5}, {"sku": "y", "n": 1, "p": 10}],
        "text": "The quick brown fox", "emoji": "a😀b", "json": "{\"a\":[1,2]}",
        "__proto__": {"polluted": true}, "constructor": "c", "when": "2024-02-29T12:30:45.678Z"
    });
    StaticRoots::new("2024-05-15T10:20:30Z".parse().unwrap())
        .with_input(vec![item(first), item(json!({"id": 8, "price": 1}))])
        .with_node(
            "Set Price",
            vec![item(json!({"total": 12})), item(json!({"total": 13}))],
        )
        .with_node("fetch", vec![item(json!({"a": 1})), item(json!({"a": 2}))])
        .with_variables(json!({"rate": 3}).as_object().unwrap().clone())
        .with_context(json!({"user": "u1"}))
        .with_workflow(json!({"id": "w", "name": "Orders"}))
        .with_execution(json!({"id": "exec_1"}))
        .with_environment("REGION", "eu")
        .with_binding("$item", json!({"price": 5, "name": "Bo"}))
        .with_binding("$index", json!(2))
        .with_run_index(1)
}

fn evaluate(expression: &str, options: &EvaluateOptions) -> Result<Value, String> {
    let text = format!("{{{{ {expression} }}}}");
    let template = Template::parse(&text, Syntax::Native)
        .map_err(|error| format!("{}: {} ({:?})", error.code, error.message, error.hint))?;
    template
        .evaluate(&roots(), options)
        .map_err(|error| format!("{}: {}", error.code, error.message))
}

fn check(rows: &[(&str, Value)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(expression, expected)| {
            let found = evaluate(expression, &EvaluateOptions::default());
            (found.as_ref() != Ok(expected))
                .then(|| format!("{expression}\n  expected {expected}\n  found    {found:?}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} rows:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[test]
fn literals_and_operators_mean_what_they_mean_in_javascript() {
    check(&[
        ("1", json!(1)),
        ("0x1f + 0b11 + 0o7", json!(41)),
        ("1_000", json!(1000)),
        ("1e3", json!(1000)),
        ("'a\\n\\u0041\\x42'", json!("a\nAB")),
        ("`${1 + 1} and ${'x'}`", json!("2 and x")),
        ("`a${`b${'c'}`}`", json!("abc")),
        ("[1, , 2]", json!([1, null, 2])),
        (
            "{a: 1, 'b': 2, [`c${1}`]: 3, 4: 5}",
            json!({"a": 1, "b": 2, "c1": 3, "4": 5}),
        ),
        ("{a: {b: {c: 1}}}", json!({"a": {"b": {"c": 1}}})),
        ("\"}}\"", json!("}}")),
        ("'{{'", json!("{{")),
        (
            "[...$json.tags, ...'xy']",
            json!(["b", "a", "c", "a", "x", "y"]),
        ),
        (
            "{...$json.customer, name: 'B'}",
            json!({"name": "B", "address": {"city": "Köln"}}),
        ),
        ("undefined", json!(null)),
        ("{a: undefined, b: null}", json!({"b": null})),
        ("1 + 2 * 3 - 4 / 2", json!(5)),
        ("(1 + 2) * 3", json!(9)),
        ("7 / 2", json!(3.5)),
        ("6 / 2", json!(3)),
        ("-7 % 3", json!(-1)),
        ("5.5 % 2", json!(1.5)),
        ("2 ** 3 ** 2", json!(512)),
        ("2 ** -1", json!(0.5)),
        ("2 ** 63", json!(9_223_372_036_854_775_808_u64)),
        ("0.1 + 0.2", json!(0.300_000_000_000_000_04)),
        ("$json.big + 0", json!(9_007_199_254_740_993_i64)),
        ("$json.big * 2", json!(18_014_398_509_481_986_i64)),
        (
            "18446744073709551615",
            json!(18_446_744_073_709_551_615_u64),
        ),
        (
            "18446744073709551615 + 1",
            json!(18_446_744_073_709_552_000.0),
        ),
        ("9007199254740993 % 10", json!(3)),
        ("'a' + 1 + 2", json!("a12")),
        ("1 + 2 + 'a'", json!("3a")),
        ("1 + null", json!(1)),
        ("1 + true", json!(2)),
        ("'3' * '4'", json!(12)),
        ("'5' - 2", json!(3)),
        ("'x' + [1, [2, 3]] + {}", json!("x1,2,3[object Object]")),
        ("+'42'", json!(42)),
        ("-'1.5'", json!(-1.5)),
        ("!0 && !''", json!(true)),
        ("~5", json!(-6)),
        ("5 & 3 | 8 ^ 2", json!(11)),
        ("1 << 4", json!(16)),
        ("-16 >> 2", json!(-4)),
        ("-1 >>> 0", json!(4_294_967_295_u64)),
        ("typeof $json.nope", json!("undefined")),
        (
            "typeof [] + typeof null + typeof 1",
            json!("objectobjectnumber"),
        ),
        ("void 0", json!(null)),
        ("1 == '1'", json!(true)),
        ("1 === '1'", json!(false)),
        ("1 === 1.0", json!(true)),
        ("null == undefined", json!(true)),
        ("null === undefined", json!(false)),
        ("null == 0", json!(false)),
        ("'' == 0", json!(true)),
        ("NaN == NaN", json!(false)),
        ("[1] == 1", json!(true)),
        ("[1] == [1]", json!(false)),
        ("$json.tags === $json.tags", json!(true)),
        ("'10' < '9'", json!(true)),
        ("'10' < 9", json!(false)),
        ("undefined > 1", json!(false)),
        ("$json.big > 9007199254740992", json!(true)),
        ("'a' in {a: 1}", json!(true)),
        ("'b' in {a: 1}", json!(false)),
        ("1 in [5, 6]", json!(true)),
        ("0 || 'x'", json!("x")),
        ("0 ?? 'x'", json!(0)),
        ("null ?? 'x'", json!("x")),
        ("1 && 2 || 3", json!(2)),
        ("'' || null || 0", json!(0)),
        ("1 > 2 ? 'a' : 2 > 1 ? 'b' : 'c'", json!("b")),
        ("/* note */ 1 // and so on", json!(1)),
        ("1;", json!(1)),
        ("isNaN(0 / 0)", json!(true)),
        ("1 / 0 > 5", json!(true)),
    ]);
}

#[test]
fn paths_read_the_data_and_nothing_else() {
    check(&[
        ("$json.customer.address.city", json!("Köln")),
        ("$json['customer']['name']", json!("Ada")),
        ("$json.lines[1].sku", json!("y")),
        ("$json.lines['0'].sku", json!("x")),
        ("$json.lines[$json.zero].sku", json!("x")),
        ("$json.lines[9]", json!(null)),
        ("$json.lines.length", json!(2)),
        ("$json.nope", json!(null)),
        ("$json.nope.deeper.still", json!(null)),
        ("$json.nope.trim()", json!(null)),
        ("$json.nothing.trim().length", json!(null)),
        ("$json.nope?.deeper.still", json!(null)),
        ("($json.nope?.a).b", json!(null)),
        ("$json?.customer?.name", json!("Ada")),
        ("$json.nope?.[0]", json!(null)),
        ("$json.nope ?? 'd'", json!("d")),
        ("$json.name[0]", json!("Ü")),
        ("$json.name.length", json!(10)),
        ("$input.item.json.id", json!(7)),
        ("$input.first().json.id", json!(7)),
        ("$input.last().json.id", json!(8)),
        ("$input.all().map(i => i.json.id)", json!([7, 8])),
        ("$input.all().length", json!(2)),
        ("$('Set Price').item.json.total", json!(12)),
        ("$('Set Price').first().json.total", json!(12)),
        ("$('Set Price').last().json.total", json!(13)),
        ("$('Set Price').all()[1].json.total", json!(13)),
        ("$(`Set Price`).all(1)", json!([])),
        ("$('Set ' + 'Price').isExecuted", json!(true)),
        ("$('Nobody').isExecuted", json!(false)),
        ("$node['Set Price'].json.total", json!(12)),
        ("$node.fetch.json['a']", json!(1)),
        ("$steps.fetch.output.a", json!(1)),
        ("$steps['fetch'].items", json!([{"a": 1}, {"a": 2}])),
        ("$steps.fetch.items.map(x => x.a).sum()", json!(3)),
        ("$steps.fetch.status", json!("success")),
        ("$context.user", json!("u1")),
        ("$workflow.name", json!("Orders")),
        ("$workflow.variables.rate", json!(3)),
        ("$vars.rate", json!(3)),
        ("$execution.id", json!("exec_1")),
        ("$env.REGION", json!("eu")),
        ("$env.HOME", json!(null)),
        ("$env['REG' + 'ION']", json!("eu")),
        ("$itemIndex", json!(0)),
        ("$runIndex", json!(1)),
        ("$item.price + $index", json!(7)),
        ("$acc ?? 'none'", json!("none")),
        ("$binary.data", json!(null)),
        ("$if($json.ok, 'y', 'n')", json!("y")),
        ("$ifEmpty($json.empty, 'd')", json!("d")),
        ("$max(1, 3, 2)", json!(3)),
        // What lies on the way to prototypes is not there.
        ("$json.__proto__", json!(null)),
        ("$json['__proto__'].polluted", json!(null)),
        ("$json['__pro' + 'to__']", json!(null)),
        ("$json.constructor", json!(null)),
        ("''.constructor", json!(null)),
        ("[].constructor.prototype", json!(null)),
        ("'__proto__' in $json", json!(false)),
        ("$json.hasField('constructor')", json!(false)),
    ]);
}

#[test]
fn strings_numbers_and_objects_have_their_methods() {
    check(&[
        ("$json.text.toUpperCase()", json!("THE QUICK BROWN FOX")),
        (
            "$json.text.split(' ')",
            json!(["The", "quick", "brown", "fox"]),
        ),
        ("'a,b,c'.split(',', 2)", json!(["a", "b"])),
        ("'añb'.split('')", json!(["a", "ñ", "b"])),
        ("$json.text.slice(-3)", json!("fox")),
        ("$json.text.substring(9, 4)", json!("quick")),
        ("$json.text.substr(4, 5)", json!("quick")),
        ("$json.text.indexOf('quick')", json!(4)),
        ("'aXbX'.lastIndexOf('X')", json!(3)),
        ("$json.name.indexOf('Ç')", json!(5)),
        ("$json.emoji.length", json!(4)),
        ("$json.emoji.slice(0, 2)", json!("a\u{fffd}")),
        ("$json.emoji.slice(1, 3)", json!("😀")),
        ("$json.emoji.charCodeAt(1)", json!(0xd83d)),
        ("$json.emoji.codePointAt(1)", json!(0x1f600)),
        ("'abc'.charAt(1) + 'abc'.at(-1)", json!("bc")),
        (
            "$json.text.includes('brown') && !$json.text.startsWith('x')",
            json!(true),
        ),
        ("'file.json'.endsWith('.json')", json!(true)),
        (
            "'  x '.trim() + '|' + ' y '.trimStart() + '|' + ' z '.trimEnd()",
            json!("x|y | z"),
        ),
        (
            "'7'.padStart(3, '0') + 'a'.padEnd(3, 'xy')",
            json!("007axy"),
        ),
        ("'ab'.repeat(3)", json!("ababab")),
        ("'a-b-c'.replace('-', '+')", json!("a+b-c")),
        ("'a-b-c'.replaceAll('-', '+')", json!("a+b+c")),
        ("'price'.replace('price', '$& $$')", json!("price $")),
        ("'a'.concat('b', 1)", json!("ab1")),
        ("'b'.localeCompare('a')", json!(1)),
        ("''.isEmpty() && 'x'.isNotEmpty()", json!(true)),
        (
            "'12.5'.toNumber() + '7'.toInt() + '2.9'.toInt()",
            json!(21.5),
        ),
        ("'héllo wörld'.toTitleCase()", json!("Héllo Wörld")),
        ("'héllo'.base64Encode()", json!("aMOpbGxv")),
        ("'aMOpbGxv'.base64Decode()", json!("héllo")),
        ("'a b&c/ü'.urlEncode()", json!("a%20b%26c%2F%C3%BC")),
        ("'a%20b'.urlDecode()", json!("a b")),
        (
            "encodeURI('https://x.y/a b?q=1&r=ü')",
            json!("https://x.y/a%20b?q=1&r=%C3%BC"),
        ),
        ("decodeURIComponent('%F0%9F%98%80')", json!("😀")),
        ("$json.json.parseJson().a[1]", json!(2)),
        ("JSON.parse($json.json)", json!({"a": [1, 2]})),
        (
            "JSON.stringify({a: [1, 'x'], b: undefined, c: 0.5})",
            json!("{\"a\":[1,\"x\"],\"c\":0.5}"),
        ),
        (
            "JSON.stringify({a: [1], b: {}}, null, 2)",
            json!("{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}"),
        ),
        ("'yes'.toBoolean() && !'false'.toBoolean()", json!(true)),
        ("(1234.5678).toFixed(2)", json!("1234.57")),
        ("(2.5).toFixed(0) + (1.005).toFixed(2)", json!("31.00")),
        ("(255).toString(16) + (0.5).toString(2)", json!("ff0.1")),
        ("(1234567.891).toLocaleString()", json!("1,234,567.891")),
        ("(1.005).round(2)", json!(1.01)),
        ("(2.5).floor() + (2.1).ceil() + (-3).abs()", json!(8)),
        ("(4).isEven() && (5).isOdd()", json!(true)),
        ("(0.00001234).toPrecision(2)", json!("0.000012")),
        ("1e21 + ''", json!("1e+21")),
        ("String(0.000001) + String(1e-7)", json!("0.0000011e-7")),
        (
            "parseInt('42px') + parseInt('ff', 16) + parseInt('0x10')",
            json!(313),
        ),
        ("parseFloat('3.25abc')", json!(3.25)),
        ("Number('') + Number(' 12 ') + Number(null)", json!(12)),
        ("isNaN('x')", json!(true)),
        (
            "Number.isInteger(5.0) && !Number.isInteger('5')",
            json!(true),
        ),
        ("Number.MAX_SAFE_INTEGER", json!(9_007_199_254_740_991_i64)),
        ("Math.max(1, 9, 3) + Math.min(...[4, 2])", json!(11)),
        ("Math.round(2.5) + Math.round(-2.5)", json!(1)),
        (
            "Math.floor(-1.5) + Math.ceil(1.2) + Math.trunc(-1.9)",
            json!(-1),
        ),
        (
            "Math.sqrt(16) + Math.abs(-2) + Math.pow(2, 10)",
            json!(1030),
        ),
        ("Object.keys($json.customer)", json!(["name", "address"])),
        ("Object.values({a: 1, b: 2})", json!([1, 2])),
        ("Object.entries({a: 1})", json!([["a", 1]])),
        ("Object.assign({}, {a: 1}, {b: 2})", json!({"a": 1, "b": 2})),
        (
            "Object.fromEntries([['a', 1], ['b', 2]])",
            json!({"a": 1, "b": 2}),
        ),
        ("Object.hasOwn({a: 1}, 'a')", json!(true)),
        ("{}.isEmpty()", json!(true)),
        ("$json.customer.hasField('name')", json!(true)),
        ("$json.customer.keys()", json!(["name", "address"])),
        ("{a: null, b: '', c: 0}.compact()", json!({"c": 0})),
        ("{a: 1}.toJsonString()", json!("{\"a\":1}")),
        ("Boolean('') || Boolean('x')", json!(true)),
    ]);
}

#[test]
fn arrays_have_their_methods() {
    check(&[
        ("$json.lines.map(l => l.n * l.p)", json!([3, 10])),
        ("$json.lines.map(({n, p}, i) => n * p + i)", json!([3, 11])),
        ("[[1, 2], [3, 4]].map(([a, , b]) => a)", json!([1, 3])),
        ("$json.lines.filter(l => l.n > 1).length", json!(1)),
        ("[0, 1, '', 'a', null].filter(Boolean)", json!([1, "a"])),
        ("['1', '2', '3'].map(Number)", json!([1, 2, 3])),
        ("[1.5, 2.5].map(Math.floor)", json!([1, 2])),
        (
            "$json.lines.reduce((sum, l) => sum + l.n * l.p, 0)",
            json!(13),
        ),
        ("[1, 2, 3].reduce((a, b) => a + b)", json!(6)),
        ("['a', 'b'].reduceRight((a, b) => a + b)", json!("ba")),
        (
            "[1, 2, 3].every(x => x > 0) && [1].some(x => x > 0)",
            json!(true),
        ),
        ("[1, 2, 3, 4].find(x => x > 2)", json!(3)),
        ("[1, 2, 3, 4].findLast(x => x < 3)", json!(2)),
        ("[1, 2].findIndex(x => x == 5)", json!(-1)),
        ("[[1, 2], [3, [4]]].flat()", json!([1, 2, 3, [4]])),
        ("[1, [2, [3, [4]]]].flat(Infinity)", json!([1, 2, 3, 4])),
        (
            "$json.lines.flatMap(l => [l.sku, l.n])",
            json!(["x", 2, "y", 1]),
        ),
        ("$json.tags.includes('c')", json!(true)),
        ("[NaN].includes(NaN)", json!(true)),
        (
            "$json.tags.indexOf('a') + $json.tags.lastIndexOf('a')",
            json!(4),
        ),
        ("$json.tags.join('-')", json!("b-a-c-a")),
        ("[1, null, undefined, [2]].join()", json!("1,,,2")),
        ("$json.tags.sort()", json!(["a", "a", "b", "c"])),
        ("$json.tags", json!(["b", "a", "c", "a"])),
        ("[10, 9, 1].sort()", json!([1, 10, 9])),
        ("[10, 9, 1].toSorted((a, b) => a - b)", json!([1, 9, 10])),
        ("[3, 1, 2].reverse()", json!([2, 1, 3])),
        ("[1, 2, 3, 4].slice(1, -1)", json!([2, 3])),
        ("[1, 2].concat([3], 4)", json!([1, 2, 3, 4])),
        ("[1, 2, 3].at(-1)", json!(3)),
        ("['a', 'b'].entries()", json!([[0, "a"], [1, "b"]])),
        ("['a', 'b'].keys()", json!([0, 1])),
        ("[1, 2, 3].first() + [1, 2, 3].last()", json!(4)),
        (
            "[1, 2, 3].sum() + [1, 2, 3].average() + [4, 5].max() + [4, 5].min()",
            json!(17),
        ),
        ("$json.tags.unique()", json!(["b", "a", "c"])),
        (
            "[{a: 1, b: 1}, {a: 1, b: 2}].removeDuplicates('a')",
            json!([{"a": 1, "b": 1}]),
        ),
        ("[1, null, '', 0].compact()", json!([1, 0])),
        ("$json.lines.pluck('sku')", json!(["x", "y"])),
        ("[1, 2, 3].chunk(2)", json!([[1, 2], [3]])),
        ("Array.from({length: 3}, (_, i) => i * i)", json!([0, 1, 4])),
        ("Array.from('ab')", json!(["a", "b"])),
        ("Array.isArray([]) && !Array.isArray({})", json!(true)),
        ("Array.of(1, 2)", json!([1, 2])),
        (
            "[1, 2].map(x => [1, 2].map(y => x * y))",
            json!([[1, 2], [2, 4]]),
        ),
        ("[3, 1].map(x => ({x}))", json!([{"x": 3}, {"x": 1}])),
        (
            "$json.lines.map(l => `${l.sku}=${l.n}`).join('&')",
            json!("x=2&y=1"),
        ),
    ]);
}

#[test]
fn dates_have_the_part_of_luxon_that_workflows_use() {
    check(&[
        ("$now", json!("2024-05-15T10:20:30.000Z")),
        ("$today.toISODate()", json!("2024-05-15")),
        (
            "$now.toFormat('dd LLL yyyy, HH:mm')",
            json!("15 May 2024, 10:20"),
        ),
        (
            "$now.toFormat(\"EEEE 'at' h:mm a ZZ\")",
            json!("Wednesday at 10:20 AM +00:00"),
        ),
        (
            "$now.plus({days: 20, hours: 1}).toISO()",
            json!("2024-06-04T11:20:30.000Z"),
        ),
        ("$now.minus(1, 'month').toISODate()", json!("2024-04-15")),
        (
            "DateTime.fromISO('2024-01-31').plus({months: 1}).toISODate()",
            json!("2024-02-29"),
        ),
        (
            "$now.startOf('month').toISO()",
            json!("2024-05-01T00:00:00.000Z"),
        ),
        ("$now.startOf('week').toISODate()", json!("2024-05-13")),
        (
            "$now.endOf('year').toISO()",
            json!("2024-12-31T23:59:59.999Z"),
        ),
        ("$now.year * 100 + $now.month", json!(202_405)),
        ("$now.weekday", json!(3)),
        ("$now.monthLong", json!("May")),
        ("$now.toMillis()", json!(1_715_768_430_000_i64)),
        (
            "$now.diff(DateTime.fromISO('2024-05-10T10:20:30Z'), 'days').days",
            json!(5),
        ),
        (
            "DateTime.fromISO('2024-03-01').diff(DateTime.fromISO('2024-01-31'), ['months', 'days']).toObject()",
            json!({"months": 1, "days": 1}),
        ),
        ("$now.diff($today, 'hours').hours.round(2)", json!(10.34)),
        ("$now > $today", json!(true)),
        ("$now.setZone('Europe/Berlin').hour", json!(12)),
        (
            "$now.setZone('UTC+5:30').toISO()",
            json!("2024-05-15T15:50:30.000+05:30"),
        ),
        (
            "DateTime.fromFormat('03/04/2024', 'dd/MM/yyyy').toISODate()",
            json!("2024-04-03"),
        ),
        (
            "DateTime.fromMillis(0).toISO()",
            json!("1970-01-01T00:00:00.000Z"),
        ),
        ("$json.when.toDateTime().day", json!(29)),
        (
            "new Date($json.when).toISOString()",
            json!("2024-02-29T12:30:45.678Z"),
        ),
        ("new Date(2024, 0, 31).getMonth()", json!(0)),
        (
            "new Date('2024-02-29').getTime()",
            json!(1_709_164_800_000_i64),
        ),
        ("new Date().getFullYear()", json!(2024)),
        ("new Date($json.when) < new Date()", json!(true)),
        ("new Date() - new Date($json.when) > 0", json!(true)),
        ("Date.now()", json!(1_715_768_430_000_i64)),
        ("{at: $now}", json!({"at": "2024-05-15T10:20:30.000Z"})),
    ]);
}

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
    let document = include_str!("../../../docs/expressions.md");
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
