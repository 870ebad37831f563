//! What a plugin says of itself.

use std::collections::BTreeSet;

use jackfield_registry::discovery::PluginLoadError;
use jackfield_types::{ByteSize, NodeRole, NodeTypeMetadata};
use semver::{Version, VersionReq};
use serde::Deserialize;

/// The most bytes of a description, whatever the plugin may give when it is called.
pub(crate) const LONGEST: ByteSize = ByteSize::mib(4);

/// A description, as plugins write it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Description {
    /// The version of the contract that it keeps to, without its patch.
    contract: String,
    node_types: Vec<NodeTypeMetadata>,
}

/// Reads a description. That it is not longer than it may be is seen to where it crosses the border.
///
/// # Errors
/// [`PluginLoadError::Describe`] with what is wrong with it.
pub(crate) fn read(
    text: &str,
    contract: &VersionReq,
) -> Result<Vec<NodeTypeMetadata>, PluginLoadError> {
    let wrong = |reason: String| PluginLoadError::describe(reason);
    let description: Description = serde_json::from_str(text)
        .map_err(|error| wrong("it is not JSON of the right form".to_owned()).caused_by(error))?;
    let version = Version::parse(&format!("{}.0", description.contract));
    if !version.is_ok_and(|version| contract.matches(&version)) {
        let named: String = description.contract.chars().take(40).collect();
        let message = format!("it keeps to the contract `{named}`; this host knows {contract}");
        return Err(wrong(message));
    }
    if description.node_types.is_empty() {
        return Err(wrong("it provides no node types".to_owned()));
    }
    let mut names = BTreeSet::new();
    for metadata in &description.node_types {
        let name = &metadata.node_type;
        metadata
            .check()
            .map_err(|error| wrong(format!("node type `{name}`")).caused_by(error))?;
        if metadata.role != NodeRole::Plain {
            let message = format!("node type `{name}` is a trigger or a loop: no plugin is, yet");
            return Err(wrong(message));
        }
        if !names.insert(name) {
            return Err(wrong(format!("it provides node type `{name}` twice")));
        }
    }
    Ok(description.node_types)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(contract: &str, node_types: &str) -> Result<usize, String> {
        let text = format!(r#"{{"contract": "{contract}", "nodeTypes": {node_types}}}"#);
        let known = VersionReq::parse("^0.1").unwrap();
        read(&text, &known)
            .map(|node_types| node_types.len())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_description_is_read_or_says_what_is_wrong() {
        let one = r#"{"nodeType": "acme/a", "version": "1.0.0", "category": "text"}"#;
        assert_eq!(read_with("0.1", &format!("[{one}]")), Ok(1));
        for (contract, node_types, said) in [
            ("0.2", format!("[{one}]"), "`0.2`"),
            ("x", format!("[{one}]"), "`x`"),
            ("0.1", "[]".to_owned(), "no node types"),
            ("0.1", format!("[{one}, {one}]"), "twice"),
            ("0.1", "7".to_owned(), "right form"),
            ("0.1", one.replace("text", " "), "right form"),
            ("0.1", format!("[{}]", one.replace("text", " ")), "acme/a"),
            (
                "0.1",
                format!("[{}]", one.replace("}", r#", "role": "trigger"}"#)),
                "acme/a",
            ),
        ] {
            let error = read_with(contract, &node_types).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
