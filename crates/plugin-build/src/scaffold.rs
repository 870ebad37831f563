use std::fs;
use std::path::Path;

use jackfield_types::PluginId;

use crate::sources::{JAVASCRIPT_TEMPLATE, PYTHON_TEMPLATE, RUST_TEMPLATE};
use crate::{BuildError, Language, files};

/// Begins a plugin: a folder that builds, with one node type of the plugin's own name.
///
/// # Errors
/// [`BuildError::NotEmpty`] when there is something already, and [`BuildError::File`].
pub fn scaffold(language: Language, id: &PluginId, folder: &Path) -> Result<(), BuildError> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => {
            let folder = folder.to_path_buf();
            return Err(BuildError::NotEmpty { folder });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(BuildError::file(folder)(error)),
    }
    let template = match language {
        Language::Rust => RUST_TEMPLATE,
        Language::JavaScript => JAVASCRIPT_TEMPLATE,
        Language::Python => PYTHON_TEMPLATE,
    };
    for file in template {
        let text = file.text.replace("acme/greet", id.as_str());
        let text = text.replace("acme-greet", &format!("{}-{}", id.publisher(), id.name()));
        files::write(&folder.join(file.path), text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_is_begun_is_of_its_language_and_bears_its_id() {
        let id: PluginId = "initech/report".parse().unwrap();
        for language in Language::ALL {
            let folder = tempfile::tempdir().unwrap();
            scaffold(language, &id, folder.path()).unwrap();
            assert_eq!(Language::of(folder.path()).unwrap(), language);
            let manifest = fs::read_to_string(folder.path().join("plugin.toml")).unwrap();
            assert!(manifest.contains(r#"id = "initech/report""#), "{manifest}");
            files::visit(folder.path(), &mut |path, _| {
                assert!(!fs::read_to_string(path).unwrap().contains("acme"));
                Ok(())
            })
            .unwrap();
            let again = scaffold(language, &id, folder.path());
            assert!(matches!(again, Err(BuildError::NotEmpty { .. })));
        }
    }
}
