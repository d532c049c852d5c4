//! A revision: everything that consensus depends on, as one value with one digest.
//!
//! A released revision is never edited. The next one is a patch: a copy in which only what differs is said.

use crate::{
    Gas,
    abi::{Abi, AbiSet},
    features::Features,
    limits::{Limits, LimitsByClass, TransactionLimits},
    operator::Operator,
    precompile::Precompiles,
    schedule::Schedule,
};
use borsh::BorshSerialize;
use sha3::{Digest, Sha3_256};

/// Features, limits, prices and rules of one period of a chain.
///
/// `V1` is a base: its tables have a column of their own. A later revision copies the one before it and says what differs:
///
/// ```
/// use lockstep_gas::{HostFunction, HostPrice, Operator, Revision};
///
/// const NEXT: Revision = {
///     let mut next = Revision { number: 2, ..Revision::V1 };
///     next.limits.contract.exports_max = 200;
///     next.schedule.set_operator(Operator::I64Popcnt, Some(2));
///     next.schedule.set_host(HostFunction::Sha512, Some(HostPrice::words(400, 70)));
///     next
/// };
/// assert!(NEXT.admits_modules_of(&Revision::V1) && !Revision::V1.admits_modules_of(&NEXT));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Revision {
    /// Number of the revision; part of the digest, so two revisions never share one.
    pub number: u16,
    /// The Wasm features of modules.
    pub features: Features,
    /// Limits of modules and frames.
    pub limits: LimitsByClass,
    /// Limits of a transaction.
    pub transaction: TransactionLimits,
    /// Prices.
    pub schedule: Schedule,
    /// Addresses whose calls the revision answers itself.
    pub precompiles: Precompiles,
    /// Rules that are not numbers.
    pub rules: Rules,
}

/// The rules of a revision that are choices rather than numbers.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Rules {
    /// ABIs that contracts can have.
    pub abis: AbiSet,
    /// Whether contracts can import what is beyond the 33 functions of the Ethereum environment interface: calls of
    /// exports by name, and the module `crypto`.
    pub extensions: bool,
    /// Whether an `ewasm` module must export `main` and `memory` and nothing else (the ewasm contract interface), or
    /// may have further exports, as the output of compilers does.
    pub exact_exports: bool,
    /// Whether the state may hold code that was never validated, as the pre-states of the official tests do: a call of
    /// such code halts. Otherwise it is a fault of the node that holds it.
    pub unchecked_code: bool,
    /// Whether this revision exists to run a conformance suite and must not carry a chain: its contracts can loop for
    /// ever.
    pub conformance: bool,
    /// Whether the state holds the number and the timestamp of the last block and the hashes of the last 256: the
    /// beginning of a block writes them, `getBlockHash` reads them there, and a block must follow them. Otherwise hashes
    /// come from outside the state.
    pub block_hashes_in_state: bool,
}

impl Revision {
    /// The official ewasm state tests: Ethereum's Byzantium rules and prices, instructions unmetered, ABI `ewasm`.
    pub const EWASM_BYZANTIUM: Self = Self {
        number: 0,
        features: Features::BYZANTIUM,
        limits: LimitsByClass::BYZANTIUM,
        transaction: TransactionLimits::CONFORMANCE,
        schedule: Schedule::BYZANTIUM,
        precompiles: Precompiles::BYZANTIUM,
        rules: Rules {
            abis: AbiSet::of(&[Abi::Ewasm]),
            extensions: false,
            exact_exports: true,
            unchecked_code: true,
            conformance: true,
            block_hashes_in_state: false,
        },
    };

    /// Production: every instruction metered, all ABIs. Not released: its prices wait for a calibration.
    pub const V1: Self = Self {
        number: 1,
        features: Features::V1,
        limits: LimitsByClass::V1,
        transaction: TransactionLimits::V1,
        schedule: Schedule::V1,
        precompiles: Precompiles::V1,
        rules: Rules {
            abis: AbiSet::of(Abi::CONTRACTS),
            extensions: true,
            exact_exports: false,
            unchecked_code: false,
            conformance: false,
            block_hashes_in_state: true,
        },
    };

    /// The testsuite of the Wasm specification: every feature that the engine has, no limit that the suite could meet,
    /// every operator at another price, so that no two can be mixed up in what a test costs.
    pub const SPEC: Self = Self {
        number: u16::MAX,
        features: Features::SPEC,
        limits: LimitsByClass::SPEC,
        transaction: TransactionLimits::CONFORMANCE,
        schedule: Schedule::SPEC,
        precompiles: Precompiles::NONE,
        rules: Rules {
            abis: AbiSet::of(&[Abi::Linked]),
            extensions: false,
            exact_exports: false,
            unchecked_code: false,
            conformance: true,
            block_hashes_in_state: false,
        },
    };

    /// The revisions that a chain may already run on, with the digest that each had when it was released.
    pub const RELEASED: &'static [(Self, [u8; 32])] = &[];

    /// The limits of modules of `abi` and their frames.
    pub const fn limits(&self, abi: Abi) -> &Limits {
        self.limits.of(abi.class())
    }

    /// Whether every module that is valid under `earlier` is valid under this revision, with the same imports: what a
    /// chain asks of a revision that it takes on, for the state holds the modules that earlier ones admitted.
    pub fn admits_modules_of(&self, earlier: &Self) -> bool {
        let Rules { abis, extensions, exact_exports, unchecked_code, conformance: _, block_hashes_in_state: _ } =
            &earlier.rules;
        let metered = |revision: &Self| revision.schedule.instructions.is_some();
        let admits = |operator: &&Operator| {
            self.schedule.operator(**operator).is_some() || earlier.schedule.operator(**operator).is_none()
        };
        self.features.contain(&earlier.features)
            && self.limits.hold_modules_of(&earlier.limits)
            && self.schedule.offered().contains_all(&earlier.schedule.offered())
            && Operator::ALL.iter().all(|operator| admits(&operator))
            && metered(self) == metered(earlier)
            && Abi::ALL.iter().all(|&abi| self.rules.abis.contains(abi) || !abis.contains(abi))
            && (self.rules.extensions || !extensions)
            && (!self.rules.exact_exports || *exact_exports)
            && self.rules.unchecked_code == *unchecked_code
    }

    /// sha3-256 over the borsh encoding.
    //= spec 7.5
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = HashWriter(Sha3_256::new());
        // Writing into a hasher cannot fail.
        let _ = self.serialize(&mut hasher);
        hasher.0.finalize().into()
    }

    /// The gas that a transaction costs before anything runs: the base, the bytes of its `payload` (export name, input
    /// or code), and what new code costs on top.
    //= spec 4.2
    pub fn intrinsic_gas(&self, payload: &[&[u8]], new_code: NewCode) -> Gas {
        let prices = &self.schedule.transaction;
        let bytes = payload.iter().flat_map(|part| part.iter());
        let zeros = bytes.clone().fold(0_u64, |count, &byte| count.saturating_add(u64::from(byte == 0)));
        let all = payload.iter().fold(0_u64, |sum, part| sum.saturating_add(len_u64(part)));
        let create = Gas::new(prices.create);
        Gas::new(prices.base)
            .plus(Gas::new(prices.zero_byte).times(zeros))
            .plus(Gas::new(prices.nonzero_byte).times(all.saturating_sub(zeros)))
            .plus(match new_code {
                NewCode::None => Gas::ZERO,
                NewCode::Init => create,
                NewCode::Deployed { bytes } => create.plus(Gas::new(prices.deployed_code_byte).times(bytes)),
            })
    }
}

/// The code that a transaction brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewCode {
    /// None: a call.
    None,
    /// Init code, which runs once: its frame pays for it, as for every code.
    Init,
    /// A module that is kept.
    Deployed {
        /// Bytes of it.
        bytes: u64,
    },
}

fn len_u64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Lets borsh write into a hash without a buffer between.
struct HashWriter(Sha3_256);

impl borsh::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> borsh::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> borsh::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_revision_keeps_its_digest() {
        for (revision, digest) in Revision::RELEASED {
            assert_eq!(&revision.digest(), digest, "revision {} was edited after its release", revision.number);
        }
        // The list is empty until V1 is released; the check itself must still be able to fail.
        let mut edited = Revision::V1;
        edited.limits.contract.code_bytes_max += 1;
        assert_ne!(edited.digest(), Revision::V1.digest());
        assert_ne!(Revision::EWASM_BYZANTIUM.digest(), Revision::V1.digest());
    }

    //= spec 7.5 test
    #[test]
    fn the_digest_is_sha3_256_of_the_borsh_encoding() {
        let encoded = borsh::to_vec(&Revision::V1).unwrap();
        assert_eq!(<[u8; 32]>::from(Sha3_256::digest(encoded)), Revision::V1.digest());
    }

    //= spec 4.2 test
    #[test]
    fn intrinsic_gas_is_that_of_the_yellow_paper() {
        let gas = |new_code, payload: &[u8]| Revision::EWASM_BYZANTIUM.intrinsic_gas(&[payload], new_code).get();
        assert_eq!(gas(NewCode::None, &[]), 21_000);
        assert_eq!(gas(NewCode::Init, &[]), 53_000);
        assert_eq!(gas(NewCode::None, &[0, 0, 1]), 21_000 + 2 * 4 + 68);
    }
}
