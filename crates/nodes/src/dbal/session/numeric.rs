//! PostgreSQL's exact numbers, in the form in which they are sent.

use super::bind::BoxDynError;

/// Takes the first bytes off.
pub(super) fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N], BoxDynError> {
    let (first, rest) = bytes.split_first_chunk::<N>().ok_or("it ends too early")?;
    *bytes = rest;
    Ok(first)
}

/// An exact number: groups of four decimal digits, the place of the first one, and how many digits
/// there are behind the point.
pub(super) fn numeric(mut bytes: &[u8]) -> Result<String, BoxDynError> {
    let bytes = &mut bytes;
    let count = i16::from_be_bytes(*take(bytes)?);
    let weight = i16::from_be_bytes(*take(bytes)?);
    let sign = u16::from_be_bytes(*take(bytes)?);
    let scale = usize::from(u16::from_be_bytes(*take(bytes)?));
    match sign {
        0x0000 | 0x4000 => {}
        0xC000 => return Ok("NaN".to_owned()),
        0xD000 => return Ok("Infinity".to_owned()),
        0xF000 => return Ok("-Infinity".to_owned()),
        _ => return Err("it is no number".into()),
    }
    let mut groups = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for _ in 0..count {
        groups.push(i16::from_be_bytes(*take(bytes)?));
    }
    let group = |place: i32| {
        usize::try_from(place)
            .ok()
            .and_then(|place| groups.get(place).copied())
            .unwrap_or(0)
    };
    let weight = i32::from(weight);
    let mut text = String::from(if sign == 0x4000 { "-" } else { "" });
    if weight < 0 {
        text.push('0');
    }
    for place in 0..=weight {
        use std::fmt::Write;
        // Writing to a string cannot fail.
        let _ = match place {
            0 => write!(text, "{}", group(0)),
            place => write!(text, "{:04}", group(place)),
        };
    }
    if scale > 0 {
        text.push('.');
        let mut digits = String::with_capacity(scale + 4);
        let mut place = weight + 1;
        while digits.len() < scale {
            digits.push_str(&format!("{:04}", group(place)));
            place += 1;
        }
        text.push_str(&digits[..scale]);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(weight: i16, sign: u16, scale: u16, groups: &[i16]) -> Vec<u8> {
        let count = i16::try_from(groups.len()).unwrap();
        let mut bytes = Vec::new();
        bytes.extend(count.to_be_bytes());
        bytes.extend(weight.to_be_bytes());
        bytes.extend(sign.to_be_bytes());
        bytes.extend(scale.to_be_bytes());
        bytes.extend(groups.iter().flat_map(|group| group.to_be_bytes()));
        bytes
    }

    #[test]
    fn exact_numbers_keep_every_digit() {
        let text = |bytes: Vec<u8>| numeric(&bytes).unwrap();
        assert_eq!(text(encoded(0, 0, 2, &[12, 5000])), "12.50");
        assert_eq!(text(encoded(1, 0x4000, 0, &[1, 234])), "-10234");
        assert_eq!(text(encoded(-1, 0, 4, &[1])), "0.0001");
        assert_eq!(text(encoded(-2, 0, 6, &[100])), "0.000001");
        assert_eq!(text(encoded(0, 0, 0, &[])), "0");
        assert_eq!(text(encoded(2, 0, 0, &[1])), "100000000");
        assert_eq!(text(encoded(0, 0xC000, 0, &[])), "NaN");
    }

    #[test]
    fn what_is_cut_off_is_an_error_and_no_panic() {
        let whole = encoded(0, 0, 2, &[12, 5000]);
        for length in 0..whole.len() {
            assert!(numeric(&whole[..length]).is_err());
        }
    }
}
