//! Bytes and numbers as people write them: hex, addresses, gas, amounts. Pure text, no files.

use core::fmt::Write;
use lockstep_vm::{Address, B256, U256};
use std::path::PathBuf;

/// Bytes of a storage key and of a storage value of the ABIs that there are.
const WORD_BYTES: usize = 32;

/// Where the input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputSource {
    /// The argument itself.
    Given(Vec<u8>),
    /// The bytes of a file.
    File(PathBuf),
    /// The bytes of the standard input.
    Stdin,
}

/// A storage key, or a storage value; the empty value is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

/// A storage key and the value to put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preset {
    pub(crate) key: Hex,
    pub(crate) value: Hex,
}

/// `0x` and two digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("0x");
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The text that `bytes` are, if a person can read it.
pub(crate) fn printable(bytes: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(bytes).ok().filter(|text| !text.is_empty())?;
    let readable = |character: char| !character.is_control() || matches!(character, '\n' | '\t' | '\r');
    text.chars().all(readable).then_some(text)
}

/// Hex digits, with or without `0x`; none at all are no bytes.
pub(crate) fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let digit = |(position, character): (usize, char)| {
        let value = character.to_digit(16).and_then(|value| u8::try_from(value).ok());
        value.ok_or_else(|| format!("{character:?} (digit {} after 0x) is not a hex digit", position.saturating_add(1)))
    };
    let digits: Vec<u8> = digits.chars().enumerate().map(digit).collect::<Result<_, _>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(format!("{} hex digits: a byte has two", digits.len()));
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// 20 bytes in hex.
pub(crate) fn parse_address(text: &str) -> Result<Address, String> {
    let bytes = parse_hex(text)?;
    Address::try_from(bytes.as_slice()).map_err(|_| format!("{} bytes where an address has 20", bytes.len()))
}

/// Hex, `@` and the name of a file, or `-`.
pub(crate) fn parse_input(text: &str) -> Result<InputSource, String> {
    match text.strip_prefix('@') {
        Some("") => Err("the name of a file is missing after @".into()),
        Some(path) => Ok(InputSource::File(path.into())),
        None if text == "-" => Ok(InputSource::Stdin),
        None if text.starts_with(['{', '[', '"']) => parse_json(text),
        None => parse_hex(text).map(InputSource::Given),
    }
}

/// A JSON text as it is. To the machine it would be bytes like any others: here it has to be JSON.
fn parse_json(text: &str) -> Result<InputSource, String> {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text);
    is_json.map(|_| InputSource::Given(text.into())).map_err(|error| format!("this is not JSON: {error}"))
}

/// A storage key: 32 bytes in hex.
pub(crate) fn parse_key(text: &str) -> Result<Hex, String> {
    let key = parse_hex(text)?;
    if key.len() == WORD_BYTES { Ok(Hex(key)) } else { Err(format!("{} bytes where a storage key has 32", key.len())) }
}

/// A storage key of any length.
pub(crate) fn parse_any_key(text: &str) -> Result<Hex, String> {
    parse_hex(text).map(Hex)
}

/// 32 bytes in hex.
pub(crate) fn parse_hash(text: &str) -> Result<B256, String> {
    let bytes = parse_hex(text)?;
    B256::try_from(bytes.as_slice()).map_err(|_| format!("{} bytes where a hash has 32", bytes.len()))
}

/// A storage value: up to 32 bytes in hex, filled up with zeros at the end. All zeros are no value, as for a contract.
pub(crate) fn parse_value(text: &str) -> Result<Hex, String> {
    let mut value = parse_hex(text)?;
    if value.len() > WORD_BYTES {
        return Err(format!("{} bytes where a storage value has at most 32", value.len()));
    }
    value.resize(WORD_BYTES, 0);
    if value.iter().all(|&byte| byte == 0) {
        value.clear();
    }
    Ok(Hex(value))
}

/// `KEY=VALUE`.
pub(crate) fn parse_preset(text: &str) -> Result<Preset, String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok(Preset { key: parse_key(key)?, value: parse_value(value)? })
}

/// Decimal digits, `_` between them if you like, up to 2^64 - 1.
pub(crate) fn parse_gas(text: &str) -> Result<u64, String> {
    let digits = decimal(text)?;
    digits.parse().map_err(|_| format!("more than {}", u64::MAX))
}

/// A number as [`parse_gas`] reads it, but 0.
pub(crate) fn parse_count(text: &str) -> Result<u64, String> {
    match parse_gas(text)? {
        0 => Err("at least 1: the last one always stays".into()),
        count => Ok(count),
    }
}

/// Decimal digits, `_` between them if you like, or `0x` and hex digits, up to 2^256 - 1.
pub(crate) fn parse_amount(text: &str) -> Result<U256, String> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some("") => return Err("hex digits are missing after 0x".into()),
        Some(digits) => match digits.chars().find(|character| !character.is_ascii_hexdigit()) {
            Some(character) => return Err(format!("{character:?} is not a hex digit")),
            None => (digits.to_owned(), 16),
        },
        None => (decimal(text)?, 10),
    };
    U256::from_str_radix(&digits, radix).map_err(|_| "more than 2^256 - 1".into())
}

fn decimal(text: &str) -> Result<String, String> {
    if text.starts_with('-') {
        return Err("it cannot be negative".into());
    }
    if text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return Err("`_` is not between two digits".into());
    }
    let digits = text.replace('_', "");
    match digits.chars().find(|character| !character.is_ascii_digit()) {
        Some(character) => Err(format!("{character:?} is not a decimal digit")),
        None if digits.is_empty() => Err("no digits".into()),
        None => Ok(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_as_it_is_written() {
        for (text, bytes) in [
            ("", Ok(vec![])),
            ("0x", Ok(vec![])),
            ("0x00fF", Ok(vec![0, 255])),
            ("a1B2", Ok(vec![0xa1, 0xb2])),
            ("0x1", Err("1 hex digits: a byte has two")),
            ("0x0g", Err("'g' (digit 2 after 0x) is not a hex digit")),
            ("0x0x", Err("'x' (digit 2 after 0x) is not a hex digit")),
            ("ä0", Err("'ä' (digit 1 after 0x) is not a hex digit")),
            ("-1", Err("'-' (digit 1 after 0x) is not a hex digit")),
        ] {
            assert_eq!(parse_hex(text), bytes.map_err(String::from), "{text:?}");
        }
        assert_eq!(hex(&[0, 0xab]), "0x00ab");
    }

    #[test]
    fn gas_is_decimal_and_fits_64_bits() {
        for (text, gas) in [
            ("0", Ok(0)),
            ("100_000", Ok(100_000)),
            ("18446744073709551615", Ok(u64::MAX)),
            ("18446744073709551616", Err("more than 18446744073709551615")),
            ("-1", Err("it cannot be negative")),
            ("1e6", Err("'e' is not a decimal digit")),
            ("1.5", Err("'.' is not a decimal digit")),
            ("0x10", Err("'x' is not a decimal digit")),
            ("+1", Err("'+' is not a decimal digit")),
            ("_", Err("`_` is not between two digits")),
            ("1_", Err("`_` is not between two digits")),
            ("1__0", Err("`_` is not between two digits")),
            ("", Err("no digits")),
        ] {
            assert_eq!(parse_gas(text), gas.map_err(String::from), "{text:?}");
        }
    }

    #[test]
    fn amounts_are_decimal_or_hex_and_fit_256_bits() {
        let largest = U256::MAX.to_string();
        for (text, amount) in [
            ("1_000", Ok(U256::from(1_000))),
            ("0x3e8", Ok(U256::from(1_000))),
            (largest.as_str(), Ok(U256::MAX)),
            (&format!("{largest}0"), Err("more than 2^256 - 1")),
            (&format!("0x1{}", "0".repeat(64)), Err("more than 2^256 - 1")),
            ("0x", Err("hex digits are missing after 0x")),
            ("0xg", Err("'g' is not a hex digit")),
            ("-5", Err("it cannot be negative")),
            ("ff", Err("'f' is not a decimal digit")),
        ] {
            assert_eq!(parse_amount(text), amount.map_err(String::from), "{text:?}");
        }
    }

    #[test]
    fn a_storage_value_is_filled_up_and_zero_is_none() {
        let value = |text| parse_value(text).map(|value| hex(&value.0));
        assert_eq!(value("03e8"), Ok(format!("0x03e8{}", "0".repeat(60))));
        assert_eq!(value("0x000000"), Ok("0x".into()));
        assert_eq!(value(&"11".repeat(33)), Err("33 bytes where a storage value has at most 32".into()));
        assert_eq!(parse_key("0x11"), Err("1 bytes where a storage key has 32".into()));
        assert_eq!(parse_preset("0x11"), Err("expected KEY=VALUE".into()));
    }

    #[test]
    fn only_readable_text_is_text() {
        for (bytes, text) in [
            (&b"quotient exceeds 2^63-1"[..], Some("quotient exceeds 2^63-1")),
            ("zwei\nZeilen, ä".as_bytes(), Some("zwei\nZeilen, ä")),
            (b"", None),
            (b"bell\x07", None),
            (b"\xff", None),
            (&[0; 32], None),
        ] {
            assert_eq!(printable(bytes), text);
        }
    }
}
