//! Reading a policy: text in, a policy or all findings out.

use std::collections::BTreeSet;
use std::path::Path;

use jackfield_definition::{Diagnostic, Diagnostics, SourceText};
use jackfield_types::{ByteSize, ErrorCode, Policy, TenantId};
use serde_json::Value;

use super::check::check;
use super::compiled::TenantPolicy;
use super::finding::Finding;
use super::shape;
use super::toml_source::{self, Places};

/// How large the document of a policy may be.
pub const MAX_POLICY_SIZE: ByteSize = ByteSize::mib(4);

/// How a policy is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyFormat {
    /// As JSON.
    Json,
    /// As TOML.
    Toml,
}

impl PolicyFormat {
    /// What the name of a file says about its format.
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?;
        if extension.eq_ignore_ascii_case("json") {
            Some(Self::Json)
        } else if extension.eq_ignore_ascii_case("toml") {
            Some(Self::Toml)
        } else {
            None
        }
    }
}

/// Reads a policy and gives it with warnings, if there are any.
///
/// # Errors
/// All findings, when one of them is an error.
pub fn read_policy(
    source: &SourceText,
    format: PolicyFormat,
) -> Result<(Policy, Diagnostics), Diagnostics> {
    PolicyReader::new().read(source, format)
}

/// Reads policies, and knows what they are about.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct PolicyReader {
    pub(super) known: Option<BTreeSet<String>>,
    pub(super) tenant: Option<TenantId>,
}

impl PolicyReader {
    /// A reader that knows nothing but the format.
    pub fn new() -> Self {
        Self::default()
    }

    /// Warns of node types that are not among these.
    pub fn known_node_types(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.known = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Refuses a policy that says that it is another tenant's.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Reads a policy and gives it with warnings, if there are any. The size and depth of the
    /// document are bounded, and checked before it is parsed.
    ///
    /// # Errors
    /// All findings, when one of them is an error.
    pub fn read(
        &self,
        source: &SourceText,
        format: PolicyFormat,
    ) -> Result<(Policy, Diagnostics), Diagnostics> {
        let (policy, findings) = self.read_compiled(source, format)?;
        Ok((policy.document().clone(), findings))
    }

    /// Reads and compiles a policy.
    ///
    /// # Errors
    /// All findings, when one of them is an error.
    pub fn read_compiled(
        &self,
        source: &SourceText,
        format: PolicyFormat,
    ) -> Result<(TenantPolicy, Diagnostics), Diagnostics> {
        let (value, places, mut findings) = parse(source, format)?;
        let policy = shape::policy(&value, &mut findings);
        if let (Some(wanted), Some(named)) = (&self.tenant, &policy.tenant)
            && wanted != named
        {
            let message = format!("the policy is of tenant `{named}`, not of `{wanted}`");
            findings.push(
                Finding::error("/tenant", message)
                    .with_hint("leave `tenant` out, or name the tenant whose policy it is"),
            );
        }
        let wrong: BTreeSet<String> = findings
            .iter()
            .filter(|finding| finding.is_error())
            .map(|finding| finding.pointer.clone())
            .collect();
        // What could not be read was left at its default, of which there is nothing to say.
        let checked = check(&policy, self.known.as_ref()).into_iter();
        findings.extend(checked.filter(|finding| !is_within(&wrong, &finding.pointer)));
        if !findings.iter().any(Finding::is_error) {
            match TenantPolicy::compile_checked(&policy) {
                Ok(compiled) => return Ok((compiled, locate(findings, source, places.as_ref()))),
                Err(error) => findings.push(Finding::error("", error.to_string())),
            }
        }
        Err(locate(findings, source, places.as_ref()))
    }
}

type Parsed = (Value, Option<Places>, Vec<Finding>);

fn parse(source: &SourceText, format: PolicyFormat) -> Result<Parsed, Diagnostics> {
    let refuse = |finding| Diagnostics::collect([finding], Some(source));
    let size = ByteSize::bytes(u64::try_from(source.text().len()).unwrap_or(u64::MAX));
    if size > MAX_POLICY_SIZE {
        let message = format!("the document has {size}; a policy has at most {MAX_POLICY_SIZE}");
        return Err(refuse(Diagnostic::new(ErrorCode::LIMIT_EXCEEDED, message)));
    }
    let text = source.text().trim_start_matches('\u{feff}');
    match format {
        PolicyFormat::Json if text.trim().is_empty() => {
            let finding = Diagnostic::new(ErrorCode::INVALID_SYNTAX, "the document is empty")
                .with_expected("a policy as JSON")
                .with_hint("`{}` is the policy that lets everything be done")
                .at_span(0..0);
            Err(refuse(finding))
        }
        PolicyFormat::Json => match source.parse() {
            Ok(value) => Ok((value, None, Vec::new())),
            Err(finding) => Err(refuse(*finding)),
        },
        PolicyFormat::Toml => {
            let (value, places, findings) = toml_source::parse(source)
                .map_err(|findings| Diagnostics::collect(findings, Some(source)))?;
            Ok((value, Some(places), findings))
        }
    }
}

fn is_within(wrong: &BTreeSet<String>, pointer: &str) -> bool {
    let mut around = pointer;
    loop {
        if wrong.contains(around) {
            return true;
        }
        match around.rfind('/') {
            Some(end) => around = &around[..end],
            None => return false,
        }
    }
}

fn locate(findings: Vec<Finding>, source: &SourceText, places: Option<&Places>) -> Diagnostics {
    let placed = findings.into_iter().map(|finding| match places {
        Some(places) => {
            let span = places.span(&finding.pointer, finding.part);
            finding.into_diagnostic().at_span(span)
        }
        None => finding.into_diagnostic(),
    });
    Diagnostics::collect(placed, Some(source))
}
