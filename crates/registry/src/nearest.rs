use strsim::osa_distance;

/// How many names a look for near ones goes through at most; beyond that it is not worth its time.
const MOST_CANDIDATES: usize = 8_192;
/// Texts longer than this are no mistyped names.
const LONGEST: usize = 256;

/// The names that are written nearly like `wanted`, nearest first, at most `limit`. Case and
/// separators count for nothing: `httpRequest` is near to `http-request`.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = &'a str>,
    limit: usize,
) -> Vec<&'a str> {
    if wanted.is_empty() || wanted.len() > LONGEST {
        return Vec::new();
    }
    let wanted = plain(wanted);
    let allowed = (wanted.len() / 3).max(1);
    let mut found: Vec<(usize, &str)> = candidates
        .take(MOST_CANDIDATES)
        .filter(|name| name.len() <= LONGEST)
        .filter_map(|name| distance(&wanted, name, allowed).map(|distance| (distance, name)))
        .collect();
    found.sort_unstable();
    found
        .into_iter()
        .take(limit)
        .map(|(_, name)| name)
        .collect()
}

fn distance(wanted: &str, name: &str, allowed: usize) -> Option<usize> {
    let whole = plain(name);
    // `upper` is near to `string.upper`, but not as near as what is spelled like it.
    let last = name
        .rsplit(['.', '/'])
        .next()
        .map(plain)
        .filter(|last| *last != whole);
    let spelled = bounded_distance(wanted, &whole, allowed);
    let ending = last.and_then(|last| bounded_distance(wanted, &last, allowed.min(2)));
    match (spelled, ending.map(|distance| distance + 1)) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn bounded_distance(a: &str, b: &str, allowed: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > allowed {
        return None;
    }
    Some(osa_distance(a, b)).filter(|distance| *distance <= allowed)
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '-' | '_' | '.' | '/' | '@' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_nearest_first_and_far_ones_not_at_all() {
        let names = [
            "http-request",
            "string.upper",
            "string.lower",
            "math.add",
            "dbal-read",
        ];
        let near = |wanted| nearest(wanted, names.into_iter(), 2);
        assert_eq!(near("httpRequest"), ["http-request"]);
        assert_eq!(near("string.uper"), ["string.upper", "string.lower"]);
        assert_eq!(near("upper"), ["string.upper"]);
        assert_eq!(near("dbal_raed"), ["dbal-read"]);
        assert!(near("quantum").is_empty());
        assert!(near("").is_empty());
    }
}
