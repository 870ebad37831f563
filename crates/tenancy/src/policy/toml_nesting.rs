//! How deep a TOML document nests, known before a parser builds it.

/// How deep brackets may nest, and how many steps a dotted key may have. Policies need far fewer of
/// both; multiplied they are few enough to walk through on any stack.
const DEEPEST: usize = 16;

/// Whether brackets nest too deep, or a key has too many steps.
pub(super) fn is_too_deep(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut dots) = (0, 0_usize, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => {
                at = behind_text(bytes, at, byte);
                continue;
            }
            b'#' => {
                while bytes.get(at).is_some_and(|&byte| byte != b'\n') {
                    at += 1;
                }
                continue;
            }
            b'[' | b'{' => (depth, dots) = (depth + 1, 0),
            b']' | b'}' => (depth, dots) = (depth.saturating_sub(1), 0),
            b'.' => dots += 1,
            b'=' | b',' | b'\n' => dots = 0,
            _ => {}
        }
        if depth > DEEPEST || dots > DEEPEST {
            return true;
        }
        at += 1;
    }
    false
}

/// The place behind a text that begins at a quote.
fn behind_text(bytes: &[u8], start: usize, quote: u8) -> usize {
    let triple = [quote; 3];
    let is_long = bytes[start..].starts_with(&triple);
    let mut at = start + if is_long { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        if byte == b'\\' && quote == b'"' {
            at += 2;
        } else if is_long && bytes[at..].starts_with(&triple) {
            return at + 3;
        } else if !is_long && (byte == quote || byte == b'\n') {
            return at + 1;
        } else {
            at += 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_dotted_keys_count_and_texts_do_not() {
        let key = vec!["a"; 30].join(".");
        assert!(is_too_deep(&format!("{key} = 1")));
        assert!(is_too_deep(&format!(
            "a = {}1{}",
            "[".repeat(20),
            "]".repeat(20)
        )));
        for text in [
            format!("a = \"{key} [[[[[[[[[[[[[[[[[[[[[\\\" [[[\""),
            format!("a = '{key}'\nb = '''\n{key} ' [[[[[[[[[[[[[[[[[[[\n'''"),
            format!("# {key}\na = 1.5"),
            "a = [1.5, 2.5, 3.5]\n".repeat(50),
        ] {
            assert!(!is_too_deep(&text), "{text}");
        }
    }
}
