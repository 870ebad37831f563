//! The one way in which paths of packages and folders are written: whole, and without detours.

use std::path::{self, Component, Path, PathBuf};

/// A path as it was given, joined to the current folder, without `.` and `..`. Links stay what
/// they are called, unless `..` leads out of what one of them leads to.
pub(super) fn place(given: &Path) -> PathBuf {
    let whole = path::absolute(given).unwrap_or_else(|_| given.to_path_buf());
    let mut place = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if place.is_symlink()
                    && let Ok(target) = place.canonicalize()
                {
                    place = target;
                }
                place.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => place.push(part),
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_by_a_detour_is_the_same_place() {
        let here = std::env::current_dir().unwrap();
        for (given, expected) in [
            ("plugins", here.join("plugins")),
            ("./a/../plugins/", here.join("plugins")),
            ("../x", here.parent().unwrap().join("x")),
            (".", here.clone()),
            ("/../a/./b/../../c", PathBuf::from("/c")),
        ] {
            assert_eq!(place(Path::new(given)), expected, "{given}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_way_out_of_a_link_is_that_of_what_it_leads_to() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("far/plugins")).unwrap();
        std::os::unix::fs::symlink(root.join("far/plugins"), root.join("link")).unwrap();
        assert_eq!(place(&root.join("link/../b")), root.join("far/b"));
        assert_eq!(place(&root.join("link/b/..")), root.join("link"));
    }
}
