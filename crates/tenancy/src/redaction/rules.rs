use std::fmt;

use jackfield_types::{FilterAction, NodeTypeId, OutputFilter};
use semver::Version;
use smallvec::SmallVec;

use super::filter::{Filter, Path};
use super::node_types::NodeTypes;
use super::pattern::FieldNames;

/// More filters than anybody writes; each costs something at each field.
const MOST_FILTERS: usize = 256;

/// What may not come out for a tenant, compiled.
#[derive(Debug)]
pub struct RedactionRules {
    filters: Vec<CompiledFilter>,
    names: Option<FieldNames>,
}

#[derive(Debug, Clone)]
struct CompiledFilter {
    path: Path,
    action: FilterAction,
    node_types: Option<NodeTypes>,
}

/// Why rules cannot be compiled: everything that is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionError {
    /// What is wrong; there is something.
    pub problems: Vec<RedactionProblem>,
}

/// Something that is wrong with redaction rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionProblem {
    /// Where.
    pub place: RedactionPlace,
    /// What it is.
    pub message: String,
    /// The way out.
    pub hint: String,
}

/// A place in a policy. Written as a JSON Pointer into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedactionPlace {
    /// All filters together.
    Filters,
    /// The path of a filter.
    FilterPath {
        /// Which filter, from 0.
        filter: usize,
    },
    /// A node type of a filter.
    FilterNodeType {
        /// Which filter, from 0.
        filter: usize,
        /// Which of its node types, from 0.
        node_type: usize,
    },
    /// A pattern for names of fields.
    FieldPattern {
        /// Which, from 0.
        pattern: usize,
    },
}

impl fmt::Display for RedactionPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filters => f.write_str("/outputFilters"),
            Self::FilterPath { filter } => write!(f, "/outputFilters/{filter}/path"),
            Self::FilterNodeType { filter, node_type } => {
                write!(f, "/outputFilters/{filter}/nodeTypes/{node_type}")
            }
            Self::FieldPattern { pattern } => write!(f, "/sensitiveFieldPatterns/{pattern}"),
        }
    }
}

impl RedactionProblem {
    pub(super) fn new(
        place: RedactionPlace,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            place,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

impl fmt::Display for RedactionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.place, self.message)
    }
}

impl fmt::Display for RedactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RedactionError {}

impl RedactionRules {
    /// Compiles the filters and the patterns of a policy.
    ///
    /// # Errors
    /// [`RedactionError`] with everything that is wrong.
    pub fn compile(filters: &[OutputFilter], patterns: &[String]) -> Result<Self, RedactionError> {
        let mut problems = Vec::new();
        if filters.len() > MOST_FILTERS {
            let message = format!("there are more than {MOST_FILTERS} filters");
            let hint = "use `sensitiveFieldPatterns`, which cost less";
            problems.push(RedactionProblem::new(
                RedactionPlace::Filters,
                message,
                hint,
            ));
        }
        let mut compiled = Vec::new();
        for (filter, written) in filters.iter().enumerate().take(MOST_FILTERS) {
            let path = Path::parse(&written.path).map_err(|error| {
                let place = RedactionPlace::FilterPath { filter };
                problems.push(RedactionProblem::new(
                    place,
                    error.to_string(),
                    error.hint(),
                ));
            });
            let node_types = NodeTypes::compile(&written.node_types, filter, &mut problems);
            compiled.extend(path.map(|path| CompiledFilter {
                path,
                action: written.action,
                node_types: (!written.node_types.is_empty()).then_some(node_types),
            }));
        }
        let names = (!patterns.is_empty()).then(|| FieldNames::compile(patterns, &mut problems));
        if problems.is_empty() {
            Ok(Self {
                filters: compiled,
                names,
            })
        } else {
            Err(RedactionError { problems })
        }
    }

    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty() && self.names.is_none()
    }

    pub(super) fn names(&self) -> Option<&FieldNames> {
        self.names.as_ref()
    }

    /// The filters for what a node type gives.
    pub(super) fn filters(
        &self,
        node_type: &NodeTypeId,
        version: &Version,
    ) -> SmallVec<[Filter<'_>; 4]> {
        let applies = |filter: &&CompiledFilter| match &filter.node_types {
            Some(node_types) => node_types.matches(node_type, version),
            None => true,
        };
        let filters = self.filters.iter().filter(applies);
        filters
            .map(|filter| (&filter.path, filter.action))
            .collect()
    }

    /// The filters that are not for certain node types.
    pub(super) fn filters_for_all(&self) -> SmallVec<[Filter<'_>; 4]> {
        let filters = self.filters.iter();
        filters
            .filter(|filter| filter.node_types.is_none())
            .map(|filter| (&filter.path, filter.action))
            .collect()
    }
}
