//! Workflows that other workflows call: files in or below the folder of the one that is run.

use std::fs;
use std::path::{Component, Path, PathBuf};

use jackfield::{TenantId, Workflow, WorkflowSource, WorkflowSourceError, read_workflow};

use crate::error::CliError;
use crate::workflow_file::read_source;

/// A folder, out of which no reference leads: not by `..`, not by an absolute path, and not by a
/// symbolic link.
#[derive(Debug)]
pub(crate) struct WorkflowFolder {
    root: PathBuf,
}

/// The folder that a file is in.
pub(crate) fn folder_of(file: &Path) -> &Path {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

impl WorkflowFolder {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The folder that a workflow file is in.
    fn of_file(file: &Path) -> Self {
        Self::new(folder_of(file))
    }

    /// The file that a reference names, with `.json` added if it has to be.
    fn find(&self, reference: &str) -> Result<PathBuf, String> {
        let path = Path::new(reference);
        let stays_inside = path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !stays_inside || path.file_name().is_none() {
            return Err("it must be a path in or below the folder of the workflow".to_owned());
        }
        let root = fs::canonicalize(&self.root)
            .map_err(|error| format!("its folder cannot be read: {error}"))?;
        let exact = root.join(path);
        let with_extension = root.join(format!("{reference}.json"));
        let found = [exact, with_extension]
            .into_iter()
            .find(|path| path.is_file());
        let Some(found) = found else {
            return Err("there is no such file in or below the folder of the workflow".to_owned());
        };
        let found = fs::canonicalize(&found).map_err(|error| error.to_string())?;
        if found.starts_with(&root) {
            Ok(found)
        } else {
            Err("it leads out of the folder of the workflow by a symbolic link".to_owned())
        }
    }
}

impl WorkflowSource for WorkflowFolder {
    fn load(&self, _: &TenantId, reference: &str) -> Result<Workflow, WorkflowSourceError> {
        let error = |reason: String| WorkflowSourceError {
            message: format!("no workflow `{reference}`: {reason}"),
            source: None,
        };
        let path = self.find(reference).map_err(error)?;
        let source = read_source(&path).map_err(|cause| error(cause.to_string()))?;
        match read_workflow(&source) {
            Ok((workflow, _)) => Ok(workflow),
            Err(findings) => Err(error(findings.to_string())),
        }
    }
}

/// The file of items that a workflow names: in or below its folder, like everything that it names.
pub(crate) fn input_file(workflow_file: &Path, reference: &str) -> Result<PathBuf, CliError> {
    WorkflowFolder::of_file(workflow_file)
        .find(reference)
        .map_err(|reason| {
            CliError::usage(
                format!("the input `{reference}` that the workflow names cannot be used: {reason}"),
                "give the items with `--input`",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str =
        r#"{"name": "inner", "nodes": [{"id": "a", "nodeType": "no-op"}], "connections": {}}"#;

    fn folder() -> (tempfile::TempDir, WorkflowFolder) {
        let outer = tempfile::tempdir().unwrap();
        let inside = outer.path().join("flows/parts");
        fs::create_dir_all(&inside).unwrap();
        fs::write(outer.path().join("secret.json"), FLOW).unwrap();
        fs::write(inside.join("part.json"), FLOW).unwrap();
        fs::write(inside.join("broken.json"), "{").unwrap();
        let folder = WorkflowFolder::of_file(&outer.path().join("flows/main.json"));
        (outer, folder)
    }

    #[test]
    fn files_below_the_folder_are_found() {
        let (_guard, folder) = folder();
        for reference in ["parts/part.json", "parts/part", "./parts/part.json"] {
            assert_eq!(
                folder
                    .load(&TenantId::default_tenant(), reference)
                    .unwrap()
                    .name,
                "inner",
                "{reference}"
            );
        }
    }

    #[test]
    fn nothing_outside_of_the_folder_is_reached() {
        let (outer, folder) = folder();
        let absolute = outer.path().join("secret.json").display().to_string();
        for reference in [
            "../secret.json",
            "parts/../../secret.json",
            &absolute,
            "",
            ".",
            "parts",
            "parts/none",
        ] {
            let error = folder
                .load(&TenantId::default_tenant(), reference)
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with(&format!("no workflow `{reference}`: ")),
                "{error}"
            );
        }
        assert!(
            folder
                .load(&TenantId::default_tenant(), "parts/broken")
                .is_err()
        );
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_do_not_lead_out() {
        let (outer, folder) = folder();
        let link = outer.path().join("flows/link.json");
        std::os::unix::fs::symlink(outer.path().join("secret.json"), link).unwrap();
        let error = folder
            .load(&TenantId::default_tenant(), "link.json")
            .unwrap_err()
            .to_string();
        assert!(error.contains("symbolic link"), "{error}");
    }
}
