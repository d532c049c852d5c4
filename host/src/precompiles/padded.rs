//! An input that zeros follow without end, which is how Ethereum's precompiled contracts read theirs.

/// An input with zeros behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Padded<'a>(&'a [u8]);

impl<'a> Padded<'a> {
    pub(super) const fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    /// The `N` bytes from `start` on.
    pub(super) fn array<const N: usize>(&self, start: usize) -> [u8; N] {
        let mut bytes = [0; N];
        for (target, source) in bytes.iter_mut().zip(self.0.get(start..).unwrap_or_default()) {
            *target = *source;
        }
        bytes
    }

    /// The input from `start` on, without the zeros behind it.
    pub(super) fn rest(&self, start: usize) -> &'a [u8] {
        self.0.get(start..).unwrap_or_default()
    }

    /// The `length` bytes from `start` on.
    pub(super) fn bytes(&self, start: usize, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.rest(start).iter().take(length).copied().collect();
        bytes.resize(length, 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_follow_the_end() {
        let input = Padded::new(&[1, 2, 3]);
        assert_eq!(input.array(0), [1, 2]);
        assert_eq!(input.array(2), [3, 0]);
        assert_eq!(input.array(3), [0, 0]);
        assert_eq!(input.array(usize::MAX), [0, 0]);
        assert_eq!(input.bytes(1, 4), [2, 3, 0, 0]);
        assert_eq!(input.bytes(4, 2), [0, 0]);
        assert_eq!(input.bytes(0, 2), [1, 2]);
        assert_eq!(input.rest(2), [3]);
        assert!(input.rest(4).is_empty());
    }
}
