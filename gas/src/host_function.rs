//! Every host function that a revision prices: one table of name and prices.
//!
//! A row names the function and its price under `EWASM_BYZANTIUM` and under `V1`, the two bases. A later revision is a patch
//! of the one before it and has no column ([`Revision`](crate::Revision)). A price list is the list of what is offered: a
//! revision without a price for a function does not have it. What the function is called in an import, its type and what
//! it does are in the crate `host`.

use crate::Gas;
use borsh::BorshSerialize;

/// What one call of a host function costs; all terms that apply are charged at once, before the call has an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize)]
pub struct HostPrice {
    /// For the call itself.
    pub base: u64,
    /// For each word of 32 bytes that is copied or hashed, the last one counted as whole. Of a value in storage the first
    /// word is in the base.
    pub per_word: u64,
    /// For each byte that is kept, or of init code that is compiled.
    pub per_byte: u64,
    /// For each topic of a log.
    pub per_topic: u64,
    /// For each page of 65,536 bytes that the host adds to a callee's memory.
    pub per_page: u64,
    /// For each entry of a vector in the guest's memory that is read.
    pub per_item: u64,
}

impl HostPrice {
    /// A price that does not depend on sizes.
    pub const fn flat(base: u64) -> Self {
        Self { base, per_word: 0, per_byte: 0, per_topic: 0, per_page: 0, per_item: 0 }
    }

    /// A price with a term for each word of 32 bytes.
    pub const fn words(base: u64, per_word: u64) -> Self {
        Self { per_word, ..Self::flat(base) }
    }

    /// The price of a call that copies, hashes or keeps `bytes` bytes.
    pub const fn for_bytes(&self, bytes: u64) -> Gas {
        Gas::new(self.base)
            .plus(Gas::new(self.per_word).times(bytes.div_ceil(32)))
            .plus(Gas::new(self.per_byte).times(bytes))
    }

    /// The price of copying or hashing `bytes` more bytes, without the base.
    pub const fn more_bytes(&self, bytes: u64) -> Gas {
        Gas::new(self.per_word).times(bytes.div_ceil(32)).plus(Gas::new(self.per_byte).times(bytes))
    }

    /// The price of reading a value of `bytes` bytes in storage, without the base, which pays for the first word.
    pub const fn more_value_bytes(&self, bytes: u64) -> Gas {
        Gas::new(self.per_word).times(bytes.div_ceil(32).saturating_sub(1))
    }

    /// The price of a log of `bytes` bytes with `topics` topics.
    pub const fn for_log(&self, bytes: u64, topics: u64) -> Gas {
        self.for_bytes(bytes).plus(Gas::new(self.per_topic).times(topics))
    }

    /// The price of reading `items` entries of a vector.
    pub const fn for_items(&self, items: u64) -> Gas {
        Gas::new(self.per_item).times(items)
    }

    /// The price of adding `pages` pages.
    pub const fn for_pages(&self, pages: u64) -> Gas {
        Gas::new(self.per_page).times(pages)
    }
}

const fn log(base: u64, per_topic: u64, per_byte: u64) -> Option<HostPrice> {
    Some(HostPrice { per_topic, per_byte, ..HostPrice::flat(base) })
}

const fn call_export(base: u64, per_word: u64, per_page: u64) -> Option<HostPrice> {
    Some(HostPrice { per_page, ..HostPrice::words(base, per_word) })
}

const fn items(base: u64, per_item: u64, per_word: u64) -> Option<HostPrice> {
    Some(HostPrice { per_item, ..HostPrice::words(base, per_word) })
}

const fn flat(base: u64) -> Option<HostPrice> {
    Some(HostPrice::flat(base))
}

const fn words(base: u64, per_word: u64) -> Option<HostPrice> {
    Some(HostPrice::words(base, per_word))
}

const fn bytes(base: u64, per_byte: u64) -> Option<HostPrice> {
    Some(HostPrice { per_byte, ..HostPrice::flat(base) })
}

const fn pages(base: u64, per_page: u64) -> Option<HostPrice> {
    Some(HostPrice { per_page, ..HostPrice::flat(base) })
}

macro_rules! host_functions {
    ($($name:ident $byzantium:expr, $v1:expr;)*) => {
        /// A host function, by the name of the operation rather than of the import.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum HostFunction {
            $(#[doc = stringify!($name)] $name,)*
        }

        impl HostFunction {
            /// Every host function, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name of the operation, part of a revision's digest.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The position in [`ALL`](Self::ALL).
            pub(crate) const fn index(self) -> usize {
                self as usize
            }
        }

        /// Number of host functions.
        pub(crate) const HOST_FUNCTIONS: usize = HostFunction::ALL.len();

        /// Byzantium's prices: hera's `GasSchedule`, which is Ethereum's; `None` for what hera does not have.
        pub(crate) const BYZANTIUM_PRICES: [Option<HostPrice>; HOST_FUNCTIONS] = [$($byzantium,)*];

        /// The prices of `V1`; `None` for what the machine learnt later.
        pub(crate) const V1_PRICES: [Option<HostPrice>; HOST_FUNCTIONS] = [$($v1,)*];
    };
}

/// A set of host functions: those that a revision offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostFunctionSet([bool; HOST_FUNCTIONS]);

impl HostFunctionSet {
    /// The functions that `prices` has a price for.
    pub(crate) const fn of_prices(prices: &[Option<HostPrice>; HOST_FUNCTIONS]) -> Self {
        let mut set = [false; HOST_FUNCTIONS];
        let (mut members, mut prices): (&mut [bool], &[Option<HostPrice>]) = (&mut set, prices);
        while let ([member, members_left @ ..], [price, prices_left @ ..]) = (members, prices) {
            *member = price.is_some();
            (members, prices) = (members_left, prices_left);
        }
        Self(set)
    }

    /// Whether `function` is one of them.
    pub fn contains(&self, function: HostFunction) -> bool {
        self.0.get(function.index()).copied().unwrap_or_default()
    }

    /// Whether each function of `other` is one of them.
    pub fn contains_all(&self, other: &Self) -> bool {
        HostFunction::ALL.iter().all(|&function| self.contains(function) || !other.contains(function))
    }
}

host_functions! {
    //                      Byzantium              V1: 1 gas is about the time of one simple instruction
    UseGas                  flat(0),               flat(40);
    GetGasLeft              flat(2),               flat(40);
    GetAddress              flat(2),               flat(40);
    GetExternalBalance      flat(400),             flat(4_000);
    GetBlockHash            flat(800),             flat(8_000);
    Call                    flat(700),             words(7_000, 3);
    CallCode                flat(700),             words(7_000, 3);
    CallDelegate            flat(700),             words(7_000, 3);
    CallStatic              flat(700),             words(7_000, 3);
    CallDataCopy            words(3, 3),           words(40, 3);
    GetCallDataSize         flat(2),               flat(40);
    StorageStore            flat(5_000),           words(50_000, 128);
    StorageLoad             flat(200),             words(2_000, 128);
    GetCaller               flat(2),               flat(40);
    GetCallValue            flat(2),               flat(40);
    CodeCopy                words(3, 3),           words(40, 3);
    GetCodeSize             flat(2),               flat(40);
    GetBlockCoinbase        flat(2),               flat(40);
    Create                  flat(32_000),          words(320_000, 103);
    GetBlockDifficulty      flat(2),               flat(40);
    ExternalCodeCopy        words(700, 3),         words(7_000, 3);
    GetExternalCodeSize     flat(700),             flat(7_000);
    GetBlockGasLimit        flat(2),               flat(40);
    GetTxGasPrice           flat(2),               flat(40);
    Log                     log(375, 375, 8),      log(3_750, 3_750, 80);
    GetBlockNumber          flat(2),               flat(40);
    GetBlockTimestamp       flat(2),               flat(40);
    GetTxOrigin             flat(2),               flat(40);
    Finish                  flat(0),               words(0, 3);
    Revert                  flat(0),               words(0, 3);
    GetReturnDataSize       flat(2),               flat(40);
    ReturnDataCopy          words(3, 3),           words(40, 3);
    SelfDestruct            flat(5_000),           flat(50_000);
    CallExport              None,                  call_export(7_003, 3, 20_480);
    Sha256                  None,                  words(400, 100);
    Sha3                    None,                  words(800, 100);
    Keccak256               None,                  words(800, 100);
    Blake2b256              None,                  words(400, 50);
    Ripemd160               None,                  words(400, 150);
    Secp256k1Recover        None,                  flat(200_000);
    Ed25519Verify           None,                  words(150_000, 100);
    StorageRead             None,                  words(2_000, 128);
    StorageWrite            None,                  bytes(50_000, 2_000);
    StorageRemove           None,                  words(50_000, 3);
    WasiAnswer              None,                  flat(40);
    WasiRead                None,                  items(60, 20, 3);
    WasiWrite               None,                  items(60, 20, 8);
    WasiPoll                None,                  items(100, 80, 0);
    WasiRandom              None,                  words(800, 100);
    SuaveRetrieve           None,                  words(400, 3);
    SuaveJson               None,                  words(1_000, 400);
    SetResult               None,                  words(40, 3);
    Diagnostic              None,                  words(40, 3);
    GasTick                 None,                  flat(1);
    Abort                   None,                  flat(40);
    NoFile                  None,                  flat(40);
    GrowMemory              None,                  pages(40, 20_480);
    CopyMemory              None,                  words(40, 6);
    SetTempRet              None,                  flat(40);
    ReadReply               None,                  words(40, 160);
    KeyValueFlush           None,                  words(40, 64);
    NoteFailure             None,                  flat(40);
    // Learnt after V1: a row without a price, until a revision patches one in.
    Sha512                  None,                  None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_add_up() {
        let price =
            HostPrice { base: 1, per_word: 10, per_byte: 100, per_topic: 1_000, per_page: 10_000, per_item: 100_000 };
        for (bytes, gas) in [(0, 1), (1, 111), (32, 3_211), (33, 3_321)] {
            assert_eq!(price.for_bytes(bytes), Gas::new(gas), "{bytes} bytes");
            assert_eq!(price.more_bytes(bytes), Gas::new(gas - 1), "{bytes} bytes more");
        }
        for (bytes, gas) in [(0, 0), (1, 0), (32, 0), (33, 10), (64, 10), (65, 20), (65_536, 20_470)] {
            assert_eq!(price.more_value_bytes(bytes), Gas::new(gas), "a value of {bytes} bytes");
        }
        assert_eq!(price.for_log(1, 5), Gas::new(5_111));
        assert_eq!(price.for_pages(3), Gas::new(30_000));
        assert_eq!(price.for_items(3), Gas::new(300_000));
        assert_eq!(price.for_bytes(u64::MAX), Gas::MAX);
    }
}
