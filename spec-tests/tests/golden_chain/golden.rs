//! The files of the golden chain: what is read, what is compared, and what a blessing writes.

use crate::generate;
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_store::{ExecutedBlock, Store};
use lockstep_vm::{B256, Block, BlockOutcome, Outcome, Revision, StateDiff};
use sha3::{Digest as _, Sha3_256};
use std::{fs, path::PathBuf, sync::LazyLock};

/// Blocks of the chain.
pub(crate) const BLOCKS: usize = 200;

/// Blocks whose witnesses are files.
pub(crate) const WITNESSES: [u64; 3] = [50, 100, 137];

/// The inputs: the state that block 0 has, and the blocks from 1 on.
#[derive(Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct GoldenChain {
    pub(crate) genesis: StateDiff,
    pub(crate) blocks: Vec<Block>,
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden/chain", name].iter().collect()
}

/// A released revision has its results for ever.
#[expect(clippy::disallowed_methods, reason = "the one switch of the golden files; no result depends on it")]
pub(crate) fn is_blessing() -> bool {
    let is_released = Revision::RELEASED.iter().any(|(revision, _)| revision.number == Revision::V1.number);
    !is_released && std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1")
}

/// The bytes of a file, if it is there.
pub(crate) fn read(name: &str) -> Option<Vec<u8>> {
    fs::read(path(name)).ok()
}

fn write(name: &str, bytes: &[u8]) {
    fs::create_dir_all(path("")).unwrap();
    // Tests run beside each other: no one reads half a file.
    let beside = path(&format!("{name}.{:?}", std::thread::current().id()));
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, path(name)).unwrap();
}

/// The inputs.
pub(crate) fn blocks() -> GoldenChain {
    if let Some(bytes) = read("blocks.borsh") {
        return borsh::from_slice(&bytes).unwrap();
    }
    assert!(is_blessing(), "{} is not there; LOCKSTEP_BLESS=1 generates another chain", path("blocks.borsh").display());
    let chain = generate::chain();
    write("blocks.borsh", &borsh::to_vec(&chain).unwrap());
    chain
}

/// A store with the genesis, and what is committed to it.
pub(crate) struct Run {
    pub(crate) store: Store,
    pub(crate) root: B256,
}

impl Run {
    pub(crate) fn begin(chain: &GoldenChain) -> Self {
        let store = Store::memory().unwrap();
        let (hash, parent_hash, diff) = (B256::ZERO, B256::ZERO, &chain.genesis);
        let block = ExecutedBlock { height: 0, hash, parent_hash, diff, receipts: &[], body: None, root: None };
        let root = store.commit(&block).unwrap();
        Self { store, root }
    }

    /// Makes a block the last one. Returns the root of the state after it.
    pub(crate) fn commit(&mut self, block: &Block, outcome: &BlockOutcome) -> B256 {
        let (height, hash, parent_hash) = (block.env.number, block.hash(), block.env.parent_hash);
        let (diff, receipts) = (&outcome.diff, outcome.receipts.as_slice());
        let block = ExecutedBlock { height, hash, parent_hash, diff, receipts, body: None, root: None };
        self.root = self.store.commit(&block).unwrap();
        self.root
    }
}

/// What every engine must give: number, hash, state root, receipts root, gas, and a letter for each end.
fn results(block: &Block, root: B256, outcome: &BlockOutcome) -> String {
    let letter = |outcome: &Outcome| match outcome {
        Outcome::Return => '.',
        Outcome::Revert { .. } => 'r',
        Outcome::Halt { .. } => 'H',
    };
    let ends: String = outcome.receipts.iter().map(|receipt| letter(&receipt.outcome)).collect();
    let ends = if ends.is_empty() { "-".to_owned() } else { ends };
    let (number, hash, receipts, gas) = (block.env.number, block.hash(), outcome.receipts_root(), outcome.gas_used);
    format!("{number} {hash:x} {root:x} {receipts:x} {gas} {ends}")
}

/// The line of a block: its results, and the length and the digest of its witness.
pub(crate) fn line(block: &Block, root: B256, outcome: &BlockOutcome, witness: &[u8]) -> String {
    let digest = B256::new(Sha3_256::digest(witness).into());
    format!("{} {} {digest:x}", results(block, root, outcome), witness.len())
}

const HEAD: &str = "number, block hash, state root, receipts root, gas, ends (. returned, r reverted, H halted, - no transaction), bytes and \
                    sha3-256 of the witness";

fn lines() -> Vec<String> {
    let text = String::from_utf8(read("results.txt").unwrap_or_default()).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// Compares the lines of all blocks with the file, or writes it.
pub(crate) fn settle_lines(found: &[String]) {
    if is_blessing() {
        write("results.txt", format!("{HEAD}\n{}\n", found.join("\n")).as_bytes());
        return;
    }
    let golden = lines();
    let first = golden.iter().zip(found).find(|(golden, found)| golden != found);
    assert_eq!(first, None, "the first block that is not reproduced: golden, found");
    assert_eq!(golden.len(), found.len());
}

/// Compares a file with its bytes, or writes it.
pub(crate) fn settle(name: &str, found: &[u8]) {
    if is_blessing() {
        write(name, found);
        return;
    }
    assert!(read(name).is_some_and(|golden| golden == found), "{name} is not reproduced");
}

/// Whether a block has the results of its line. The witness is left out.
pub(crate) fn has_results(block: &Block, root: B256, outcome: &BlockOutcome) -> bool {
    static LINES: LazyLock<Vec<String>> = LazyLock::new(lines);
    let index = usize::try_from(block.env.number - 1).unwrap();
    let found = results(block, root, outcome);
    LINES[index].strip_prefix(&found).is_some_and(|rest| rest.starts_with(' '))
}

/// The state root after a block, by its line.
pub(crate) fn root(number: u64) -> B256 {
    let index = usize::try_from(number - 1).unwrap();
    lines()[index].split(' ').nth(2).unwrap().parse().unwrap()
}
