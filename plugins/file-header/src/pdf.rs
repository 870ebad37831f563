/// How far from the beginning readers look for the header.
const REACH: usize = 1_024;
const HEADER: &[u8] = b"%PDF-";

/// The version in the header of a PDF file, if it is one; the inner one is `None` when the file
/// ends before its version does.
pub(crate) fn version(bytes: &[u8]) -> Option<Option<String>> {
    let reach = &bytes[..bytes.len().min(REACH)];
    let at = reach
        .windows(HEADER.len())
        .position(|window| window == HEADER)?;
    let rest = &reach[at + HEADER.len()..];
    let is_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let Some(end) = rest.iter().position(|byte| !is_version(byte)) else {
        return Some(None);
    };
    let version = String::from_utf8(rest[..end].to_vec()).ok()?;
    (!version.is_empty()).then_some(Some(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_found_near_the_beginning_only() {
        let found = version(b"\xef\xbb\xbf%PDF-1.4\n%...");
        assert_eq!(found, Some(Some("1.4".to_owned())));
        assert_eq!(version(b"%PDF-\n"), None);
        for cut in [&b"%PDF-"[..], b"%PDF-1.", b"%PDF-1.4"] {
            assert_eq!(version(cut), Some(None));
        }
        let far = [vec![0; REACH], b"%PDF-1.4\n".to_vec()].concat();
        assert_eq!(version(&far), None);
    }
}
