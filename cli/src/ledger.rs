//! A chain wherever it lies: in a state file, or in a database with its past.

use crate::{
    args::PlaceArgument,
    chain::{Attempt, Chain, Order, Sealed, block_after},
    database_folder::{self, Begun},
    execution::{Before, Changes},
    failure::{Class, Classify, Failure},
    state_file::{self, IfMissing, Writing},
};
use anyhow::{Error, anyhow};
use lockstep_store::{ExecutedBlock, Store, View};
use lockstep_vm::{
    Account, Address, B256, Block, BlockEnv, Gas, StateDiff, StateView, StorageDiff, Supply, Tx, U256, Vm,
    system::SYSTEM_ADDRESS,
};
use sha3::{Digest, Sha3_256};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// A chain that is open.
pub(crate) enum Ledger {
    /// In a state file; with the lock of whoever is going to write it.
    File(Chain, Option<Writing>),
    /// In a database.
    Database(Box<Database>),
}

/// A database and the state to look at.
pub(crate) struct Database {
    /// What was made for it. It goes before the store.
    begun: Begun,
    pub(crate) store: Store,
    pub(crate) view: Arc<View>,
    /// The number of the block that the view is of, 0 if there is none.
    number: u64,
}

impl Ledger {
    /// Opens a chain to look at it, a database at the height `at`.
    pub(crate) fn read(place: &PlaceArgument, at: Option<u64>) -> Result<Self, Failure> {
        match (&place.state, &place.db) {
            (Some(_), _) if at.is_some() => {
                let failure =
                    Failure::new(Class::Usage, anyhow!("--at needs --db: a state file has its last state alone"));
                Err(failure.remedy("leave --at out, or keep the chain in a database"))
            }
            (Some(file), _) => Ok(Self::File(state_file::read(file)?, None)),
            (None, Some(folder)) => Ok(Self::Database(Box::new(Database::look(folder, at)?))),
            (None, None) => Err(nowhere()),
        }
    }

    /// Opens a chain to change it.
    pub(crate) fn write(place: &PlaceArgument, if_missing: IfMissing) -> Result<Self, Failure> {
        match (&place.state, &place.db) {
            (Some(file), _) => {
                let (writing, chain) = state_file::write(file, if_missing)?;
                Ok(Self::File(chain, Some(writing)))
            }
            (None, Some(folder)) => Ok(Self::Database(Box::new(Database::open(folder, if_missing)?))),
            (None, None) => Err(nowhere()),
        }
    }

    /// Opens a chain to change its state without a transaction, which is what `option` asks for. A database is refused: each
    /// of its blocks can be executed again.
    pub(crate) fn prepare(place: &PlaceArgument, if_missing: IfMissing, option: &str) -> Result<Self, Failure> {
        match &place.db {
            Some(folder) => Err(without_a_transaction(option, &folder.display().to_string())),
            None => Self::write(place, if_missing),
        }
    }

    /// The number of the last block, or of the one that is looked at; 0 if there is none.
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::File(chain, _) => chain.number,
            Self::Database(database) => database.number,
        }
    }

    /// The hash of that block, zero if there is none.
    fn hash(&self) -> B256 {
        match self {
            Self::File(chain, _) => chain.hash,
            Self::Database(database) => database.view.hash(),
        }
    }

    /// The state to look at.
    pub(crate) fn view(&self) -> StateView {
        match self {
            Self::File(chain, _) => chain.view(),
            Self::Database(database) => Arc::clone(&database.view) as StateView,
        }
    }

    /// The account at `address`.
    pub(crate) fn account(&self, address: &Address) -> Result<Option<Account>, Failure> {
        Ok(self.view().account(address)?)
    }

    /// The whole storage of an account.
    pub(crate) fn values(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Failure> {
        match self {
            Self::File(chain, _) => chain.state.values_before(address),
            Self::Database(database) => database.view.values_before(address),
        }
    }

    /// All balances, counted.
    pub(crate) fn supply(&self) -> Result<Supply, Failure> {
        match self {
            Self::File(chain, _) => Ok(chain.supply()),
            Self::Database(database) => {
                let mut supply = Supply::default();
                database.view.for_each_account(|address, account| {
                    supply.add(address, account.balance);
                    Ok(())
                })?;
                Ok(supply)
            }
        }
    }

    /// The block that comes next.
    pub(crate) fn next_block(&self, gas_limit: u64) -> Result<BlockEnv, Failure> {
        block_after(&self.view(), self.number(), self.hash(), gas_limit)
    }

    /// The transaction, with the nonce that its sender has now.
    pub(crate) fn transaction(&self, order: Order) -> Result<Tx, Failure> {
        let Order { sender, gas_limit, value, kind, input } = order;
        let nonce = self.account(&sender)?.map_or(0, |account| account.nonce);
        Ok(Tx { sender, nonce, gas_limit: Gas::new(gas_limit), gas_price: U256::ZERO, value, kind, input })
    }

    /// Executes one transaction as the next block would. Everything stays as it is.
    pub(crate) fn execute(&self, vm: &Vm, order: Order) -> Result<Attempt, Failure> {
        Attempt::new(vm, self.view(), self.next_block(order.gas_limit)?, self.transaction(order)?)
    }

    /// Makes a transaction that was executed on this state the next block.
    pub(crate) fn keep(self, attempt: Attempt) -> Result<Sealed, Failure> {
        match self {
            Self::File(mut chain, writing) => {
                let sealed = chain.keep(attempt)?;
                if let Some(writing) = writing {
                    writing.save(&chain)?;
                }
                Ok(sealed)
            }
            Self::Database(database) => database.keep(attempt),
        }
    }

    /// Changes the state in a state file without a transaction, as whoever starts a chain does.
    pub(crate) fn amend(self, diff: StateDiff) -> Result<(), Failure> {
        if diff.accounts.contains_key(&SYSTEM_ADDRESS) || diff.storage.contains_key(&SYSTEM_ADDRESS) {
            return Err(Failure::new(Class::Usage, of_the_chain()));
        }
        match self {
            Self::File(mut chain, writing) => {
                chain.prepare().apply(&diff);
                writing.map_or(Ok(()), |writing| writing.save(&chain))
            }
            Self::Database(_) => Err(without_a_transaction("a change without a transaction", "a database")),
        }
    }
}

impl Database {
    /// Opens a database to change it.
    fn open(folder: &Path, if_missing: IfMissing) -> Result<Self, Failure> {
        let (store, begun) = database_folder::open(folder, if_missing)?;
        Self::at(store, begun, None)
    }

    /// Opens a database to look at a height, or at its last block, also while another process writes it.
    pub(crate) fn look(folder: &Path, at: Option<u64>) -> Result<Self, Failure> {
        Self::at(database_folder::open_to_look(folder)?, Begun::default(), at)
    }

    fn at(store: Store, begun: Begun, at: Option<u64>) -> Result<Self, Failure> {
        let view = match at {
            Some(height) => store.view(height)?,
            None => store.latest()?,
        };
        let number = view.height();
        Ok(Self { begun, store, view: Arc::new(view), number })
    }

    fn keep(self, attempt: Attempt) -> Result<Sealed, Failure> {
        let Attempt { env, view, valid, executed } = attempt;
        drop(view);
        let (number, parent_hash) = (env.number, env.parent_hash);
        let changes = Changes::of(&*self.view, &executed.diff)?;
        let block = Block { env, transactions: vec![valid.tx().clone()] };
        let (hash, body) = (block.hash(), borsh::to_vec(&block).map_err(Error::msg).class(Class::Fault)?);
        let receipts = [executed.receipt.clone()];
        let (diff, receipts) = (&executed.diff, receipts.as_slice());
        self.store.commit(&ExecutedBlock {
            height: number,
            hash,
            parent_hash,
            diff,
            receipts,
            body: Some(&body),
            root: None,
        })?;
        self.begun.keep();
        self.store.close()?;
        Ok(Sealed { number, executed, changes })
    }
}

/// The hash of a block without transactions that changes the state: sha3-256 over `LOCKSTEP`, the hash of its parent and
/// the borsh encoding of what it changes. No other block begins like that: its first 8 bytes are its number, and no height
/// is as high.
pub(crate) fn hash_without_transactions(parent: B256, diff: &StateDiff) -> Result<B256, Failure> {
    let encoded = borsh::to_vec(&(*b"LOCKSTEP", parent, diff)).map_err(Error::msg).class(Class::Fault)?;
    Ok(B256::new(Sha3_256::digest(encoded).into()))
}

/// Why the system account is left alone.
pub(crate) fn of_the_chain() -> Error {
    anyhow!("{SYSTEM_ADDRESS} is the system account: the chain alone writes it")
}

/// The diff that puts a value into a contract's storage as the contract would: the empty value removes the key.
pub(crate) fn storage_diff(address: Address, key: Vec<u8>, value: Vec<u8>) -> StateDiff {
    let values = [(key, Some(value).filter(|value| !value.is_empty()))].into();
    StateDiff { storage: [(address, StorageDiff { cleared: false, values })].into(), ..StateDiff::default() }
}

/// The refusal of a change that no block could be executed again with.
fn without_a_transaction(option: &str, database: &str) -> Failure {
    let why = "every block of a database can be executed again, and this one could not";
    let failure =
        Failure::new(Class::Usage, anyhow!("{option} is for state files, and {database} is a database: {why}"));
    failure
        .remedy("put it into the genesis (`lockstep genesis FILE --db DIR`), or send a transaction by `lockstep call`")
}

/// The parser of the arguments asks for one place.
fn nowhere() -> Failure {
    Failure::new(Class::Usage, anyhow!("neither --state nor --db is given"))
}
