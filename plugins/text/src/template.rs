use jackfield_plugin::{
    Example, NodeError, NodeOutput, NodeType, NodeTypeMetadata, Object, TypedCall, code,
};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// How many steps one text may take, so that a loop over loops ends with an error that says why.
const STEPS: u64 = 1_000_000;
/// What the template is called in messages.
const NAME: &str = "template";

/// Fills in templates, item by item.
pub(crate) struct Template;

/// Which template, and where its text goes.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    /// The template, as in Jinja, with square brackets so that it is no expression of the
    /// workflow: `Dear [[ name ]], [% for line in lines %]…[% endfor %]`.
    template: String,
    /// The field of the item that the text is put in.
    #[serde(default = "text")]
    field: String,
    /// Whether a field that the item lacks is an error; nothing is put in its place otherwise.
    #[serde(default)]
    strict: bool,
}

fn text() -> String {
    "text".to_owned()
}

impl NodeType for Template {
    type Params = Params;

    fn declaration(&self) -> NodeTypeMetadata {
        NodeTypeMetadata::new("examples/template", "0.1.0", "string")
            .described("Fills in a template with the fields of each item.")
            .tagged(&["text", "jinja"])
            .with_example(Example::new(
                "A line for each entry",
                json!({ "template": "[[ name | upper ]]:[% for n in list %] [[ n ]][% endfor %]" }),
                [json!({ "name": "ada", "list": [1, 2] })],
                [json!({ "name": "ada", "list": [1, 2], "text": "ADA: 1 2" })],
            ))
    }

    fn run(&self, call: TypedCall<'_, Params>) -> Result<NodeOutput, NodeError> {
        call.map_items(fill)
    }
}

fn fill(params: &Params, item: &Object) -> Result<Object, NodeError> {
    let environment = environment(params)?;
    let template = environment
        .get_template(NAME)
        .map_err(|error| explain(&error))?;
    let text = template.render(item).map_err(|error| explain(&error))?;
    let mut made = item.clone();
    made.insert(params.field.clone(), text.into());
    Ok(made)
}

fn environment(params: &Params) -> Result<Environment<'_>, NodeError> {
    let syntax = SyntaxConfig::builder()
        .variable_delimiters("[[", "]]")
        .block_delimiters("[%", "%]")
        .comment_delimiters("[#", "#]")
        .build()
        .map_err(|error| explain(&error))?;
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.set_fuel(Some(STEPS));
    if params.strict {
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
    }
    environment
        .add_template(NAME, &params.template)
        .map_err(|error| explain(&error))?;
    Ok(environment)
}

/// What is wrong with the template concerns the parameters; what is wrong with an item does not.
fn explain(error: &minijinja::Error) -> NodeError {
    let line = error
        .line()
        .map_or(String::new(), |line| format!("line {line}: "));
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    let message = format!("{line}{detail}");
    match error.kind() {
        ErrorKind::UndefinedError => NodeError::permanent(code::MISSING_FIELD, message),
        ErrorKind::OutOfFuel => {
            let message = format!("the template takes more than {STEPS} steps");
            NodeError::permanent(code::LIMIT_EXCEEDED, message)
        }
        ErrorKind::InvalidOperation => NodeError::permanent(code::WRONG_TYPE, message),
        _ => NodeError::parameter("/template", message),
    }
}

#[cfg(test)]
mod tests {
    use jackfield_plugin::{AnyNodeType, Call, object};
    use serde_json::Value;

    use super::*;

    fn run(parameters: &Value) -> Result<NodeOutput, NodeError> {
        Template.call(&Call::sample(parameters, [object([("n", 3.into())])]))
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let broken = run(&json!({ "template": "[[ n" })).unwrap_err();
        assert!(matches!(broken, NodeError::Params(_)), "{broken:?}");
        let lacking = run(&json!({ "template": "[[ m ]]", "strict": true })).unwrap_err();
        assert_eq!(lacking.code(), code::MISSING_FIELD);
        let endless =
            "[% for a in range(9000) %][% for b in range(9000) %]x[% endfor %][% endfor %]";
        let endless = run(&json!({ "template": endless })).unwrap_err();
        assert_eq!(endless.code(), code::LIMIT_EXCEEDED);
        let lax = run(&json!({ "template": "<[[ m ]]>" })).unwrap();
        assert_eq!(lax.ports[0][0].json()["text"], "<>");
    }
}
