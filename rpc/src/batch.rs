//! Counts the requests of a batch as its bytes come.
//!
//! The server makes a list of what a batch contains before it counts: eight times the bytes of a batch of digits. Nothing is kept
//! here, and nothing judged but the number: whether it is JSON the server says.

/// Where the bytes so far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Before the first byte of a message.
    #[default]
    Begin,
    /// In a message that is no batch.
    NoBatch,
    /// In a batch, below so many brackets beside its own.
    Batch(u64),
    /// In a string there.
    Text(u64),
    /// Behind a backslash there.
    Escape(u64),
}

/// Counts what a batch contains.
#[derive(Debug, Default)]
pub(crate) struct BatchCounter {
    place: Place,
    commas: u64,
}

impl BatchCounter {
    /// Reads the next bytes of a message. Returns the entries so far: one more than commas, if it is a batch.
    pub(crate) fn read(&mut self, bytes: impl IntoIterator<Item = u8>) -> u64 {
        for byte in bytes {
            if self.place == Place::NoBatch {
                break;
            }
            self.read_byte(byte);
        }
        match self.place {
            Place::Begin | Place::NoBatch => 0,
            Place::Batch(_) | Place::Text(_) | Place::Escape(_) => self.commas.saturating_add(1),
        }
    }

    fn read_byte(&mut self, byte: u8) {
        self.place = match (self.place, byte) {
            (Place::Begin, b'[') => Place::Batch(0),
            (Place::Begin, byte) if byte.is_ascii_whitespace() => Place::Begin,
            (Place::Begin | Place::NoBatch, _) => Place::NoBatch,
            (Place::Batch(depth), b'"') => Place::Text(depth),
            (Place::Batch(depth), b'[' | b'{') => Place::Batch(depth.saturating_add(1)),
            // A batch that is closed more often than it was opened is none, and as long as it goes on it is counted.
            (Place::Batch(depth), b']' | b'}') => Place::Batch(depth.saturating_sub(1)),
            (Place::Batch(0), b',') => {
                self.commas = self.commas.saturating_add(1);
                Place::Batch(0)
            }
            (Place::Text(depth), b'"') => Place::Batch(depth),
            (Place::Text(depth), b'\\') => Place::Escape(depth),
            (Place::Escape(depth), _) => Place::Text(depth),
            (place, _) => place,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_batch_contains_is_counted_however_it_is_cut() {
        let cases = [
            ("", 0),
            (" \r\n", 0),
            ("{\"params\":[1,2,3]}", 0),
            ("1,2,3", 0),
            ("[", 1),
            ("[]", 1),
            (" [1]", 1),
            ("[1,2,3]", 3),
            ("[{\"a\":[1,2],\"b\":{\"c\":3,\"d\":4}},[5,6]]", 2),
            (r#"["a,b","c\",d","e\\",","]"#, 4),
            ("[\"],[\",{}]", 2),
            ("[,,,", 4),
            ("[]],1", 2),
        ];
        for (text, entries) in cases {
            for step in 1..=text.len().max(1) {
                let mut counter = BatchCounter::default();
                let last = text.as_bytes().chunks(step).map(|part| counter.read(part.iter().copied())).last();
                assert_eq!(last.unwrap_or(0), entries, "{text} in parts of {step}");
            }
        }
    }

    /// The entries of each body that the server would make a list of are counted.
    #[test]
    fn as_many_are_counted_as_are_parsed() {
        let mut seed = 5_u64;
        let mut next = |count: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % count
        };
        let parts = ["[", "]", "{", "}", ",", ":", "\"", "\\", "1", "null", " ", "\"a\"", "{\"b\":[2,3]}", "[4,5]"];
        let mut lists = 0;
        for _ in 0..200_000 {
            let inner: String =
                (0..next(9)).filter_map(|_| parts.get(usize::try_from(next(14)).ok()?).copied()).collect();
            let text = format!("[{inner}]");
            if let Ok(list) = serde_json::from_str::<Vec<serde_json::Value>>(&text) {
                let counted = BatchCounter::default().read(text.bytes());
                assert_eq!(counted, u64::try_from(list.len().max(1)).unwrap(), "{text}");
                lists += 1;
            }
        }
        assert!(lists > 5_000, "{lists} lists");
    }
}
