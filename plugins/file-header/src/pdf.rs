/// How far from the beginning readers look for the header.
const REACH: usize = 1_024;
const HEADER: &[u8] = b"%PDF-";

/// The version in the header of a PDF file, if it is one.
pub(crate) fn version(bytes: &[u8]) -> Option<&str> {
    let reach = &bytes[..bytes.len().min(REACH)];
    let at = reach
        .windows(HEADER.len())
        .position(|window| window == HEADER)?;
    let rest = &reach[at + HEADER.len()..];
    let is_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let end = rest.iter().position(|byte| !is_version(byte))?;
    let version = std::str::from_utf8(&rest[..end]).ok()?;
    (!version.is_empty()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_found_near_the_beginning_only() {
        assert_eq!(version(b"\xef\xbb\xbf%PDF-1.4\n%..."), Some("1.4"));
        assert_eq!(version(b"%PDF-"), None);
        assert_eq!(version(b"%PDF-\n"), None);
        let far = [vec![0; REACH], b"%PDF-1.4\n".to_vec()].concat();
        assert_eq!(version(&far), None);
    }
}
