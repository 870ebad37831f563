use strsim::osa_distance;

/// How many names are compared, and shown, at most.
const MOST_CANDIDATES: usize = 4_096;
const SHOWN: usize = 10;

/// What to say about a name that is not there: what is written most like it, else what there is.
pub(in crate::dbal) fn nearest_text<'a>(
    wanted: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let wanted = wanted.to_lowercase();
    let farthest = (wanted.chars().count() / 3).max(1);
    let nearest = names
        .clone()
        .take(MOST_CANDIDATES)
        .filter(|name| name.len().abs_diff(wanted.len()) <= farthest * 4)
        .map(|name| (osa_distance(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, name)) = nearest {
        return format!("did you mean `{name}`?");
    }
    let shown: Vec<String> = names
        .clone()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = match names.skip(SHOWN).count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match shown.is_empty() {
        true => "there are none".to_owned(),
        false => format!("there are {}{more}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_and_else_those_that_there_are() {
        let names = ["orders", "customers"];
        assert_eq!(
            nearest_text("ordrs", names.into_iter()),
            "did you mean `orders`?"
        );
        assert_eq!(
            nearest_text("Orders", names.into_iter()),
            "did you mean `orders`?"
        );
        assert_eq!(
            nearest_text("x", names.into_iter()),
            "there are `orders`, `customers`"
        );
        assert_eq!(nearest_text("x", [].into_iter()), "there are none");
    }
}
