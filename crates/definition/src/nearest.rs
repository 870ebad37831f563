//! Names that are written nearly like one that is not there.

use strsim::osa_distance;

/// How many names are compared at most.
const MOST_CANDIDATES: usize = 8_192;
/// Texts longer than this are no mistyped names.
const LONGEST: usize = 256;

/// The name that is written most like `wanted`, if one is near. Case, blanks and separators count
/// for nothing.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain_wanted = plain(wanted);
    if plain_wanted.is_empty() || wanted.len() > LONGEST {
        return None;
    }
    let allowed = match plain_wanted.chars().count() {
        0..3 => 0,
        length => (length / 3).max(1),
    };
    candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .filter(|name| {
            name.len() <= LONGEST && name.len().abs_diff(wanted.len()) <= allowed * 4 + 4
        })
        .map(|name| (osa_distance(&plain_wanted, &plain(name)), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '-' | '_' | '.' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let names = ["retryPolicy", "parameters", "Fetch Orders"];
        assert_eq!(nearest("retrypolcy", names), Some("retryPolicy"));
        assert_eq!(nearest("fetch-order", names), Some("Fetch Orders"));
        assert_eq!(nearest("zebra", names), None);
        assert_eq!(nearest("a", ["b", "c"]), None);
        assert_eq!(nearest("", names), None);
    }
}
