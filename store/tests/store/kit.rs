//! A model of a chain and a source of random diffs.

use lockstep_store::{ChecksummedBackend, ExecutedBlock, FILE_NAME, Store};
use lockstep_vm::{Abi, Account, Address, B256, CodeId, MemoryState, Receipt, StateDiff, StorageDiff, U256, code_hash};
use std::{collections::BTreeMap, fs::File, path::Path};

/// splitmix64: small, seeded, the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

pub(crate) fn address(number: u64) -> Address {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Address::from(bytes)
}

/// Keys of every kind of length: none, one that begins another, 32 bytes, the longest of V1.
pub(crate) fn key(number: u64) -> Vec<u8> {
    match number {
        0 => Vec::new(),
        1 => vec![0],
        2 => vec![0; 9],
        3 => vec![0; 1_024],
        4 => [[0; 1_023].as_slice(), &[1]].concat(),
        _ => B256::with_last_byte(number as u8).to_vec(),
    }
}

pub(crate) const ADDRESSES: u64 = 12;
pub(crate) const KEYS: u64 = 14;

/// A diff that a block could have made of `state`.
pub(crate) fn random_diff(random: &mut Random, state: &MemoryState) -> StateDiff {
    let mut diff = StateDiff::default();
    for _ in 0..random.below(6) {
        let address = address(random.below(ADDRESSES));
        let present = state.accounts.contains_key(&address);
        match random.below(8) {
            0 | 1 if present => {
                diff.accounts.insert(address, None);
                diff.storage.insert(address, StorageDiff { cleared: true, ..StorageDiff::default() });
            }
            2 if present => {
                // Destroyed, and something came back to the address within the block.
                let account = random_account(random, &mut diff.code);
                diff.accounts.insert(address, Some(account));
                diff.storage.insert(address, StorageDiff { cleared: true, ..random_storage(random) });
            }
            3 | 4 if present && !diff.accounts.contains_key(&address) => {
                diff.storage.insert(address, random_storage(random));
            }
            _ if !diff.storage.contains_key(&address) => {
                let account = random_account(random, &mut diff.code);
                diff.accounts.insert(address, Some(account));
                if random.below(2) == 0 {
                    diff.storage.insert(address, random_storage(random));
                }
            }
            _ => {}
        }
    }
    diff
}

fn random_account(random: &mut Random, code: &mut BTreeMap<B256, Vec<u8>>) -> Account {
    let with_code = random.below(2) == 0;
    let bytes = vec![random.below(3) as u8; 40];
    let id = CodeId::of(&bytes, if random.below(2) == 0 { Abi::Ewasm } else { Abi::Packed });
    // The code of an account that a diff does not bring along must be there; here a diff always brings it.
    let brings = with_code && random.below(4) != 0;
    if brings {
        code.insert(code_hash(&bytes), bytes);
    }
    Account { nonce: random.below(3), balance: U256::from(random.next()), code: brings.then_some(id) }
}

/// Lengths of values on both sides of the longest short one.
const LENGTHS: [usize; 6] = [1, 1_023, 1_024, 1_025, 2_000, 65_536];

fn random_storage(random: &mut Random) -> StorageDiff {
    let values = (0..random.below(6)).map(|_| {
        let value = match random.below(6) {
            0 | 1 => None,
            2 => Some(Vec::new()),
            // Few values, so that one comes back that was there before.
            3 => {
                let bytes = LENGTHS[random.below(LENGTHS.len() as u64) as usize];
                Some(vec![random.below(3) as u8; bytes])
            }
            _ => {
                let count = random.below(70) as usize;
                Some(random.bytes(count))
            }
        };
        (key(random.below(KEYS)), value)
    });
    StorageDiff { cleared: false, values: values.collect() }
}

/// The whole of `state` as one diff.
pub(crate) fn whole(state: &MemoryState) -> StateDiff {
    let storage = state.storage.iter().map(|(address, values)| {
        let values = values.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        (*address, StorageDiff { cleared: false, values })
    });
    StateDiff {
        accounts: state.accounts.iter().map(|(address, account)| (*address, Some(account.clone()))).collect(),
        storage: storage.collect(),
        code: state.code.clone(),
    }
}

/// The root of `state` in a store that never held anything else.
pub(crate) fn fresh_root(state: &MemoryState) -> B256 {
    commit(&Store::memory().unwrap(), 0, &whole(state))
}

pub(crate) fn block_hash(height: u64) -> B256 {
    B256::from(U256::from(height + 1))
}

pub(crate) fn receipts(height: u64) -> Vec<Receipt> {
    let receipt = |gas: u64| Receipt {
        outcome: lockstep_vm::Outcome::Return,
        gas_used: lockstep_vm::Gas::new(gas),
        output: vec![1, 2],
        logs: Vec::new(),
        created: None,
    };
    (0..height % 3).map(receipt).collect()
}

/// The body of the block at that height, or none.
pub(crate) fn body(height: u64) -> Option<&'static [u8]> {
    static BYTES: [u8; 600] = {
        let mut bytes = [0; 600];
        let mut at = 0;
        while at < bytes.len() {
            bytes[at] = (at * 7 + 1) as u8;
            at += 1;
        }
        bytes
    };
    (height % 4 != 3).then(|| &BYTES[..(1 + height.wrapping_mul(37) % 599) as usize])
}

/// The block of that height, with hash and parent by the rule of these tests.
pub(crate) fn block_of<'a>(height: u64, diff: &'a StateDiff, receipts: &'a [Receipt]) -> ExecutedBlock<'a> {
    let parent_hash = height.checked_sub(1).map_or(B256::ZERO, block_hash);
    ExecutedBlock { height, hash: block_hash(height), parent_hash, diff, receipts, body: body(height), root: None }
}

/// The database below the store in a folder.
pub(crate) fn redb_in(folder: &Path) -> redb::Database {
    let file = File::options().read(true).write(true).open(folder.join(FILE_NAME)).unwrap();
    let blocks = ChecksummedBackend::new(redb::backends::FileBackend::new(file).unwrap()).unwrap();
    redb::Builder::new().create_with_backend(blocks).unwrap()
}

/// Commits a diff as the block of that height.
pub(crate) fn commit(store: &Store, height: u64, diff: &StateDiff) -> B256 {
    let receipts = receipts(height);
    store.commit(&block_of(height, diff, &receipts)).unwrap()
}

/// `short` rounds, or `long` ones where `LOCKSTEP_LONG=1` asks for them.
pub(crate) fn rounds(short: u64, long: u64) -> u64 {
    if std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1") { long } else { short }
}

/// The diff of the block at `height` of a chain in which a block does not look at the state: accounts with storage come,
/// change and go.
pub(crate) fn busy_diff(height: u64, changes: u64) -> StateDiff {
    let mut random = Random(height);
    let mut diff = StateDiff::default();
    for _ in 0..changes {
        let address = address(random.below(300));
        let values = (0..3).map(|_| {
            let value = (random.below(4) != 0).then(|| random.bytes(32));
            (B256::with_last_byte(random.below(200) as u8).to_vec(), value)
        });
        diff.storage.insert(address, StorageDiff { cleared: false, values: values.collect() });
        diff.accounts.insert(address, Some(Account { nonce: height + 1, ..Account::default() }));
    }
    if height % 5 == 4 {
        let address = address(random.below(300));
        diff.accounts.insert(address, None);
        diff.storage.insert(address, StorageDiff { cleared: true, ..StorageDiff::default() });
    }
    diff
}
