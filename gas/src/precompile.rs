//! Precompiled contracts: the addresses whose calls a revision answers itself, what answers them, and the prices.
//!
//! An address is answered by a function of the host ([`Native`]), or by a Wasm module that the revision carries
//! ([`PrecompileModule`]). A native function is beside its own price, so a revision cannot offer one without the
//! other. What the functions compute is in the crate `host`.

use crate::{Abi, Gas};
use borsh::BorshSerialize;
use std::borrow::Cow;

/// A price with a term for what is counted: words of 32 bytes, pairs of points, rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
pub struct UnitPrice {
    /// For the call itself.
    pub base: u64,
    /// For each unit.
    pub unit: u64,
}

impl UnitPrice {
    /// The price of `units` units.
    pub const fn units(&self, units: u64) -> Gas {
        Gas::new(self.base).plus(Gas::new(self.unit).times(units))
    }

    /// The price of `bytes` bytes where the unit is a word of 32 bytes, the last one counted as whole.
    pub const fn words(&self, bytes: u64) -> Gas {
        self.units(bytes.div_ceil(32))
    }
}

/// A price that grows with the square of a number of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
pub struct SquarePrice {
    /// At any number.
    pub base: u64,
    /// For each word.
    pub word: u64,
    /// For each word of each word.
    pub square: u64,
}

impl SquarePrice {
    /// The price of `words` words.
    pub const fn of(&self, words: u64) -> Gas {
        let linear = Gas::new(self.base).plus(Gas::new(self.word).times(words));
        linear.plus(Gas::new(self.square).times(words).times(words))
    }
}

/// What the price of an exponentiation is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModExpSize {
    /// Bytes of the base, as declared.
    pub base_bytes: u64,
    /// Bytes of the exponent, as declared.
    pub exponent_bytes: u64,
    /// Bytes of the modulus, as declared.
    pub modulus_bytes: u64,
    /// Bits of the number that the exponent's first 32 bytes are, leading zeros not counted. Fewer bytes where the
    /// exponent has fewer.
    pub head_bits: u64,
}

impl ModExpSize {
    /// Squarings that the exponent asks for, at least 1: `ADJUSTED_EXPONENT_LENGTH` of EIP-198.
    pub const fn iterations(&self) -> u64 {
        let beyond_head = self.exponent_bytes.saturating_sub(32).saturating_mul(8);
        let iterations = beyond_head.saturating_add(self.head_bits.saturating_sub(1));
        if iterations == 0 { 1 } else { iterations }
    }

    /// Bytes of the longer one of base and modulus.
    const fn operand_bytes(&self) -> u64 {
        if self.base_bytes > self.modulus_bytes { self.base_bytes } else { self.modulus_bytes }
    }
}

/// How an exponentiation is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
pub enum ModExpPrice {
    /// The formula of EIP-198, with its divisor of 20.
    Eip198,
    /// Measured: what is done once, and what is done for each bit of the exponent, by the words of 8 bytes of the longer
    /// one of base and modulus.
    Measured {
        /// Once.
        setup: SquarePrice,
        /// For each squaring.
        iteration: SquarePrice,
    },
}

impl ModExpPrice {
    /// The price of an exponentiation.
    pub const fn of(&self, size: &ModExpSize) -> Gas {
        match self {
            Self::Eip198 => eip_198(size),
            Self::Measured { setup, iteration } => {
                let words = size.operand_bytes().div_ceil(8);
                setup.of(words).plus(iteration.of(words).times(size.iterations()))
            }
        }
    }
}

/// EIP-198: `floor(mult_complexity(max(length_of_MODULUS, length_of_BASE)) * ADJUSTED_EXPONENT_LENGTH / 20)`.
const fn eip_198(size: &ModExpSize) -> Gas {
    let bytes = size.operand_bytes() as u128;
    let square = bytes.saturating_mul(bytes);
    // The quotients are at least the first terms from where each line holds, so that nothing is subtracted from less.
    let complexity = match bytes {
        0..=64 => square,
        65..=1_024 => (square / 4).saturating_add(bytes.saturating_mul(96)).saturating_sub(3_072),
        _ => (square / 16).saturating_add(bytes.saturating_mul(480)).saturating_sub(199_680),
    };
    let gas = complexity.saturating_mul(size.iterations() as u128) / 20;
    if gas > u64::MAX as u128 { Gas::MAX } else { Gas::new(low_half(gas)) }
}

/// The low 64 bits.
const fn low_half(number: u128) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = number.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// A function of the host that answers calls, with its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
pub enum Native {
    /// The address that signed a hash (Yellow Paper, appendix E).
    EcRecover {
        /// Gas of a call.
        base: u64,
    },
    /// SHA-256.
    Sha256(UnitPrice),
    /// RIPEMD-160.
    Ripemd160(UnitPrice),
    /// The input.
    Identity(UnitPrice),
    /// A power modulo a number (EIP-198).
    ModExp {
        /// Gas of a call.
        price: ModExpPrice,
        /// Bytes that base, exponent and modulus can have each; EIP-7823 has 1,024.
        length_bytes_max: u32,
    },
    /// The sum of two points of BN254 (EIP-196).
    Bn254Add {
        /// Gas of a call.
        base: u64,
    },
    /// A multiple of a point of BN254 (EIP-196).
    Bn254Mul {
        /// Gas of a call.
        base: u64,
    },
    /// Whether a product of pairings on BN254 is 1 (EIP-197). The unit is a pair.
    Bn254Pairing(UnitPrice),
    /// The compression function of BLAKE2b (EIP-152). The unit is a round.
    Blake2f(UnitPrice),
}

impl Native {
    /// The name that Ethereum's specifications use.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::EcRecover { .. } => "ecrecover",
            Self::Sha256(_) => "sha256",
            Self::Ripemd160(_) => "ripemd160",
            Self::Identity(_) => "identity",
            Self::ModExp { .. } => "modexp",
            Self::Bn254Add { .. } => "bn254_add",
            Self::Bn254Mul { .. } => "bn254_mul",
            Self::Bn254Pairing(_) => "bn254_pairing",
            Self::Blake2f(_) => "blake2f",
        }
    }
}

/// An address, 20 bytes.
pub type PrecompileAddress = [u8; 20];

/// What answers the calls of an address.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub enum Precompile {
    /// A function of the host.
    Native(Native),
    /// A module of the registry.
    Module {
        /// Its position among [`Precompiles::modules`].
        module: u16,
        /// The export that a call runs, so that one module can answer several addresses; `None` for its `main`.
        export: Option<Cow<'static, [u8]>>,
    },
}

/// A Wasm module that a revision carries: it runs as a contract's code does, and costs what it costs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct PrecompileModule {
    /// The ABI that it runs under.
    pub abi: Abi,
    /// The module.
    pub code: Cow<'static, [u8]>,
}

/// The precompiled contracts of a revision.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Precompiles {
    /// By address, ascending.
    entries: Cow<'static, [(PrecompileAddress, Precompile)]>,
    modules: Cow<'static, [PrecompileModule]>,
}

/// The address of Ethereum's precompiled contract `number`.
const fn numbered(number: u8) -> PrecompileAddress {
    let mut address = [0; 20];
    let [.., last] = &mut address;
    *last = number;
    address
}

const fn native(number: u8, native: Native) -> (PrecompileAddress, Precompile) {
    (numbered(number), Precompile::Native(native))
}

/// Bytes of an operand of an exponentiation under `EWASM_BYZANTIUM`. EIP-198 has no limit; so many bytes cost at least
/// 3,461,129,676 gas.
const BYZANTIUM_LENGTH_BYTES_MAX: u32 = 1 << 20;

/// Ethereum's of Byzantium, with its prices (EIP-196, EIP-197, EIP-198; Yellow Paper, appendix E).
static BYZANTIUM: [(PrecompileAddress, Precompile); 8] = [
    native(1, Native::EcRecover { base: 3_000 }),
    native(2, Native::Sha256(UnitPrice { base: 60, unit: 12 })),
    native(3, Native::Ripemd160(UnitPrice { base: 600, unit: 120 })),
    native(4, Native::Identity(UnitPrice { base: 15, unit: 3 })),
    native(5, Native::ModExp { price: ModExpPrice::Eip198, length_bytes_max: BYZANTIUM_LENGTH_BYTES_MAX }),
    native(6, Native::Bn254Add { base: 500 }),
    native(7, Native::Bn254Mul { base: 40_000 }),
    native(8, Native::Bn254Pairing(UnitPrice { base: 100_000, unit: 80_000 })),
];

/// Ethereum's at the addresses 1 to 9, priced as everything under `V1`: by the time of the worst input
/// (`docs/decisions/0024`).
static V1: [(PrecompileAddress, Precompile); 9] = [
    native(1, Native::EcRecover { base: 202_000 }),
    native(2, Native::Sha256(UnitPrice { base: 400, unit: 100 })),
    native(3, Native::Ripemd160(UnitPrice { base: 400, unit: 150 })),
    native(4, Native::Identity(UnitPrice { base: 40, unit: 3 })),
    native(5, Native::ModExp { price: V1_MODEXP, length_bytes_max: 1_024 }),
    native(6, Native::Bn254Add { base: 12_000 }),
    native(7, Native::Bn254Mul { base: 350_000 }),
    native(8, Native::Bn254Pairing(UnitPrice { base: 1_300_000, unit: 1_600_000 })),
    native(9, Native::Blake2f(UnitPrice { base: 400, unit: 50 })),
];

const V1_MODEXP: ModExpPrice = ModExpPrice::Measured {
    setup: SquarePrice { base: 2_500, word: 1_500, square: 220 },
    iteration: SquarePrice { base: 120, word: 40, square: 10 },
};

impl Precompiles {
    /// None.
    pub const NONE: Self = Self { entries: Cow::Borrowed(&[]), modules: Cow::Borrowed(&[]) };

    /// Ethereum's of Byzantium: the addresses 1 to 8.
    pub(crate) const BYZANTIUM: Self = Self { entries: Cow::Borrowed(&BYZANTIUM), ..Self::NONE };

    /// Ethereum's at the addresses 1 to 9, with the prices of `V1`.
    pub(crate) const V1: Self = Self { entries: Cow::Borrowed(&V1), ..Self::NONE };

    /// What answers calls of `address`; `None` for an address that is an account as others are.
    pub fn get(&self, address: &PrecompileAddress) -> Option<&Precompile> {
        let position = self.entries.binary_search_by(|(known, _)| known.cmp(address)).ok()?;
        self.entries.get(position).map(|(_, precompile)| precompile)
    }

    /// Every address with what answers its calls, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &(PrecompileAddress, Precompile)> {
        self.entries.iter()
    }

    /// The modules that [`Precompile::Module`] counts.
    pub fn modules(&self) -> &[PrecompileModule] {
        &self.modules
    }

    /// The same, with `native` at `address` instead of what was there: how a revision differs from the one that it copies.
    #[must_use]
    pub fn with_native(self, address: PrecompileAddress, native: Native) -> Self {
        self.with(address, Some(Precompile::Native(native)))
    }

    /// The same without a precompiled contract at `address`.
    #[must_use]
    pub fn without(self, address: &PrecompileAddress) -> Self {
        self.with(*address, None)
    }

    /// The same with one more module, which answers the calls of each of `addresses` with the export beside it, `None`
    /// for its `main`. `None` if there are 65,536 modules.
    #[must_use]
    pub fn with_module(
        mut self,
        module: PrecompileModule,
        addresses: &[(PrecompileAddress, Option<&[u8]>)],
    ) -> Option<Self> {
        let position = u16::try_from(self.modules.len()).ok()?;
        self.modules.to_mut().push(module);
        for (address, export) in addresses {
            let export = export.map(|name| Cow::Owned(name.to_vec()));
            self = self.with(*address, Some(Precompile::Module { module: position, export }));
        }
        Some(self)
    }

    fn with(mut self, address: PrecompileAddress, precompile: Option<Precompile>) -> Self {
        let entries = self.entries.to_mut();
        entries.retain(|(known, _)| *known != address);
        entries.extend(precompile.map(|precompile| (address, precompile)));
        entries.sort_by_key(|(known, _)| *known);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(base_bytes: u64, exponent_bytes: u64, modulus_bytes: u64, head_bits: u64) -> ModExpSize {
        ModExpSize { base_bytes, exponent_bytes, modulus_bytes, head_bits }
    }

    /// The examples of EIP-198, and the ends of its three lines.
    #[test]
    fn eip_198_has_the_gas_of_its_examples() {
        for (size, gas) in [
            // 3 ** (2**256 - 2**32 - 978) % (2**256 - 2**32 - 977): all bits of the head but none above.
            (size(1, 32, 32, 256), 13_056),
            (size(0, 32, 32, 256), 13_056),
            // The third example: a length of the base near 2^256, whose price exceeds every gas limit.
            (size(u64::MAX, 32, 32, 256), u64::MAX),
            (size(64, 1, 1, 0), 204),
            (size(65, 1, 1, 0), (65 * 65 / 4 + 96 * 65 - 3_072) / 20),
            (size(1, 1, 1_024, 0), (1_024 * 1_024 / 4 + 96 * 1_024 - 3_072) / 20),
            (size(1, 1, 1_025, 0), (1_025 * 1_025 / 16 + 480 * 1_025 - 199_680) / 20),
            (size(0, u64::MAX, 0, 256), 0),
            (size(1, 33, 2, 0), 4 * 8 / 20),
        ] {
            assert_eq!(ModExpPrice::Eip198.of(&size).get(), gas, "{size:?}");
        }
    }

    #[test]
    fn a_measured_price_grows_with_each_of_its_numbers() {
        let at = |size| V1_MODEXP.of(&size).get();
        assert_eq!(at(size(0, 0, 0, 0)), 2_500 + 120);
        assert_eq!(at(size(8, 1, 1, 8)), 2_500 + 1_500 + 220 + 7 * (120 + 40 + 10));
        assert_eq!(at(size(9, 1, 1, 8)), 2_500 + 3_000 + 880 + 7 * (120 + 80 + 40));
        assert_eq!(at(size(1, 34, 1, 3)), 2_500 + 1_500 + 220 + 18 * (120 + 40 + 10));
        assert_eq!(at(size(u64::MAX, u64::MAX, 1, 3)), u64::MAX);
    }

    #[test]
    fn an_address_is_found_and_its_neighbours_are_not() {
        let at = |precompiles: &Precompiles, number| match precompiles.get(&numbered(number)) {
            Some(Precompile::Native(native)) => Some(native.name()),
            _ => None,
        };
        let names =
            ["ecrecover", "sha256", "ripemd160", "identity", "modexp", "bn254_add", "bn254_mul", "bn254_pairing"];
        for (number, name) in (1..).zip(names) {
            assert_eq!(at(&Precompiles::BYZANTIUM, number), Some(name));
            assert_eq!(at(&Precompiles::V1, number), Some(name));
        }
        assert_eq!([0, 9, 10].map(|number| at(&Precompiles::BYZANTIUM, number)), [None; 3]);
        assert_eq!([0, 9, 10].map(|number| at(&Precompiles::V1, number)), [None, Some("blake2f"), None]);
        let mut elsewhere = numbered(1);
        elsewhere[0] = 1;
        assert_eq!(Precompiles::V1.get(&elsewhere), None);
    }

    #[test]
    fn a_registry_stays_in_order_whatever_is_put_into_it() {
        let identity = Native::Identity(UnitPrice { base: 1, unit: 1 });
        let module = || PrecompileModule { abi: Abi::Packed, code: Cow::Borrowed(b"\0asm") };
        let addresses = [(numbered(3), Some(&b"one"[..])), (numbered(12), None)];
        let precompiles = Precompiles::V1.with_native(numbered(11), identity).with_native(numbered(2), identity);
        let precompiles = precompiles.with_module(module(), &addresses).unwrap().without(&numbered(9));
        let numbers: Vec<u8> = precompiles.iter().map(|(address, _)| address[19]).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 11, 12]);
        assert_eq!(precompiles.get(&numbered(2)), Some(&Precompile::Native(identity)));
        assert_eq!(
            precompiles.get(&numbered(3)),
            Some(&Precompile::Module { module: 0, export: Some(Cow::Borrowed(b"one")) })
        );
        assert_eq!(precompiles.get(&numbered(12)), Some(&Precompile::Module { module: 0, export: None }));
        assert_eq!(precompiles.modules(), [module()]);
    }
}
