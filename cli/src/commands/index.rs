//! `lockstep index`: runs an indexer over the blocks of another chain. Each is a block of a chain of the indexer's own, of
//! the same height, with one transaction.

use super::{halt_sites, machine};
use crate::{
    args::DEFAULT_CALLER,
    block_folder::block_files,
    bytes::hex,
    chain::Attempt,
    database_folder::{self, Begun},
    execution::{add_outcome, add_output},
    failure::{Class, Classify, Failure},
    files::Source,
    index_args::IndexArguments,
    module_file::ModuleFile,
    progress::Progress,
    report::{Report, Row, Value},
    state_file::IfMissing,
};
use anyhow::{Error, anyhow};
use lockstep_store::{ExecutedBlock, Store, Tip, View};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, Bytes, CodeId, Executed, Gas, MemoryState, Outcome, StateReader,
    StateView, Tx, TxKind, U256, Vm,
};
use std::{path::Path, sync::Arc};

/// The output of an indexer that noted a failure and went on (docs/abi-metashrew.md).
const FAILURE_NOTED: &[u8] = &[1];

/// The account that the indexer is on: the first that its sender could have made.
fn indexer_address() -> Address {
    DEFAULT_CALLER.create(0)
}

/// Whether an indexer that returned says that something went wrong on the way.
pub(crate) fn has_noted_failure(executed: &Executed) -> bool {
    executed.receipt.output == FAILURE_NOTED
}

/// An indexer, and what it is run with.
struct Indexer {
    vm: Vm,
    code: Bytes,
    id: CodeId,
    gas_limit: u64,
}

/// What came of a block.
enum Indexed {
    /// It is part of the chain.
    Block { row: Row, root: B256 },
    /// The indexer did not return from it.
    Stopped(Box<Attempt>),
}

/// Runs the command.
pub(crate) fn index(arguments: &IndexArguments) -> Result<Report, Failure> {
    let IndexArguments { file, abi, blocks, from, db, gas } = arguments;
    let vm = machine()?;
    let module = ModuleFile::read(file, *abi, vm.revision())?;
    if !matches!(module.abi, Abi::Metashrew | Abi::MetashrewDocumented) {
        let error = anyhow!("{} is a module for {}, and an indexer is one for metashrew", module.name, module.abi);
        return Err(
            Failure::new(Class::Module, error).remedy("give an indexer; --abi says which dialect it is built for")
        );
    }
    module.valid(&vm)?;
    let files = block_files(blocks)?;
    let (store, begun) = match db {
        Some(folder) => database_folder::open(folder, IfMissing::Begin)?,
        None => (Store::memory()?, Begun::default()),
    };
    let id = CodeId::of(&module.code, module.abi);
    let indexer = Indexer { vm, code: module.code.clone(), id, gas_limit: *gas };
    let tip = store.tip()?;
    indexer.check_same(&store, tip)?;
    let first = from.unwrap_or_else(|| tip.map_or(0, |tip| tip.height.saturating_add(1)));
    let mut report = Report::new("index");
    let mut rows = Vec::new();
    let mut last = tip.map(|tip| tip.root);
    let progress = Progress::new("blocks");
    let count = u64::try_from(files.len()).unwrap_or(u64::MAX);
    let mut stopped = None;
    for (path, height) in files.iter().zip(first..) {
        let indexed = read_block(path, &indexer.vm).and_then(|block| indexer.index(&store, height, block));
        match indexed {
            Ok(Indexed::Block { row, root }) => {
                rows.push(row);
                last = Some(root);
            }
            Ok(Indexed::Stopped(attempt)) => {
                stopped = Some((height, attempt));
                break;
            }
            Err(failure) => return Err(failure.within(format!("block {height}, {}", path.display())).after(rows)),
        }
        progress.at(height.saturating_sub(first).saturating_add(1), count);
    }
    drop(progress);
    if last.is_some() {
        begun.keep();
    }
    store.close()?;
    if let Some((height, attempt)) = &stopped {
        let executed = &attempt.executed;
        let halts = halt_sites(executed.receipt.outcome, executed.halts.clone(), indexer_address(), None);
        add_outcome(&mut report, executed.receipt.outcome, &halts);
        add_output(&mut report, &executed.receipt.output);
        report.add("stopped_at", Value::Number(*height));
    }
    report.add("indexed", Value::Number(u64::try_from(rows.len()).unwrap_or(u64::MAX)));
    report.add("blocks", Value::Rows(shown(rows)));
    report.add("root", Value::maybe(last, Value::bytes));
    report.add("contract", Value::bytes(indexer_address()));
    report.add("abi", Value::text(module.abi.name()));
    report.add("abi_guessed", Value::Flag(module.abi_guessed));
    Ok(report)
}

/// The block in a file.
pub(crate) fn read_block(path: &Path, vm: &Vm) -> Result<Vec<u8>, Failure> {
    let bytes_max = vm.revision().limits(Abi::Metashrew).input_bytes_max;
    Source::open(path, Class::File)?.read(u64::from(bytes_max), "the limit of a block", Class::File)
}

/// A long list says little: the text shows how it ends.
fn shown(mut rows: Vec<Row>) -> Vec<Row> {
    let hidden = rows.len().saturating_sub(5);
    rows.iter_mut().take(hidden).for_each(|row| row.lines.clear());
    rows
}

impl Indexer {
    /// Refuses a database with another indexer, or with something else.
    fn check_same(&self, store: &Store, tip: Option<Tip>) -> Result<(), Failure> {
        if tip.is_none() {
            return Ok(());
        }
        let account = store.latest()?.account(&indexer_address())?;
        if account.and_then(|account| account.code) == Some(self.id) {
            return Ok(());
        }
        let failure = Failure::new(Class::Database, anyhow!("the database is not one of this indexer"));
        Err(failure.remedy("give another folder, or the module and the --abi that the database was begun with"))
    }

    /// Indexes a block, unless it is there already.
    fn index(&self, store: &Store, height: u64, input: Vec<u8>) -> Result<Indexed, Failure> {
        let tip = store.tip()?;
        let parent = match (tip, height.checked_sub(1)) {
            (Some(tip), Some(before)) if before <= tip.height && before >= tip.oldest => Some(store.view(before)?),
            _ => None,
        };
        match tip {
            Some(Tip { height: last, .. }) if height > last.saturating_add(1) => {
                let follows = last.saturating_add(1);
                let failure = Failure::new(Class::Database, anyhow!("it does not follow: block {follows} does"));
                return Err(failure.remedy(format!("give the blocks from {follows} on, and leave --from out")));
            }
            Some(Tip { oldest, .. }) if height < oldest => {
                let failure = Failure::new(Class::Database, anyhow!("the database begins with block {oldest}"));
                return Err(failure.remedy(format!("give the blocks from {oldest} on, or another folder")));
            }
            _ => {}
        }
        let block = self.block(height, parent.as_ref(), input)?;
        let hash = block.hash();
        if tip.is_some_and(|tip| height <= tip.height) {
            return self.was_there(store, height, hash);
        }
        self.execute(store, block, parent, hash)
    }

    /// The block of the indexer's chain that hands over a block of the other chain.
    fn block(&self, height: u64, parent: Option<&View>, input: Vec<u8>) -> Result<Block, Failure> {
        let sender = parent.map(|parent| parent.account(&DEFAULT_CALLER)).transpose()?.flatten();
        let env = BlockEnv {
            number: height,
            timestamp: height,
            gas_limit: self.gas_limit,
            beneficiary: Address::ZERO,
            difficulty: U256::ZERO,
            parent_hash: parent.map_or(B256::ZERO, View::hash),
        };
        let transaction = Tx {
            sender: DEFAULT_CALLER,
            nonce: sender.map_or(0, |account| account.nonce),
            gas_limit: Gas::new(self.gas_limit),
            gas_price: U256::ZERO,
            value: U256::ZERO,
            kind: TxKind::Call { to: indexer_address(), export: None },
            input,
        };
        Ok(Block { env, transactions: vec![transaction] })
    }

    /// The block of a height that the database has already, if it is the same.
    fn was_there(&self, store: &Store, height: u64, hash: B256) -> Result<Indexed, Failure> {
        if store.block_hash(height)? != hash {
            let failure = Failure::new(Class::Database, anyhow!("the database has another block of this height"));
            let back = height.saturating_sub(1);
            return Err(
                failure.remedy(format!("after a reorganisation, `lockstep chain rollback {back}` takes it back"))
            );
        }
        let root = store.root(height)?;
        let gas_used = store.receipts(height)?.first().map_or(0, |receipt| receipt.gas_used.get());
        Ok(Indexed::Block { row: block_row(height, root, gas_used, " (was there)"), root })
    }

    fn execute(&self, store: &Store, block: Block, parent: Option<View>, hash: B256) -> Result<Indexed, Failure> {
        // What brings the indexer along is not in the first block, so it cannot be executed again.
        let body = match parent {
            Some(_) => Some(borsh::to_vec(&block).map_err(Error::msg).class(Class::Fault)?),
            None => None,
        };
        let Block { env, transactions } = block;
        let transaction = transactions
            .into_iter()
            .next()
            .ok_or_else(|| Failure::new(Class::Fault, anyhow!("a block of the indexer's chain has no transaction")))?;
        let (height, parent_hash) = (env.number, env.parent_hash);
        let begins = parent.is_none();
        let view: StateView = match parent {
            Some(parent) => Arc::new(parent),
            None => Arc::new(self.beginning()),
        };
        let mut attempt = Attempt::new(&self.vm, view, env, transaction)?;
        if attempt.executed.receipt.outcome != Outcome::Return {
            return Ok(Indexed::Stopped(Box::new(attempt)));
        }
        let diff = &mut attempt.executed.diff;
        if begins {
            // The first block brings the indexer along.
            diff.accounts.insert(indexer_address(), Some(self.account()));
            diff.code.insert(self.id.hash, self.code.to_vec());
        }
        let receipts = std::slice::from_ref(&attempt.executed.receipt);
        let diff = &attempt.executed.diff;
        let root = store.commit(&ExecutedBlock {
            height,
            hash,
            parent_hash,
            diff,
            receipts,
            body: body.as_deref(),
            root: None,
        })?;
        let noted = if has_noted_failure(&attempt.executed) { " (noted a failure)" } else { "" };
        let gas_used = attempt.executed.receipt.gas_used.get();
        Ok(Indexed::Block { row: block_row(height, root, gas_used, noted), root })
    }

    fn account(&self) -> Account {
        Account { nonce: 1, balance: U256::ZERO, code: Some(self.id) }
    }

    /// The state before the first block: the indexer, which has stored nothing.
    fn beginning(&self) -> MemoryState {
        let mut state = MemoryState::default();
        state.accounts.insert(indexer_address(), self.account());
        state.code.insert(self.id.hash, self.code.to_vec());
        state
    }
}

fn block_row(height: u64, root: B256, gas_used: u64, note: &str) -> Row {
    Row {
        lines: vec![format!("{height} root {} gas used {gas_used}{note}", hex(root.as_slice()))],
        fields: vec![
            ("block", Value::Number(height)),
            ("root", Value::bytes(root)),
            ("gas_used", Value::Number(gas_used)),
            ("note", Value::maybe((!note.is_empty()).then(|| note.trim_matches([' ', '(', ')'])), Value::text)),
        ],
    }
}
