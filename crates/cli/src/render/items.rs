use std::fmt::Write;

use jackfield::Item;

use super::text::{count, harmless};

/// How many items are shown at most.
const MOST_ITEMS: usize = 10;
/// How many lines their JSON has at most.
const MOST_LINES: usize = 60;
/// How many bytes of one item are looked at.
const MOST_BYTES: usize = 8 * 1024;

/// The first items as JSON, and how many more there are.
pub(crate) fn excerpt(items: &[Item], all: &str) -> String {
    let mut shown = String::new();
    let mut lines = 0;
    let mut items_shown = 0;
    for item in items.iter().take(MOST_ITEMS) {
        let json = pretty(item);
        let left = MOST_LINES - lines;
        let is_cut = json.lines().count() > left || json.len() > MOST_BYTES;
        if is_cut && items_shown > 0 {
            break;
        }
        for line in cut(&json).lines().take(left) {
            shown.push_str(line);
            shown.push('\n');
            lines += 1;
        }
        items_shown += 1;
        if is_cut {
            shown.push_str("…\n");
            break;
        }
        if lines >= MOST_LINES {
            break;
        }
    }
    let more = items.len() - items_shown;
    if more > 0 {
        // Writing to a string cannot fail.
        let _ = writeln!(shown, "… and {}; {all}", count(more, "more item"));
    }
    shown
}

fn pretty(item: &Item) -> String {
    // An object with text keys always serializes.
    let json = serde_json::to_string_pretty(item.json()).unwrap_or_default();
    harmless(&json).into_owned()
}

fn cut(json: &str) -> &str {
    let mut end = json.len().min(MOST_BYTES);
    while !json.is_char_boundary(end) {
        end -= 1;
    }
    &json[..end]
}

#[cfg(test)]
mod tests {
    use jackfield::Object;
    use serde_json::{Value, json};

    use super::*;

    fn item(value: Value) -> Item {
        Item::from_value(value).unwrap()
    }

    #[test]
    fn few_items_are_shown_whole_and_many_are_counted() {
        let items: Vec<Item> = (0..1000).map(|id| item(json!({ "id": id }))).collect();
        assert_eq!(excerpt(&items[..1], "more"), "{\n  \"id\": 0\n}\n");
        let many = excerpt(&items, "`--output json` prints all of them");
        assert_eq!(many.lines().count(), 3 * MOST_ITEMS + 1);
        assert!(many.ends_with("… and 990 more items; `--output json` prints all of them\n"));
    }

    #[test]
    fn a_large_item_is_cut() {
        let large: Object = (0..500)
            .map(|key| (format!("k{key}"), Value::from("ü".repeat(100))))
            .collect();
        let items = [Item::new(large), item(json!({}))];
        let shown = excerpt(&items, "more");
        assert!(shown.lines().count() <= MOST_LINES + 2);
        assert!(shown.len() <= MOST_BYTES + 64);
        assert!(shown.ends_with("…\n… and 1 more item; more\n"));
    }

    #[test]
    fn items_cannot_steer_the_terminal() {
        let shown = excerpt(&[item(json!({ "a": "\u{9b}2J\u{202e}" }))], "");
        assert_eq!(shown, "{\n  \"a\": \"\\u009b2J\\u202e\"\n}\n");
    }
}
