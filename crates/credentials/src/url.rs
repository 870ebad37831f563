//! The passwords in URLs: others show them without the URL around them.

use percent_encoding::percent_decode_str;

/// The passwords in a text, if it is a URL that has any: as they are written, and as they are meant.
pub(crate) fn passwords_of(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once("://") else {
        return Vec::new();
    };
    let (rest, _) = rest.split_once('#').unwrap_or((rest, ""));
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = before.split('/').next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let password = user
        .and_then(|user| user.split_once(':'))
        .map(|(_, password)| password);
    let parameters = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("password="));
    let mut found = Vec::new();
    for password in password.into_iter().chain(parameters) {
        let meant = percent_decode_str(password).decode_utf8_lossy();
        if meant != password {
            found.push(meant.into_owned());
        }
        if !password.is_empty() {
            found.push(password.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_as_they_are_written_and_as_they_are_meant() {
        for (url, expected) in [
            ("postgres://me:hunter2@db/app", vec!["hunter2"]),
            ("postgres://me:p%40ss@db:5432", vec!["p@ss", "p%40ss"]),
            ("mysql://me:a@b@db/app?ssl-mode=x#y", vec!["a@b"]),
            (
                "postgres://db/app?user=me&password=q%20r",
                vec!["q r", "q%20r"],
            ),
            ("postgres://me@db/app", vec![]),
            ("postgres://me:@db/app", vec![]),
            ("sqlite:/path/to:a@b/file.db", vec![]),
            ("no url: a@b", vec![]),
            ("://", vec![]),
        ] {
            assert_eq!(passwords_of(url), expected, "{url}");
        }
    }
}
