//! Hexadecimal text of test files: numbers, bytes, addresses, hashes.
//!
//! Numbers need the prefix `0x`, because without it `10` could be either; everything else may leave it out.

use alloy_primitives::{Address, B256, U256, hex};
use serde::{Deserialize, Deserializer, de::Error};
use std::borrow::Cow;

/// What can be read from a JSON string, or from the key of an object.
pub(crate) trait FromText: Sized {
    /// Reads the whole text; an error says what is wrong with it.
    fn from_text(text: &str) -> Result<Self, String>;
}

/// A value that is hexadecimal text in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hex<T>(pub(crate) T);

impl<'de, T: FromText> Deserialize<'de> for Hex<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        T::from_text(&text).map(Self).map_err(D::Error::custom)
    }
}

/// A number: any count of leading zeros; `0x` is zero.
impl FromText for U256 {
    fn from_text(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("0x").ok_or_else(|| format!("`{text}` is not a number with the prefix 0x"))?;
        if let Some(other) = digits.chars().find(|digit| !digit.is_ascii_hexdigit()) {
            return Err(format!("`{text}` is not a number: `{other}` is not a hexadecimal digit"));
        }
        match digits.trim_start_matches('0') {
            "" => Ok(Self::ZERO),
            digits if digits.len() > 64 => Err(format!("`{text}` needs more than 256 bits")),
            digits => Self::from_str_radix(digits, 16).map_err(|error| format!("`{text}` is not a number: {error}")),
        }
    }
}

impl FromText for u64 {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::try_from(U256::from_text(text)?).map_err(|_| format!("`{text}` needs more than 64 bits"))
    }
}

/// Bytes: two digits each.
impl FromText for Vec<u8> {
    fn from_text(text: &str) -> Result<Self, String> {
        // The decoder takes off one prefix itself, but names neither the text nor its length.
        hex::decode(text).map_err(|error| match text.len() {
            0..=80 => format!("`{text}` is not bytes: {error}"),
            length => format!("a text of {length} characters is not bytes: {error}"),
        })
    }
}

impl FromText for Address {
    fn from_text(text: &str) -> Result<Self, String> {
        let bytes = Vec::from_text(text)?;
        Self::try_from(bytes.as_slice()).map_err(|_| format!("`{text}` has {} bytes, an address has 20", bytes.len()))
    }
}

impl FromText for B256 {
    fn from_text(text: &str) -> Result<Self, String> {
        let bytes = Vec::from_text(text)?;
        Self::try_from(bytes.as_slice()).map_err(|_| format!("`{text}` has {} bytes, a hash has 32", bytes.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromText + PartialEq + core::fmt::Debug>(text: &str, expected: Result<T, &str>) {
        match (T::from_text(text), expected) {
            (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
            (read, expected) => assert_eq!(read, expected.map_err(String::from), "{text}"),
        }
    }

    #[test]
    fn numbers() {
        for (text, number) in [("0x", 0), ("0x0", 0), ("0x00", 0), ("0x0a", 10), ("0xfF", 255), ("0x000000001", 1)] {
            check(text, Ok(U256::from(number)));
            check::<u64>(text, Ok(number));
        }
        let zeros = format!("0x{}1", "0".repeat(100));
        check(&zeros, Ok(U256::from(1)));
        check(&format!("0x{}", "f".repeat(64)), Ok(U256::MAX));
        check::<U256>(&format!("0x1{}", "0".repeat(64)), Err("more than 256 bits"));
        check("0xffffffffffffffff", Ok(u64::MAX));
        check::<u64>("0x10000000000000000", Err("more than 64 bits"));
        for text in ["", "10", "x10", "0x 1", "0x1_0", "0x-1", "0x+1", "0X1", "0x0x1"] {
            check::<U256>(text, Err("not a number"));
        }
    }

    #[test]
    fn bytes_addresses_and_hashes() {
        for text in ["", "0x"] {
            check::<Vec<u8>>(text, Ok(vec![]));
        }
        for text in ["00ff", "0x00Ff"] {
            check::<Vec<u8>>(text, Ok(vec![0, 255]));
        }
        for text in ["0", "0x123", "0x0g", "0x0x00", " 00"] {
            check::<Vec<u8>>(text, Err("is not bytes"));
        }
        check(&"11".repeat(20), Ok(Address::repeat_byte(0x11)));
        check::<Address>("0x11", Err("an address has 20"));
        check(&format!("0x{}", "11".repeat(32)), Ok(B256::repeat_byte(0x11)));
        check::<B256>(&"11".repeat(31), Err("31 bytes, a hash has 32"));
    }
}
