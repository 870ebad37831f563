//! Where the command keeps what belongs to whoever runs it.

use std::env;
use std::path::PathBuf;

/// The folder that holds trust rules, keys and compiled plugins: `JACKFIELD_HOME`, or `.jackfield`
/// in the home folder; `None` where there is neither.
pub(crate) fn folder() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    match set("JACKFIELD_HOME") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => set("HOME").map(|home| PathBuf::from(home).join(".jackfield")),
    }
}
