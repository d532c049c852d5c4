//! A chain in a state file, or in a database with its past.

use crate::{
    args::PlaceArgument,
    database_folder::{self, Begun},
    failure::{Class, Failure},
    state_file::{self, IfMissing, Writing},
};
use anyhow::anyhow;
use lockstep_chain::{Attempt, Before, Database, MemoryChain, Order, Sealed};
use lockstep_store::Store;
use lockstep_vm::{Account, Address, BlockEnv, StateDiff, StateView, Supply, Tx, Vm};
use std::collections::BTreeMap;

/// A chain that is open.
pub(crate) enum Ledger {
    /// In a state file; with the lock of whoever is going to write it.
    File(MemoryChain, Option<Writing>),
    /// In a database.
    Database(Box<Opened>),
}

/// A database that is open, and what was made for it: that goes before the store.
pub(crate) struct Opened {
    begun: Begun,
    database: Database,
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
            (None, Some(folder)) => {
                let store = database_folder::open_to_look(folder)?;
                Ok(Self::Database(Opened::at(store, Begun::default(), at)?))
            }
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
            (None, Some(folder)) => {
                let (store, begun) = database_folder::open(folder, if_missing)?;
                Ok(Self::Database(Opened::at(store, begun, None)?))
            }
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
            Self::Database(opened) => opened.database.number(),
        }
    }

    /// The state to look at.
    pub(crate) fn view(&self) -> StateView {
        match self {
            Self::File(chain, _) => chain.view(),
            Self::Database(opened) => opened.database.state(),
        }
    }

    /// The account at `address`.
    pub(crate) fn account(&self, address: &Address) -> Result<Option<Account>, Failure> {
        Ok(self.view().account(address)?)
    }

    /// The whole storage of an account.
    pub(crate) fn values(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Failure> {
        Ok(match self {
            Self::File(chain, _) => chain.state.values_before(address)?,
            Self::Database(opened) => opened.database.view.values_before(address)?,
        })
    }

    /// All balances, counted.
    pub(crate) fn supply(&self) -> Result<Supply, Failure> {
        match self {
            Self::File(chain, _) => Ok(chain.supply()),
            Self::Database(opened) => Ok(opened.database.supply()?),
        }
    }

    /// The block that comes next.
    pub(crate) fn next_block(&self, gas_limit: u64) -> Result<BlockEnv, Failure> {
        Ok(match self {
            Self::File(chain, _) => chain.next_block(gas_limit)?,
            Self::Database(opened) => opened.database.next_block(gas_limit)?,
        })
    }

    /// The transaction, with the nonce that its sender has now.
    pub(crate) fn transaction(&self, order: Order) -> Result<Tx, Failure> {
        Ok(order.transaction(&self.view())?)
    }

    /// Executes one transaction as the next block would. Everything stays as it is.
    pub(crate) fn execute(&self, vm: &Vm, order: Order) -> Result<Attempt, Failure> {
        Ok(match self {
            Self::File(chain, _) => chain.execute(vm, order)?,
            Self::Database(opened) => opened.database.execute(vm, order)?,
        })
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
            Self::Database(opened) => {
                let sealed = opened.database.keep(&attempt)?;
                drop(attempt);
                opened.close()?;
                Ok(sealed)
            }
        }
    }

    /// Changes the state in a state file without a transaction, as whoever starts a chain does.
    pub(crate) fn amend(self, diff: StateDiff) -> Result<(), Failure> {
        match self {
            Self::File(mut chain, writing) => {
                chain.amend(&diff)?;
                if let Some(writing) = writing {
                    writing.save(&chain)?;
                }
                Ok(())
            }
            Self::Database(_) => Err(without_a_transaction("a change without a transaction", "a database")),
        }
    }
}

impl Opened {
    /// A database at a height, or at its last block.
    fn at(store: Store, begun: Begun, at: Option<u64>) -> Result<Box<Self>, Failure> {
        Ok(Box::new(Self { begun, database: Database::new(store, at)? }))
    }

    /// Keeps all and closes the database.
    fn close(self) -> Result<(), Failure> {
        self.begun.keep();
        Ok(self.database.store.close()?)
    }
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
