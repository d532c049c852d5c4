//! Error numbers: what the end of a call is called where 16 bits have to say it.
//!
//! Owns the numbers and their meaning. Which end gets which number is for each ABI to say.

use core::fmt;

/// The 16 bits that say how a call ended.
///
/// 0 is success, `0x0001..=0xFEFF` is the contract's own, `0xFF00..=0xFFFF` is kept for the host. Every value is a
/// valid code: what a callee may return is said by [`Errno::is_reserved`]. The numbers are consensus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Errno(u16);

/// The codes that have a name, in ascending order.
const NAMED: [(Errno, &str); 12] = [
    (Errno::OK, "ok"),
    (Errno::TRAP, "trap"),
    (Errno::OUT_OF_GAS, "out of gas"),
    (Errno::NO_CODE, "no such account or no code"),
    (Errno::NO_EXPORT, "no such export"),
    (Errno::SIGNATURE_MISMATCH, "signature mismatch"),
    (Errno::INPUT_TOO_LARGE, "input too large"),
    (Errno::NO_ROOM, "no room in the callee's memory"),
    (Errno::DEPTH, "call depth exceeded"),
    (Errno::BALANCE, "balance too low"),
    (Errno::STATIC_VIOLATION, "static violation"),
    (Errno::BAD_RESULT, "bad result"),
];

impl Errno {
    /// Success.
    pub const OK: Self = Self(0);
    /// The callee trapped, or failed in another way that has no code of its own.
    pub const TRAP: Self = Self(0xFF01);
    /// The callee ran out of gas.
    pub const OUT_OF_GAS: Self = Self(0xFF02);
    /// The callee does not exist or has no code.
    pub const NO_CODE: Self = Self(0xFF03);
    /// The callee has no export of that name that can be called.
    pub const NO_EXPORT: Self = Self(0xFF04);
    /// The descriptor does not fit the callee's export, or is not the one in its section `packed_abi`.
    pub const SIGNATURE_MISMATCH: Self = Self(0xFF05);
    /// The input buffers together have more than [`BUFFER_BYTES_MAX`](crate::packed::BUFFER_BYTES_MAX) bytes, or struct and buffers
    /// more than `input_bytes_max` of the limits.
    pub const INPUT_TOO_LARGE: Self = Self(0xFF06);
    /// The input buffers do not fit into the callee's memory.
    pub const NO_ROOM: Self = Self(0xFF07);
    /// The call would be too deep.
    pub const DEPTH: Self = Self(0xFF08);
    /// The caller has less than the value it wanted to send.
    pub const BALANCE: Self = Self(0xFF09);
    /// A static frame tried to change state.
    pub const STATIC_VIOLATION: Self = Self(0xFF0A);
    /// The callee returned a code that is kept for the host.
    pub const BAD_RESULT: Self = Self(0xFF0B);

    /// The code `code`.
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The code as a number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Whether the call succeeded.
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether the callee gave the code a meaning: `0x0001..=0xFEFF`.
    pub const fn is_contract_defined(self) -> bool {
        matches!(self.0, 1..=0xFEFF)
    }

    /// Whether the code is kept for the host: `0xFF00..=0xFFFF`.
    pub const fn is_reserved(self) -> bool {
        self.0 >= 0xFF00
    }

    /// The code that the caller sees of a callee that returned this one: a callee cannot pretend to be the host, so a
    /// reserved code becomes [`Errno::BAD_RESULT`].
    #[must_use]
    pub const fn seen_by_caller(self) -> Self {
        if self.is_reserved() { Self::BAD_RESULT } else { self }
    }

    /// The name of a code that has a meaning of its own, in lower case.
    pub fn name(self) -> Option<&'static str> {
        NAMED.iter().find(|(errno, _)| *errno == self).map(|&(_, name)| name)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None if self.is_reserved() => write!(f, "reserved error {:#06X}", self.0),
            None => write!(f, "contract error {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_spec() {
        for (errno, code, display) in [
            (Errno::OK, 0x0000, "ok"),
            (Errno::TRAP, 0xFF01, "trap"),
            (Errno::OUT_OF_GAS, 0xFF02, "out of gas"),
            (Errno::NO_CODE, 0xFF03, "no such account or no code"),
            (Errno::NO_EXPORT, 0xFF04, "no such export"),
            (Errno::SIGNATURE_MISMATCH, 0xFF05, "signature mismatch"),
            (Errno::INPUT_TOO_LARGE, 0xFF06, "input too large"),
            (Errno::NO_ROOM, 0xFF07, "no room in the callee's memory"),
            (Errno::DEPTH, 0xFF08, "call depth exceeded"),
            (Errno::BALANCE, 0xFF09, "balance too low"),
            (Errno::STATIC_VIOLATION, 0xFF0A, "static violation"),
            (Errno::BAD_RESULT, 0xFF0B, "bad result"),
            (Errno::new(1), 1, "contract error 1"),
            (Errno::new(0xFEFF), 0xFEFF, "contract error 65279"),
            (Errno::new(0xFF00), 0xFF00, "reserved error 0xFF00"),
            (Errno::new(0xFF0C), 0xFF0C, "reserved error 0xFF0C"),
            (Errno::new(0xFFFF), 0xFFFF, "reserved error 0xFFFF"),
        ] {
            assert_eq!(errno.code(), code);
            assert_eq!(Errno::new(code), errno);
            assert_eq!(errno.to_string(), display);
        }
    }

    #[test]
    fn the_names_are_in_order_and_belong_to_the_host() {
        assert!(NAMED.is_sorted_by(|(a, _), (b, _)| a < b));
        assert!(NAMED.iter().all(|(errno, _)| errno.is_ok() || errno.is_reserved()));
    }

    #[test]
    fn every_code_is_of_one_kind() {
        for code in 0..=u16::MAX {
            let errno = Errno::new(code);
            let kinds = [errno.is_ok(), errno.is_contract_defined(), errno.is_reserved()];
            assert_eq!(kinds, [code == 0, (1..=0xFEFF).contains(&code), code >= 0xFF00], "{code:#06X}");
        }
    }

    #[test]
    fn a_callee_cannot_pretend_to_be_the_host() {
        for (returned, seen) in [
            (0, Errno::OK),
            (7, Errno::new(7)),
            (0xFEFF, Errno::new(0xFEFF)),
            (0xFF00, Errno::BAD_RESULT),
            (0xFF02, Errno::BAD_RESULT),
            (0xFF0B, Errno::BAD_RESULT),
            (0xFFFF, Errno::BAD_RESULT),
        ] {
            assert_eq!(Errno::new(returned).seen_by_caller(), seen, "{returned:#06X}");
        }
    }
}
