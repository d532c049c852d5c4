//! As much JSON as the confidential store speaks: objects of numbers, texts, bytes and addresses.
//!
//! Reading is bounded by the input, nests at most [`DEPTH_MAX`] deep and fails at the first thing that is not as expected.
//! Names of fields are told without regard to case and the last of two counts, as Go reads them.

use super::base64;

/// Arrays and objects within each other, in what is skipped.
const DEPTH_MAX: u32 = 32;

/// Reads one value.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(json: &'a [u8]) -> Self {
        Self { rest: json }
    }

    /// Reads a text that is one object and hands each field to `field`, its name in lower case. `None` if it is something
    /// else, or if `field` returns `None`.
    pub(super) fn read_object(json: &'a [u8], mut field: impl FnMut(&[u8], &mut Self) -> Option<()>) -> Option<()> {
        let mut reader = Self::new(json);
        reader.fields(&mut field)?;
        reader.finish()
    }

    fn fields(&mut self, field: &mut dyn FnMut(&[u8], &mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.accept(b'}') {
            return Some(());
        }
        loop {
            let mut name = self.text()?;
            name.make_ascii_lowercase();
            self.expect(b':')?;
            field(&name, self)?;
            if self.accept(b'}') {
                return Some(());
            }
            self.expect(b',')?;
        }
    }

    /// `Some` if nothing follows what was read.
    pub(super) fn finish(mut self) -> Option<()> {
        self.spaces();
        self.rest.is_empty().then_some(())
    }

    /// A whole number of 64 bits without a sign.
    pub(super) fn number(&mut self) -> Option<u64> {
        self.spaces();
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(digits)?;
        if digits.is_empty() || (digits.len() > 1 && digits.first() == Some(&b'0')) {
            return None;
        }
        self.rest = rest;
        let value = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit.checked_sub(b'0')?));
        digits.iter().try_fold(0, value)
    }

    /// Exactly `N` bytes: a list of numbers.
    pub(super) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let mut places = bytes.iter_mut();
        self.list(&mut |reader| {
            *places.next()? = u8::try_from(reader.number()?).ok()?;
            Some(())
        })?;
        let is_whole = places.next().is_none();
        is_whole.then_some(bytes)
    }

    /// A list of addresses, each a text `"0x.."` of 40 digits. `null` is an empty one.
    pub(super) fn addresses(&mut self) -> Option<Vec<[u8; 20]>> {
        let mut addresses = Vec::new();
        if self.null() {
            return Some(addresses);
        }
        self.list(&mut |reader| {
            addresses.push(parse_address(&reader.text()?)?);
            Some(())
        })?;
        Some(addresses)
    }

    /// Bytes in base 64. `null` is none.
    pub(super) fn base64(&mut self) -> Option<Vec<u8>> {
        if self.null() { Some(Vec::new()) } else { base64::decode(&self.text()?) }
    }

    /// A text, in UTF-8. An escape is replaced with the character that it names; half a surrogate is refused.
    pub(super) fn text(&mut self) -> Option<Vec<u8>> {
        self.spaces();
        self.rest = self.rest.strip_prefix(b"\"")?;
        let mut text = Vec::new();
        loop {
            let plain = self.rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)?;
            let (before, rest) = self.rest.split_at_checked(plain)?;
            text.extend_from_slice(before);
            self.rest = rest;
            match self.take()? {
                b'"' => break,
                b'\\' => self.escape(&mut text)?,
                _ => return None,
            }
        }
        core::str::from_utf8(&text).is_ok().then_some(text)
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let byte = match self.take()? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let character = self.unicode()?;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        };
        text.push(byte);
        Some(())
    }

    /// The character of four digits, or of two times four.
    fn unicode(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.rest = self.rest.strip_prefix(b"\\u")?;
        let second = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&second) {
            return None;
        }
        let (high, low) = (first.checked_sub(0xd800)?, second.checked_sub(0xdc00)?);
        char::from_u32(0x1_0000_u32.checked_add(high << 10 | low)?)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        let value = |sum: u32, digit: &u8| Some(sum << 4 | char::from(*digit).to_digit(16)?);
        digits.iter().try_fold(0, value)
    }

    /// Passes over any value.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_within(DEPTH_MAX)
    }

    fn skip_within(&mut self, depth: u32) -> Option<()> {
        self.spaces();
        match *self.rest.first()? {
            b'"' => self.text().map(|_| ()),
            b'[' => {
                let below = depth.checked_sub(1)?;
                self.list(&mut |reader| reader.skip_within(below))
            }
            b'{' => {
                let below = depth.checked_sub(1)?;
                self.fields(&mut |_, reader| reader.skip_within(below))
            }
            _ => {
                let is_plain = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                let length = self.rest.iter().take_while(is_plain).count();
                let (word, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                is_plain_value(word).then_some(())
            }
        }
    }

    fn list(&mut self, item: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.accept(b']') {
            return Some(());
        }
        loop {
            item(self)?;
            if self.accept(b']') {
                return Some(());
            }
            self.expect(b',')?;
        }
    }

    fn null(&mut self) -> bool {
        self.spaces();
        match self.rest.strip_prefix(b"null") {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.accept(byte).then_some(())
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.spaces();
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn spaces(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }
}

/// Whether a word without quotes is a value: a constant, or a number as RFC 8259 writes it.
fn is_plain_value(word: &[u8]) -> bool {
    if matches!(word, b"null" | b"true" | b"false") {
        return true;
    }
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let word = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(word);
    if whole == 0 || (whole > 1 && word.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = word.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or_default();
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

fn parse_address(text: &[u8]) -> Option<[u8; 20]> {
    let digits = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X"))?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let pairs: [[u8; 2]; 20] = pairs.try_into().ok()?;
    let mut address = [0; 20];
    for (byte, [high, low]) in address.iter_mut().zip(pairs) {
        let value = char::from(high).to_digit(16)? << 4 | char::from(low).to_digit(16)?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(address)
}

/// Writes one value, as Go does: without spaces.
#[derive(Debug, Default)]
pub(super) struct Writer {
    json: Vec<u8>,
    /// Bytes that [`written`](Self::written) has counted.
    counted: usize,
}

impl Writer {
    pub(super) fn finish(self) -> Vec<u8> {
        self.json
    }

    /// Bytes written since this was asked the last time.
    pub(super) fn written(&mut self) -> u64 {
        let bytes = self.json.len();
        let before = core::mem::replace(&mut self.counted, bytes);
        u64::try_from(bytes.saturating_sub(before)).unwrap_or(u64::MAX)
    }

    pub(super) fn raw(&mut self, json: &str) -> &mut Self {
        self.json.extend_from_slice(json.as_bytes());
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.raw(&number.to_string())
    }

    /// A list of numbers.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.list(bytes, |writer, byte| {
            writer.number(u64::from(*byte));
        })
    }

    /// A list of texts `"0x.."`, or `null` for an empty one.
    pub(super) fn addresses(&mut self, addresses: &[[u8; 20]]) -> &mut Self {
        if addresses.is_empty() {
            return self.raw("null");
        }
        self.list(addresses, |writer, address| {
            writer.raw("\"0x");
            address.iter().for_each(|byte| {
                writer.raw(&format!("{byte:02x}"));
            });
            writer.raw("\"");
        })
    }

    pub(super) fn base64(&mut self, bytes: &[u8]) -> &mut Self {
        self.json.push(b'"');
        base64::encode(bytes, &mut self.json);
        self.raw("\"")
    }

    /// A text of valid UTF-8.
    pub(super) fn text(&mut self, text: &[u8]) -> &mut Self {
        self.json.push(b'"');
        for &byte in text {
            match byte {
                b'"' | b'\\' => self.json.extend([b'\\', byte]),
                0..0x20 => {
                    self.raw(&format!("\\u{byte:04x}"));
                }
                _ => self.json.push(byte),
            }
        }
        self.raw("\"")
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) -> &mut Self {
        let mut separator = "[";
        for each in items {
            self.raw(separator);
            item(self, each);
            separator = ",";
        }
        self.raw(if items.is_empty() { "[]" } else { "]" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(json: &str) -> bool {
        let mut reader = Reader::new(json.as_bytes());
        reader.skip().is_some() && reader.finish().is_some()
    }

    #[test]
    fn only_json_is_skipped() {
        for json in [
            "null",
            " true ",
            "0",
            "-1",
            "1.5e-3",
            "1E+9",
            "[]",
            "{}",
            "[1,[2],{\"a\":[]}]",
            "\"\\u0041\\n\"",
            "\"\\ud83d\\ude00\"",
            "{\"a\":{\"b\":null}}",
        ] {
            assert!(skips(json), "{json}");
        }
        for json in [
            "",
            "nul",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "[1,]",
            "[,]",
            "{\"a\"}",
            "{a:1}",
            "\"",
            "\"\\x\"",
            "\"\\u00g0\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\n\"",
            "1 2",
            "[1",
            "{\"a\":1,}",
            "tru e",
            "\"\\ud83d\\u0041\"",
        ] {
            assert!(!skips(json), "{json}");
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(skips(&nested(32)));
        assert!(!skips(&nested(33)));
        assert!(!skips(&nested(1_000_000)), "no recursion follows the input");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_no_text() {
        assert_eq!(Reader::new(b"\"\xff\"").text(), None);
        assert_eq!(Reader::new(b"\"\xc3\xa4\"").text().as_deref(), Some("ä".as_bytes()));
    }

    #[test]
    fn numbers_and_bytes_have_bounds() {
        assert_eq!(Reader::new(b"18446744073709551615").number(), Some(u64::MAX));
        assert_eq!(Reader::new(b"18446744073709551616").number(), None);
        assert_eq!(Reader::new(b"-1").number(), None);
        assert_eq!(Reader::new(b"[1,2]").bytes(), Some([1, 2]));
        for json in ["[1]", "[1,2,3]", "[1,256]", "null", "\"AQI=\""] {
            assert_eq!(Reader::new(json.as_bytes()).bytes::<2>(), None, "{json}");
        }
    }

    #[test]
    fn addresses_are_read_in_either_case() {
        let text = format!("[\"0x{}\",\"0X{}\"]", "aB".repeat(20), "00".repeat(20));
        assert_eq!(Reader::new(text.as_bytes()).addresses(), Some(vec![[0xab; 20], [0; 20]]));
        assert_eq!(Reader::new(b"null").addresses(), Some(vec![]));
        for json in ["[\"0x00\"]", "[\"0xzz\"]", "[1]", "\"0x\""] {
            assert_eq!(Reader::new(json.as_bytes()).addresses(), None, "{json}");
        }
    }
}
