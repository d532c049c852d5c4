//! The application binary interfaces that a contract can be deployed with.
//!
//! Only their names and codes: what an ABI imports, exports and means is in the crate `host`.

use borsh::{BorshDeserialize, BorshSerialize};
use core::{fmt, str::FromStr};

/// The faces that a contract can show. The code is consensus: it is stored with the contract's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Abi {
    /// The Ethereum environment interface: `main ()->()`, module `ethereum`.
    Ewasm = 0,
    /// `main (i64)->(i64)` and exports called by name, arguments packed into i64 values.
    Packed = 1,
    /// WASI preview 1: standard input is the input, standard output the output, the exit code the outcome.
    Wasi = 2,
    /// Exports `()->()` called by name with JSON arguments, module `env`.
    Json = 3,
    /// Block indexers of Metashrew as they are deployed: `_start`, views by name, module `env`.
    Metashrew = 4,
    /// The same by the published description of their interface.
    MetashrewDocumented = 5,
    /// A JSON request as a C string in, a JSON reply as a C string out, `malloc` and `free`.
    Dela = 6,
    /// Modules that link with each other and not with the host, as in the testsuite of the Wasm specification. No account
    /// has such code: its number has no meaning in an encoding.
    Linked = 255,
}

/// What an ABI is held to: contracts that are written for a chain, programs that bring the runtime of their language,
/// indexers that hold whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Small modules.
    Contract,
    /// Modules of megabytes.
    Program,
    /// Modules of megabytes, with memories of hundreds of megabytes.
    Indexer,
}

impl Abi {
    /// Every ABI, in the order of its code.
    pub const ALL: &'static [Self] = &[
        Self::Ewasm,
        Self::Packed,
        Self::Wasi,
        Self::Json,
        Self::Metashrew,
        Self::MetashrewDocumented,
        Self::Dela,
        Self::Linked,
    ];

    /// Those that a contract can be deployed with.
    pub const CONTRACTS: &'static [Self] =
        &[Self::Ewasm, Self::Packed, Self::Wasi, Self::Json, Self::Metashrew, Self::MetashrewDocumented, Self::Dela];

    /// The name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ewasm => "ewasm",
            Self::Packed => "packed",
            Self::Wasi => "wasi",
            Self::Json => "json",
            Self::Metashrew => "metashrew",
            Self::MetashrewDocumented => "metashrew-documented",
            Self::Dela => "dela",
            Self::Linked => "linked",
        }
    }

    /// Which limits hold.
    pub const fn class(self) -> Class {
        match self {
            Self::Ewasm | Self::Packed | Self::Linked => Class::Contract,
            Self::Wasi | Self::Json | Self::Dela => Class::Program,
            Self::Metashrew | Self::MetashrewDocumented => Class::Indexer,
        }
    }

    /// The bit of this ABI in a set.
    pub(crate) const fn bit(self) -> u32 {
        match self {
            Self::Ewasm => 1,
            Self::Packed => 1 << 1,
            Self::Wasi => 1 << 2,
            Self::Json => 1 << 3,
            Self::Metashrew => 1 << 4,
            Self::MetashrewDocumented => 1 << 5,
            Self::Dela => 1 << 6,
            Self::Linked => 1 << 31,
        }
    }
}

impl BorshDeserialize for Abi {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let code = u8::deserialize_reader(reader)?;
        let abi = Self::CONTRACTS.iter().copied().find(|abi| *abi as u8 == code);
        abi.ok_or_else(|| {
            borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, format!("no ABI has the number {code}"))
        })
    }
}

impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is not one of [`Abi::CONTRACTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAbi;

impl fmt::Display for UnknownAbi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown ABI, expected one of:")?;
        Abi::CONTRACTS.iter().try_for_each(|abi| write!(f, " {abi}"))
    }
}

impl core::error::Error for UnknownAbi {}

impl FromStr for Abi {
    type Err = UnknownAbi;

    fn from_str(name: &str) -> Result<Self, UnknownAbi> {
        Self::CONTRACTS.iter().copied().find(|abi| abi.name() == name).ok_or(UnknownAbi)
    }
}

/// A set of ABIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AbiSet(u32);

impl AbiSet {
    /// The set of the ABIs in `abis`.
    pub const fn of(abis: &[Abi]) -> Self {
        let mut bits = 0;
        let mut rest = abis;
        while let [first, others @ ..] = rest {
            bits |= first.bit();
            rest = others;
        }
        Self(bits)
    }

    /// Whether `abi` is in the set.
    pub const fn contains(self, abi: Abi) -> bool {
        self.0 & abi.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_those_of_the_table() {
        for (abi, name, code) in [
            (Abi::Ewasm, "ewasm", 0),
            (Abi::Packed, "packed", 1),
            (Abi::Wasi, "wasi", 2),
            (Abi::Json, "json", 3),
            (Abi::Metashrew, "metashrew", 4),
            (Abi::MetashrewDocumented, "metashrew-documented", 5),
            (Abi::Dela, "dela", 6),
            (Abi::Linked, "linked", 255),
        ] {
            assert_eq!(name.parse(), if abi == Abi::Linked { Err(UnknownAbi) } else { Ok(abi) });
            assert_eq!(borsh::to_vec(&abi).unwrap(), [code]);
        }
        assert_eq!(Abi::ALL.len(), 8);
        assert_eq!(Abi::CONTRACTS.len(), 7);
        assert_eq!("Ewasm".parse::<Abi>(), Err(UnknownAbi));
        assert!(borsh::from_slice::<Abi>(&[7]).is_err());
        assert!(borsh::from_slice::<Abi>(&[255]).is_err());
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        assert!(AbiSet::of(&[Abi::Packed]).contains(Abi::Packed));
        assert!(!AbiSet::of(&[Abi::Packed]).contains(Abi::Ewasm));
        assert!(Abi::ALL.iter().all(|&abi| AbiSet::of(Abi::ALL).contains(abi)));
    }
}
