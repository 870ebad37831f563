/// What an operator decides about the built-in node types.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NodeSettings {}
