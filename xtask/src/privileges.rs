//! Whether packages can be installed, and how.

use std::io::IsTerminal;
use std::process::Command;

use crate::prerequisites::runs;

/// How packages are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privileges {
    /// By oneself.
    Root,
    /// By `sudo`, which asks for no password.
    Sudo,
    /// By `sudo`, and somebody is there whom it can ask for the password.
    AskingSudo,
}

impl Privileges {
    /// Those that there are, if there are any.
    pub(crate) fn find() -> Option<Self> {
        let is_root = || {
            let id = Command::new("id").arg("-u").output();
            id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
        };
        if is_root() {
            Some(Self::Root)
        } else if runs("sudo", &["-n", "true"]) {
            Some(Self::Sudo)
        } else if std::io::stdin().is_terminal() && runs("sudo", &["-V"]) {
            Some(Self::AskingSudo)
        } else {
            None
        }
    }

    /// A command of apt's, which asks nothing.
    pub(crate) fn apt(self, arguments: &[&str]) -> Command {
        // Others that install at the moment are waited for.
        let apt = ["DEBIAN_FRONTEND=noninteractive", "apt-get"];
        let wait = ["-o", "DPkg::Lock::Timeout=300"];
        let mut command = match self {
            Self::Root => Command::new("env"),
            Self::Sudo | Self::AskingSudo => Command::new("sudo"),
        };
        match self {
            Self::Root => {}
            Self::Sudo => {
                command.args(["-n", "env"]);
            }
            Self::AskingSudo => {
                command.arg("env");
            }
        }
        command.args(apt).args(wait).args(arguments);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(command: &Command) -> String {
        let parts = std::iter::once(command.get_program()).chain(command.get_args());
        let parts: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
        parts.join(" ")
    }

    #[test]
    fn whoever_is_not_root_goes_by_sudo() {
        let apt = "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update";
        for (privileges, before) in [
            (Privileges::Root, ""),
            (Privileges::Sudo, "sudo -n "),
            (Privileges::AskingSudo, "sudo "),
        ] {
            assert_eq!(
                shown(&privileges.apt(&["update"])),
                format!("{before}{apt}")
            );
        }
    }
}
