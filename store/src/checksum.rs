//! The checksum of a row: over its file, its fork, its table, its key and its content, so that a row passes for no other.
//! And that of a block of a file.
//!
//! It finds what a disk does. It is no cryptographic hash: what must be bound is bound by the root.

/// Bytes that a checksum takes behind the content of a row.
pub(crate) const CHECKSUM_BYTES: usize = 8;

/// An odd factor: each step is a bijection of the sum for a word, and of the word for a sum. So a change within one
/// word always changes the sum.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The checksum of a row of a file and a fork.
pub(crate) fn checksum(of: [u64; 2], table: u8, key: &[u8], content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [file, fork] = of;
    let sum = step(step(step(0, file), fork), u64::from(table));
    mixed(absorb(absorb(sum, key), content)).to_le_bytes()
}

/// The checksum of a block of a file at its place. Four sums take the words in turn, so that none waits for the one before.
pub(crate) fn block_sum(number: u64, block: &[u8]) -> u64 {
    let mut sums = [number; 4];
    for words in block.as_chunks::<32>().0 {
        for (sum, word) in sums.iter_mut().zip(words.as_chunks::<8>().0) {
            *sum = step(*sum, u64::from_le_bytes(*word));
        }
    }
    // A checksum that was never written is 0.
    mixed(sums.into_iter().fold(1, step)).max(1)
}

fn absorb(sum: u64, bytes: &[u8]) -> u64 {
    let mut sum = step(sum, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        sum = step(sum, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    step(sum, u64::from_le_bytes(last))
}

const fn step(sum: u64, word: u64) -> u64 {
    (sum ^ word).wrapping_mul(FACTOR).rotate_left(29)
}

/// Spreads the last steps over all bits.
const fn mixed(sum: u64) -> u64 {
    let sum = (sum ^ (sum >> 32)).wrapping_mul(FACTOR);
    sum ^ (sum >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_bit_changes_the_sum() {
        let (key, content): (Vec<u8>, Vec<u8>) = ((0..44).collect(), (0..101).map(|at| at * 2).collect());
        let good = checksum([7, 9], 3, &key, &content);
        for at in 0..(key.len() + content.len()) * 8 {
            let (mut key, mut content) = (key.clone(), content.clone());
            match key.get_mut(at / 8) {
                Some(byte) => *byte ^= 1 << (at % 8),
                None => content[at / 8 - 44] ^= 1 << (at % 8),
            }
            assert_ne!(checksum([7, 9], 3, &key, &content), good, "bit {at}");
        }
        assert_ne!(checksum([7, 9], 4, &key, &content), good);
        assert_ne!(checksum([7, 8], 3, &key, &content), good);
        assert_ne!(checksum([6, 9], 3, &key, &content), good);
    }

    /// What moves from the key to the content, or is a zero more, is another row.
    #[test]
    fn lengths_are_part_of_the_sum() {
        let sums = [("ab", "c"), ("a", "bc"), ("ab", "c\0"), ("", "abc")];
        let sums = sums.map(|(key, content)| checksum([0, 0], 1, key.as_bytes(), content.as_bytes()));
        for (at, sum) in sums.iter().enumerate() {
            assert!(!sums[at + 1..].contains(sum), "{at}");
        }
    }
}
