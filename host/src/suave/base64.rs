//! Bytes as text in base 64 (RFC 4648, with padding), as Go's JSON has them.

/// The digits, in order.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The character in the place of a digit that is not needed.
const PADDING: u8 = b'=';

/// Appends `bytes` as text.
pub(super) fn encode(bytes: &[u8], text: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let mut three = [0; 3];
        three.iter_mut().zip(group).for_each(|(to, from)| *to = *from);
        let [a, b, c] = three;
        let digit = |bits: u32| usize::try_from(bits & 63).ok().and_then(|bits| DIGITS.get(bits)).copied();
        let number = u32::from_be_bytes([0, a, b, c]);
        let digits = [number >> 18, number >> 12, number >> 6, number].map(digit);
        // A group of one byte has two digits, one of two has three.
        let needed = digits.into_iter().flatten().take(group.len().saturating_add(1));
        text.extend(needed.chain([PADDING; 2]).take(4));
    }
}

/// The bytes of a text, `None` if it is not one in base 64 with its padding and zeros behind the last byte.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|&&digit| digit == PADDING).count();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let digits = text.get(..text.len().checked_sub(padding)?)?;
    let mut bytes = Vec::with_capacity(digits.len());
    for group in digits.chunks(4) {
        let mut number = 0_u32;
        for position in 0..4 {
            let value = match group.get(position) {
                Some(digit) => DIGITS.iter().position(|known| known == digit)?,
                None => 0,
            };
            number = number << 6 | u32::try_from(value).ok()?;
        }
        let [_, decoded @ ..] = number.to_be_bytes();
        let (whole, rest) = decoded.split_at_checked(group.len().checked_sub(1)?)?;
        if rest.iter().any(|&byte| byte != 0) {
            return None;
        }
        bytes.extend_from_slice(whole);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut encoded = Vec::new();
            encode(bytes.as_bytes(), &mut encoded);
            assert_eq!(encoded, text.as_bytes());
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn every_text_has_one_reading() {
        for text in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Zg==Zg==", "Z===", "Zm9v\n", "Zm_v", "=Zg="] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
        for length in 0..=64_u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            let mut text = Vec::new();
            encode(&bytes, &mut text);
            assert_eq!(decode(&text), Some(bytes));
        }
    }
}
