use bytes::Bytes;

use crate::error::Fault;

/// The checksum of what a row keeps, together with what it belongs to: a row that ended up in
/// another place has the wrong one.
pub(crate) fn sum(names: &[&str], place: &[i64], content: &[u8]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    for name in names {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
    }
    for number in place {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(content);
    i64::from(hasher.finalize())
}

/// Gives what was read if it has the checksum that it was written with. `what` is as in
/// ``document `a` ``.
pub(crate) fn checked(
    what: impl FnOnce() -> String,
    names: &[&str],
    place: &[i64],
    content: Vec<u8>,
    written: i64,
) -> Result<Bytes, Fault> {
    if sum(names, place, &content) != written {
        let what = what();
        return Err(Fault::Damaged(format!("{what} is not what was written")));
    }
    Ok(content.into())
}
