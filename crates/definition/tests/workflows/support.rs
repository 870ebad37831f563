//! A catalog of a few node types, and a way to show findings as a terminal would.

use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_definition::{
    Catalog, CatalogEntry, CatalogError, Diagnostics, Plan, PlanOptions, SecretGrant, SourceText,
    plan_workflow,
};
use jackfield_types::{
    DynamicOutputs, NodeRole, NodeTypeId, NodeTypeMetadata, Ports, ValidationIssue, VariableAccess,
    VersionSelector,
};
use miette::{GraphicalReportHandler, GraphicalTheme};
use semver::Version;
use serde_json::{Value, json};

/// Node types by name, newest version first.
#[derive(Default)]
pub(crate) struct TestCatalog(BTreeMap<&'static str, Vec<Arc<TestType>>>);

struct TestType(Arc<NodeTypeMetadata>);

impl CatalogEntry for TestType {
    fn metadata(&self) -> &Arc<NodeTypeMetadata> {
        &self.0
    }

    /// Looks at `required` and at the `type` of each property: enough to see findings placed.
    fn check(&self, parameters: &Value, unknown: &[String]) -> Vec<ValidationIssue> {
        let mut issues = Vec::new();
        let schema = self.0.schema.clone().unwrap_or_default();
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if parameters.get(name).is_none() {
                issues.push(ValidationIssue::parameter(
                    "",
                    format!("`{name}` is missing"),
                ));
            }
        }
        let Some(properties) = schema["properties"].as_object() else {
            return issues;
        };
        for (name, value) in parameters.as_object().into_iter().flatten() {
            let path = format!("/{name}");
            if unknown.contains(&path) {
                continue;
            }
            let Some(property) = properties.get(name) else {
                issues.push(ValidationIssue::parameter(
                    path,
                    "there is no such parameter",
                ));
                continue;
            };
            let is_right = match property["type"].as_str() {
                Some("number") => value.is_number(),
                Some("string") => value.is_string(),
                Some("array") => value.is_array(),
                _ => true,
            };
            if !is_right {
                let message = format!("{value} is not of type {}", property["type"]);
                issues.push(
                    ValidationIssue::parameter(path, message).with_hint("leave the quotes out"),
                );
            }
        }
        issues
    }
}

impl TestCatalog {
    pub(crate) fn new() -> Self {
        let mut catalog = Self::default();
        catalog.add("trigger.manual", "1.0.0", |one| {
            one.ports = Ports::trigger();
            one.role = NodeRole::Trigger;
        });
        catalog.add("trigger.webhook", "1.0.0", |one| {
            one.ports = Ports::trigger();
            one.role = NodeRole::Trigger;
        });
        catalog.add("no-op", "1.0.0", |_| {});
        catalog.add("transform", "2.1.0", |one| {
            one.schema = Some(json!({
                "required": ["field"],
                "properties": {
                    "field": { "type": "string" },
                    "count": { "type": "number" },
                    "value": {},
                },
            }));
        });
        catalog.add("transform", "1.4.0", |_| {});
        catalog.add("filter", "1.0.0", |one| {
            one.schema = Some(json!({
                "properties": { "condition": { "type": "string", "format": "expression" } },
            }));
        });
        catalog.add("condition", "1.0.0", |one| {
            one.ports = Ports::with_outputs(&["true", "false"]);
        });
        catalog.add("switch", "1.0.0", |one| {
            one.ports = Ports {
                inputs: 1,
                outputs: vec!["otherwise".to_owned()],
                dynamic_outputs: Some(DynamicOutputs {
                    parameter: "rules".to_owned(),
                    default: 0,
                }),
            };
        });
        catalog.add("merge", "1.0.0", |one| {
            one.ports = Ports {
                inputs: 2,
                ..Ports::default()
            };
        });
        catalog.add("loop", "1.0.0", |one| {
            one.ports = Ports::with_outputs(&["done", "loop"]);
            one.role = NodeRole::Loop;
        });
        catalog.add("execute-workflow", "1.0.0", |one| {
            one.schema = Some(json!({
                "properties": { "workflow": { "type": ["string", "object"], "format": "workflow" } },
            }));
        });
        catalog.add("set-variable", "1.0.0", |one| {
            one.variables = VariableAccess::Writes;
        });
        catalog
    }

    fn add(&mut self, name: &'static str, version: &str, with: impl Fn(&mut NodeTypeMetadata)) {
        let node_type = NodeTypeId::parse(name).expect("a node type");
        let mut metadata = NodeTypeMetadata::new(
            node_type,
            Version::parse(version).expect("a version"),
            "test",
        );
        with(&mut metadata);
        self.0
            .entry(name)
            .or_default()
            .push(Arc::new(TestType(Arc::new(metadata))));
    }
}

impl Catalog for TestCatalog {
    fn find(
        &self,
        node_type: &NodeTypeId,
        version: &VersionSelector,
    ) -> Result<Arc<dyn CatalogEntry>, CatalogError> {
        let Some(versions) = self.0.get(node_type.as_str()) else {
            let names = self.0.keys();
            let near = names.filter(|name| strsim::osa_distance(name, node_type.as_str()) <= 2);
            return Err(CatalogError::UnknownNodeType {
                node_type: node_type.clone(),
                nearest: near
                    .map(|name| NodeTypeId::parse(name).expect("a node type"))
                    .collect(),
            });
        };
        let found = versions.iter().find(|one| version.matches(&one.0.version));
        match found {
            Some(found) => Ok(Arc::clone(found) as Arc<dyn CatalogEntry>),
            None => Err(CatalogError::UnknownVersion {
                node_type: node_type.clone(),
                version: version.clone(),
                available: versions.iter().map(|one| one.0.version.clone()).collect(),
            }),
        }
    }
}

/// The test catalog as a tenant sees it that may use nothing but what it needs: no `filter`, of
/// `transform` no version 2, and of the secrets `KEY` and `PIN` only the first.
pub(crate) struct StrictCatalog(pub(crate) TestCatalog);

impl Catalog for StrictCatalog {
    fn find(
        &self,
        node_type: &NodeTypeId,
        version: &VersionSelector,
    ) -> Result<Arc<dyn CatalogEntry>, CatalogError> {
        self.0.find(node_type, version)
    }

    fn refusal(&self, node_type: &NodeTypeId, entry: &dyn CatalogEntry) -> Option<String> {
        let rule = match (node_type.as_str(), entry.metadata().version.major) {
            ("filter", _) => "`filter`",
            ("transform", 2) => "`transform@2`",
            _ => return None,
        };
        Some(format!("tenant `acme`: restrictedNodeTypes[0] {rule}"))
    }

    fn refusal_by_name(&self, node_type: &NodeTypeId) -> Option<String> {
        let is_refused = node_type.as_str().starts_with("hidden/");
        is_refused.then(|| "tenant `acme`: restrictedNodeTypes[1] `hidden/*`".to_owned())
    }

    fn secret(&self, name: &str) -> SecretGrant {
        match name {
            "KEY" => SecretGrant::Granted,
            "PIN" => SecretGrant::Refused("not in `secrets`".to_owned()),
            _ => SecretGrant::Missing,
        }
    }

    fn secret_names(&self) -> Vec<String> {
        vec!["KEY".to_owned()]
    }
}

/// Plans a text against the strict catalog.
pub(crate) fn plan_strictly(text: &str) -> Result<Plan, Diagnostics> {
    let source = SourceText::new("workflow.json", text);
    let catalog = StrictCatalog(TestCatalog::new());
    plan_workflow(&source, &catalog, &PlanOptions::default())
}

/// Plans a text against the test catalog.
pub(crate) fn plan(text: &str) -> Result<Plan, Diagnostics> {
    let source = SourceText::new("workflow.json", text);
    plan_workflow(&source, &TestCatalog::new(), &PlanOptions::default())
}

/// The findings of a text, warnings included, as a terminal would show them without colours.
pub(crate) fn rendered(text: &str) -> String {
    rendered_findings(plan(text))
}

/// The findings of planning, warnings included, as a terminal would show them without colours.
pub(crate) fn rendered_findings(planned: Result<Plan, Diagnostics>) -> String {
    let diagnostics = match planned {
        Ok(plan) => plan.warnings().clone(),
        Err(diagnostics) => diagnostics,
    };
    let mut shown = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut shown, &diagnostics.into_report())
        .expect("a report is written");
    shown
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// The codes of errors, in order.
pub(crate) fn codes(diagnostics: &Diagnostics) -> Vec<&str> {
    diagnostics
        .iter()
        .map(|finding| finding.code.as_str())
        .collect()
}
