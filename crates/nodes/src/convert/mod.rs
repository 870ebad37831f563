use crate::BuiltIn;

pub(crate) fn node_types() -> Vec<BuiltIn> {
    Vec::new()
}
