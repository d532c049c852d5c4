//! The reply of a contract: whether it says that the request was accepted.
//!
//! The text is JSON as RFC 8259 has it, with two liberties: strings may hold any byte from 0x20 on, since json-c writes
//! bytes of a result as they are, and of members of one name the last counts. Names are compared as they are written,
//! without their escapes undone. The time is linear in the text, the space fixed.

/// Objects and arrays that a reply can have inside each other.
pub const DEPTH_MAX: u32 = 64;

/// What a reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `"Accepted"` is the string `true`.
    Accepted,
    /// `"Accepted"` is another string.
    Refused,
    /// It is not a JSON object with the strings `"Accepted"` and `"result"`.
    Malformed,
}

/// What the reply `text` says.
pub fn verdict(text: &[u8]) -> Verdict {
    let mut reader = Reader { rest: text };
    match reader.reply() {
        Some(Members { accepted: Some(b"true"), result: Some(_) }) => Verdict::Accepted,
        Some(Members { accepted: Some(_), result: Some(_) }) => Verdict::Refused,
        _ => Verdict::Malformed,
    }
}

/// The two members of a reply, where they are strings: what is between the quotes.
#[derive(Default)]
struct Members<'a> {
    accepted: Option<&'a [u8]>,
    result: Option<&'a [u8]>,
}

/// Reads JSON from the front. A text that does not go on as JSON must is `None`.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// An object, and nothing after it.
    fn reply(&mut self) -> Option<Members<'a>> {
        let mut members = Members::default();
        self.take(b'{')?;
        if self.take(b'}').is_none() {
            loop {
                let name = self.string()?;
                self.take(b':')?;
                let before = self.rest;
                let text = self.string();
                if text.is_none() {
                    self.rest = before;
                    self.value()?;
                }
                match name {
                    b"Accepted" => members.accepted = text,
                    b"result" => members.result = text,
                    _ => {}
                }
                if self.take(b',').is_none() {
                    break;
                }
            }
            self.take(b'}')?;
        }
        self.space();
        self.rest.is_empty().then_some(members)
    }

    /// Any value. The bits of a word say which of the values around it are objects, the innermost lowest, so that
    /// nesting takes no stack.
    fn value(&mut self) -> Option<()> {
        let (mut objects, mut depth) = (0_u64, 0_u32);
        loop {
            self.space();
            let is_object = self.rest.first() == Some(&b'{');
            if is_object || self.rest.first() == Some(&b'[') {
                self.skip(1)?;
                if depth >= DEPTH_MAX {
                    return None;
                }
                depth = depth.saturating_add(1);
                objects = objects << 1 | u64::from(is_object);
                if self.take(if is_object { b'}' } else { b']' }).is_none() {
                    if is_object {
                        self.name()?;
                    }
                    continue;
                }
                (objects, depth) = (objects >> 1, depth.saturating_sub(1));
            } else {
                self.scalar()?;
            }
            // A value has ended: what it lies in goes on or ends as well.
            while depth > 0 {
                let in_object = objects & 1 == 1;
                if self.take(b',').is_some() {
                    if in_object {
                        self.name()?;
                    }
                    break;
                }
                self.take(if in_object { b'}' } else { b']' })?;
                (objects, depth) = (objects >> 1, depth.saturating_sub(1));
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// A string, a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<()> {
        if self.rest.first() == Some(&b'"') {
            return self.string().map(|_| ());
        }
        for word in [&b"true"[..], b"false", b"null"] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Some(());
            }
        }
        self.number()
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.next_is(|byte| byte == b'-');
        if !self.next_is(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.next_is(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.next_is(|byte| matches!(byte, b'e' | b'E')) {
            let _ = self.next_is(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Some(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 { None } else { self.skip(length) }
    }

    /// The name of a member and its colon.
    fn name(&mut self) -> Option<()> {
        self.string()?;
        self.take(b':')
    }

    /// A string: what is between its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let start = self.rest;
        let mut length = 0_usize;
        loop {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return start.get(..length),
                b'\\' => {
                    let (&escaped, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    let digits = match escaped {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 0,
                        b'u' => 4,
                        _ => return None,
                    };
                    if !self.rest.get(..digits)?.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    self.skip(digits)?;
                    length = length.saturating_add(2).saturating_add(digits);
                }
                0..0x20 => return None,
                _ => length = length.saturating_add(1),
            }
        }
    }

    /// The byte `wanted`, with white space before it.
    fn take(&mut self, wanted: u8) -> Option<()> {
        self.space();
        self.next_is(|byte| byte == wanted).then_some(())
    }

    fn next_is(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        match self.rest.split_first() {
            Some((&byte, rest)) if wanted(byte) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    fn space(&mut self) {
        while self.next_is(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Verdict) {
        assert_eq!(verdict(text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn accepted_is_the_string_true_beside_a_result() {
        check(r#"{"Accepted":"true","result":"51"}"#, Verdict::Accepted);
        check(r#" { "counter": 50, "result": "51", "Accepted": "true" } "#, Verdict::Accepted);
        check(r#"{"Accepted":"false","result":""}"#, Verdict::Refused);
        check(r#"{"Accepted":"True","result":""}"#, Verdict::Refused);
        check(r#"{"Accepted":"true","Accepted":"no","result":""}"#, Verdict::Refused);
        check(r#"{"Accepted":"no","result":"","Accepted":"true"}"#, Verdict::Accepted);
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "",
            "{}",
            "{",
            "null",
            "[]",
            r#""true""#,
            r#"{"Accepted":"true"}"#,
            r#"{"result":"51"}"#,
            r#"{"Accepted":true,"result":"51"}"#,
            r#"{"Accepted":"true","result":51}"#,
            r#"{"Accepted":"true","Accepted":1,"result":"51"}"#,
            r#"{"in":{"Accepted":"true","result":"51"}}"#,
            r#"{"Accepted":"true","result":"51"} x"#,
            r#"{"Accepted":"true","result":"51",}"#,
            r#"{"Accepted":"true" "result":"51"}"#,
            r#"{"Accepted":"true","result":"51"#,
            r#"{'Accepted':'true','result':'51'}"#,
            r#"{"\u0041ccepted":"true","result":"51"}"#,
            "{\"Accepted\":\"true\",\"result\":\"5\n1\"}",
        ] {
            check(text, Verdict::Malformed);
        }
    }

    #[test]
    fn a_result_of_raw_bytes_is_a_string() {
        let reply = [&br#"{"Accepted":"true","result":""#[..], &[0xff, 0xc0, 0x80, b'\\', b'"'], br#""}"#].concat();
        assert_eq!(verdict(&reply), Verdict::Accepted);
    }

    /// Whether `text` is JSON, by the reader's own liberties: they are the same, so a JSON library for UTF-8 decides.
    #[test]
    fn other_members_have_to_be_json() {
        for (value, is_json) in [
            ("0", true),
            ("-0.5e+10", true),
            ("01", false),
            ("-", false),
            ("1.", false),
            (".5", false),
            ("1e", false),
            ("+1", false),
            ("truex", false),
            ("tru", false),
            ("[]", true),
            ("[1,]", false),
            ("[,1]", false),
            ("[1 2]", false),
            ("{}", true),
            (r#"{"a"}"#, false),
            (r#"{"a":1,}"#, false),
            (r#"{"a":[{"b":[]},{}],"c":""}"#, true),
            (r#"{"a":[{"b":[}]}"#, false),
            ("[[}]", false),
            (r#""\x""#, false),
            (r#""\u12G4""#, false),
            (r#""\u12""#, false),
            (r#""\ud800""#, true),
        ] {
            let expect = if is_json { Verdict::Accepted } else { Verdict::Malformed };
            check(&format!(r#"{{"Accepted":"true","x":{value},"result":""}}"#), expect);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |open: &str, close: &str, depth: usize| {
            format!(r#"{{"x":{}1{},"Accepted":"true","result":""}}"#, open.repeat(depth), close.repeat(depth))
        };
        let depth = usize::try_from(DEPTH_MAX).unwrap();
        check(&nested("[", "]", depth), Verdict::Accepted);
        check(&nested(r#"{"a":"#, "}", depth), Verdict::Accepted);
        check(&nested("[", "]", depth + 1), Verdict::Malformed);
        check(&nested("[", "]", 1_000_000), Verdict::Malformed);
    }

    /// What serde_json says of `text`; `None` where it reads less than a reply may be: strings that are no UTF-8, or with
    /// escapes, and numbers beyond its own.
    fn model(text: &[u8]) -> Option<Verdict> {
        // It skips strings and numbers as they are written, so this part has the reader's liberties.
        if serde_json::from_slice::<serde::de::IgnoredAny>(text).is_err() {
            return Some(Verdict::Malformed);
        }
        if text.contains(&b'\\') {
            return None;
        }
        let value: serde_json::Value = serde_json::from_slice(text).ok()?;
        let member = |name| value.get(name).and_then(serde_json::Value::as_str);
        Some(match (member("Accepted"), member("result")) {
            (Some("true"), Some(_)) => Verdict::Accepted,
            (Some(_), Some(_)) => Verdict::Refused,
            _ => Verdict::Malformed,
        })
    }

    /// Texts made of the pieces of replies, with pieces dropped, doubled, exchanged and put in.
    #[test]
    fn serde_json_agrees_on_mutated_texts() {
        const PIECES: &[&[u8]] = &[
            b"{",
            b"}",
            b"[",
            b"]",
            b":",
            b",",
            b" ",
            b"\n",
            b"\"Accepted\"",
            b"\"result\"",
            b"\"true\"",
            b"\"x\"",
            b"\"\"",
            b"true",
            b"null",
            b"-0.5e+10",
            b"01",
            b"7",
            b"-",
            b".",
            b"e",
            b"\"",
            b"\\",
            b"\\u12aG",
            b"\xff",
            b"\x1f",
            b"0",
        ];
        const REPLY: &[usize] = &[0, 8, 4, 10, 5, 11, 4, 2, 17, 5, 0, 11, 4, 14, 1, 3, 5, 9, 4, 12, 1];
        let seed = 0xde1a_u64;
        let mut state = seed;
        let mut below = move |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 11).unwrap() % bound
        };
        let mut seen = [0_u32; 3];
        for round in 0..60_000 {
            let mut pieces = REPLY.to_vec();
            // Half of them are refusals: "x" in the place of "true".
            pieces[3] = if round % 2 == 0 { 10 } else { 11 };
            for _ in 0..below(4) {
                let at = below(pieces.len());
                match below(4) {
                    0 => drop(pieces.remove(at)),
                    1 => pieces.insert(at, pieces[at]),
                    2 => pieces[at] = below(PIECES.len()),
                    _ => pieces.insert(at, below(PIECES.len())),
                }
            }
            let text: Vec<u8> = pieces.iter().flat_map(|&piece| PIECES[piece]).copied().collect();
            let Some(expect) = model(&text) else { continue };
            assert_eq!(verdict(&text), expect, "seed {seed}: {}", text.escape_ascii());
            seen[expect as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 500), "accepted, refused, malformed: {seen:?}");
    }
}
