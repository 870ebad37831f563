//! How deep a TOML document is nested, found out without recursion. The parser bounds brackets and
//! dotted keys each by itself, and lets them multiply.

/// How deep a document may be nested, brackets and dotted keys together.
pub(super) const DEEPEST: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Comment,
    /// A text: its quote, whether three of them end it.
    Text(u8, bool),
}

/// Where a document is nested too deep, if it is.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut within = Within::Nothing;
    // For each open bracket, the dots of the key before it; the last is the place where we stand.
    let mut dots: Vec<usize> = vec![0];
    let mut depth = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let is_triple = |quote: u8| bytes[at..].starts_with(&[quote; 3]);
        match within {
            Within::Comment => {
                if byte == b'\n' {
                    within = Within::Nothing;
                    continue;
                }
            }
            Within::Text(quote, three) => {
                let next = bytes.get(at + 1).copied();
                if byte == b'\\' && quote == b'"' && (three || next != Some(b'\n')) {
                    at += 1;
                } else if three && is_triple(quote) {
                    // Up to two quotes before the last three belong to the text.
                    let quotes = bytes[at..].iter().take(5).take_while(|b| **b == quote);
                    at += quotes.count() - 1;
                    within = Within::Nothing;
                } else if !three && (byte == quote || byte == b'\n') {
                    within = Within::Nothing;
                }
            }
            Within::Nothing => match byte {
                b'#' => within = Within::Comment,
                b'"' | b'\'' => {
                    let three = is_triple(byte);
                    at += if three { 2 } else { 0 };
                    within = Within::Text(byte, three);
                }
                b'.' => {
                    depth += 1;
                    if let Some(last) = dots.last_mut() {
                        *last += 1;
                    }
                }
                b'[' | b'{' => {
                    depth += 1;
                    dots.push(0);
                }
                b']' | b'}' if dots.len() > 1 => {
                    depth -= 1 + dots.pop().unwrap_or(0);
                }
                b',' => depth -= dots.last_mut().map_or(0, std::mem::take),
                // Inside of brackets a key may go on in the next line, or be taken for one.
                b'\n' if dots.len() == 1 => depth -= dots.last_mut().map_or(0, std::mem::take),
                _ => {}
            },
        }
        if depth > DEEPEST {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_dots_count_together() {
        let flat = "a.b.c = 1.5\n".repeat(1_000);
        let wide = format!("a = [{}]", "{ x = 1.0 }, ".repeat(1_000));
        let texts =
            "a = \"[[[\\\"{{{\"\nb = '...[['\nc = \"\"\"\n[[[\"\"\n{{\"\"\"\n# [[[[\n".repeat(100);
        for text in [&*flat, &wide, &texts, "", "[a.b]\n[[c]]\n"] {
            assert_eq!(too_deep(text), None, "{text}");
        }
        let dotted = format!("{}a = 1", "a.".repeat(65));
        let brackets = format!("a = {}", "[".repeat(65));
        let both = "a.a.a.a.a.a.a.a.a.a = { ".repeat(7);
        let hidden = format!("a = [\"\"\"x\"\"\"\", {}", "[".repeat(65));
        let unended = format!("a = \"\\\n{}", "[".repeat(65));
        for text in [dotted, brackets, both, hidden, unended] {
            assert!(too_deep(&text).is_some(), "{text}");
        }
    }

    #[test]
    fn nothing_that_passes_is_deeper_than_the_bound() {
        // The parser sees at most what was counted, so walking and dropping it need little stack.
        let steps = "a.a.a.a = { ".repeat(13);
        let text = format!("{steps}b = 1{}", "}".repeat(13));
        assert_eq!(too_deep(&text), None);
        let table = toml::de::DeTable::parse(&text).unwrap();
        let mut depth = 0;
        let mut next = Some(table.get_ref());
        while let Some(table) = next {
            depth += 1;
            next = table
                .values()
                .next()
                .and_then(|value| value.get_ref().as_table());
        }
        assert!(depth <= DEEPEST, "{depth}");
    }
}
