//! Transactions that wait for a block: by sender and nonce, bounded in bytes.
//!
//! What is admitted was checked against the state, the balance for all waiting transactions of its sender together. When the
//! pool is full it keeps those that are worth most: a transaction is worth as much as the cheapest of its sender up to it, and
//! nothing if one of these is missing. So a flood costs its senders what it would cost in blocks, and what cannot be in a block
//! keeps nothing out that can. Knows no network and no clock.

use crate::transaction::{FeePolicy, InvalidEnvelope, SignedTx};
use core::fmt;
use lockstep_vm::{Account, Address, B256, Fault, Gas, InvalidTx, Revision, StateReader, Tx, U256, ValidTx};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that a waiting transaction counts beside its envelope: the rows of the indices and the fields that were read.
const ENTRY_BYTES: u64 = 1_024;

/// What an envelope's bytes count for: it is kept as it came, and its data twice as it was read.
const ENVELOPE_FACTOR: u64 = 3;

/// How much a pool holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Bytes of all waiting transactions together, as the pool counts them.
    pub bytes_max: u64,
    /// Waiting transactions of one sender: also how far a nonce may be ahead of the sender's.
    pub of_sender_max: u64,
    /// Percent that a replacement must offer more than what it replaces.
    pub replacement_percent: u64,
}

impl Default for PoolLimits {
    /// 64 MiB, 64 transactions of a sender, 10 percent as Ethereum's nodes have it.
    fn default() -> Self {
        Self { bytes_max: 64 * 1_024 * 1_024, of_sender_max: 64, replacement_percent: 10 }
    }
}

/// Why a transaction does not wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAdmitted {
    /// It waits already.
    Known,
    /// It does not pay the chain's fees.
    Fees(InvalidEnvelope),
    /// Its nonce was used.
    NonceTooLow {
        /// Its nonce.
        actual: u64,
        /// The sender's.
        expected: u64,
    },
    /// Its nonce is too far ahead.
    NonceTooHigh {
        /// Its nonce.
        actual: u64,
        /// The largest nonce of the sender that waits.
        limit: u64,
    },
    /// The machine would refuse it.
    Invalid(InvalidTx),
    /// Another transaction of that nonce waits, and this one does not offer enough more.
    Underpriced {
        /// What it offers for one gas.
        actual: u128,
        /// The least that takes the place of the other one.
        required: u128,
    },
    /// The pool is full of transactions that pay more.
    Full {
        /// What it offers for one gas, or one of its sender that goes before it, if that is less.
        actual: u128,
    },
    /// The pool is full, and one of the sender that would go before it is missing.
    FullBehind {
        /// The nonce of the missing one.
        missing: u64,
    },
    /// This node failed.
    Fault(Fault),
}

impl fmt::Display for NotAdmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known => f.write_str("already known"),
            Self::Fees(error) => error.fmt(f),
            Self::NonceTooLow { actual, expected } => {
                write!(f, "nonce too low: {actual}, and the sender's is {expected}")
            }
            Self::NonceTooHigh { actual, limit } => {
                write!(f, "nonce too high: {actual}, and at most {limit} of this sender can wait")
            }
            Self::Invalid(error @ InvalidTx::Balance { .. }) => write!(f, "insufficient funds: {error}"),
            Self::Invalid(error) => error.fmt(f),
            Self::Underpriced { actual, required } => {
                write!(f, "replacement transaction underpriced: {actual} for one gas where {required} is needed")
            }
            Self::Full { actual } => write!(f, "the pool is full of transactions that pay more than {actual}"),
            Self::FullBehind { missing } => {
                write!(f, "the pool is full, and nonce {missing} of the sender is missing: send that one first")
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for NotAdmitted {}

impl From<Fault> for NotAdmitted {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What came of an admission.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admitted {
    /// The transaction that it replaced.
    pub replaced: Option<B256>,
    /// Transactions that had to go for it.
    pub evicted: Vec<B256>,
}

/// What a transaction is checked against.
#[derive(Clone, Copy)]
pub struct Point<'a> {
    /// The state after the last block.
    pub state: &'a dyn StateReader,
    /// The revision of the next block.
    pub revision: &'a Revision,
    /// The gas limit of a block.
    pub gas_limit: u64,
    /// The chain's fees.
    pub fees: FeePolicy,
}

/// A transaction that waits.
#[derive(Debug, Clone)]
struct Waiting {
    signed: SignedTx,
    /// What it pays for one gas.
    price: u128,
    /// The most that its sender pays for it.
    cost: U256,
    bytes: u64,
}

/// What waits of one sender.
#[derive(Debug, Default)]
struct Sender {
    /// The nonce of its next transaction in a block.
    nonce: u64,
    waiting: BTreeMap<u64, Waiting>,
}

impl Sender {
    /// The first nonce that is missing.
    fn missing(&self) -> u64 {
        let run = (self.nonce..).take_while(|nonce| self.waiting.contains_key(nonce)).last();
        run.map_or(self.nonce, |last| last.saturating_add(1))
    }

    /// What the transaction of that nonce is worth: the least price of those up to it, 0 if one of them is missing.
    fn worth(&self, nonce: u64) -> u128 {
        let upto = self.waiting.range(self.nonce..).take_while(|(there, _)| **there <= nonce);
        let least = upto.map(|(_, waiting)| waiting.price).min();
        least.filter(|_| nonce < self.missing()).unwrap_or(0)
    }

    /// The last transaction by what it is worth.
    fn tail(&self) -> Option<u128> {
        self.waiting.last_key_value().map(|(nonce, _)| self.worth(*nonce))
    }
}

/// Transactions that wait for a block.
#[derive(Debug, Default)]
pub struct Mempool {
    limits: PoolLimits,
    senders: BTreeMap<Address, Sender>,
    hashes: BTreeMap<B256, (Address, u64)>,
    /// The last transaction of each sender by what it is worth: the first of them goes first.
    tails: BTreeSet<(u128, Address)>,
    /// Senders with a transaction that can be in the next block.
    ready: BTreeSet<Address>,
    bytes: u64,
}

impl Mempool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Waiting transactions.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether one of them can be in the next block. Behind a nonce that is missing none can.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Bytes of the waiting transactions, as the pool counts them; at most the limit.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The waiting transaction with that hash.
    pub fn get(&self, hash: &B256) -> Option<&SignedTx> {
        let (sender, nonce) = self.hashes.get(hash)?;
        Some(&self.waiting_of(sender)?.get(nonce)?.signed)
    }

    fn waiting_of(&self, sender: &Address) -> Option<&BTreeMap<u64, Waiting>> {
        self.senders.get(sender).map(|of_sender| &of_sender.waiting)
    }

    /// The nonce after the waiting transactions of a sender without a gap from `nonce` on.
    pub fn next_nonce(&self, sender: &Address, nonce: u64) -> u64 {
        let waiting = self.waiting_of(sender);
        let run = waiting.map(|waiting| (nonce..).take_while(|nonce| waiting.contains_key(nonce)).last());
        run.flatten().map_or(nonce, |last| last.saturating_add(1))
    }

    /// Lets a transaction wait, if it is valid once those of its sender with lower nonces are in blocks.
    ///
    /// # Errors
    ///
    /// [`NotAdmitted`]. The pool is as it was.
    pub fn add(&mut self, signed: SignedTx, point: &Point<'_>) -> Result<Admitted, NotAdmitted> {
        if self.hashes.contains_key(&signed.hash()) {
            return Err(NotAdmitted::Known);
        }
        let (sender, nonce) = (signed.sender(), signed.nonce());
        let account = point.state.account(&sender)?.unwrap_or_default();
        if nonce < account.nonce {
            return Err(NotAdmitted::NonceTooLow { actual: nonce, expected: account.nonce });
        }
        let limit = account.nonce.saturating_add(self.limits.of_sender_max.saturating_sub(1));
        if nonce > limit {
            return Err(NotAdmitted::NonceTooHigh { actual: nonce, limit });
        }
        let tx = signed.to_tx(&point.fees).map_err(NotAdmitted::Fees)?;
        let price = u128::try_from(tx.gas_price).unwrap_or(u128::MAX);
        let cost = cost_of(&tx);
        let others = self.waiting_of(&sender).into_iter().flatten().filter(|(other, _)| **other != nonce);
        let promised = others.fold(U256::ZERO, |sum, (_, waiting)| sum.saturating_add(waiting.cost));
        check(tx, &account, promised, point).map_err(NotAdmitted::Invalid)?;
        let there = self.waiting_of(&sender).and_then(|waiting| waiting.get(&nonce));
        let replaced = there.map(|there| (there.signed.hash(), there.bytes));
        if let Some(there) = there {
            let required = self.replacement_price(there.price);
            if price < required {
                return Err(NotAdmitted::Underpriced { actual: price, required });
            }
        }
        let bytes = bytes_of(&signed);
        let worth = self.worth_of_new((&sender, account.nonce), nonce, price);
        let evicted = self.make_room(bytes, replaced.map_or(0, |(_, bytes)| bytes), (sender, worth))?;
        if replaced.is_some() {
            self.remove(&sender, nonce);
        }
        self.insert(Waiting { signed, price, cost, bytes }, account.nonce);
        Ok(Admitted { replaced: replaced.map(|(hash, _)| hash), evicted })
    }

    /// What a transaction of that nonce and price would be worth, whose sender's next one in a block is `first`.
    ///
    /// # Errors
    ///
    /// The nonce that is missing before it.
    fn worth_of_new(&self, (sender, first): (&Address, u64), nonce: u64, price: u128) -> Result<u128, u64> {
        let Some(waiting) = self.waiting_of(sender) else {
            return if nonce == first { Ok(price) } else { Err(first) };
        };
        (first..nonce)
            .try_fold(price, |worth, before| waiting.get(&before).map(|waiting| waiting.price.min(worth)).ok_or(before))
    }

    /// The least price that takes the place of `price`.
    fn replacement_price(&self, price: u128) -> u128 {
        let more = price.saturating_mul(u128::from(self.limits.replacement_percent)).div_ceil(100);
        price.saturating_add(more.max(1))
    }

    /// Removes the last transactions that are worth least until `bytes` fit, `freed` of which come from a replacement. Those of
    /// `sender` stay; if what is left is worth at least as much as the new one, nothing is removed.
    fn make_room(
        &mut self,
        bytes: u64,
        freed: u64,
        (sender, worth): (Address, Result<u128, u64>),
    ) -> Result<Vec<B256>, NotAdmitted> {
        let mut over = self.bytes.saturating_add(bytes).saturating_sub(freed).saturating_sub(self.limits.bytes_max);
        if over == 0 {
            return Ok(Vec::new());
        }
        let worth = worth.map_err(|missing| NotAdmitted::FullBehind { missing })?;
        let full = NotAdmitted::Full { actual: worth };
        // Chosen before anything is removed: a refusal leaves the pool as it was.
        let mut chosen: Vec<(Address, u64, B256)> = Vec::new();
        let mut tails = self.tails.iter().filter(|(_, tail)| *tail != sender);
        let mut next = BTreeSet::new();
        while over > 0 {
            if next.is_empty() {
                next.extend(tails.next().and_then(|(_, tail)| self.last_of(tail, None)));
            }
            // A sender's earlier transactions come up once its later ones are chosen.
            let Some((_, owner, nonce)) = next.pop_first().filter(|(least, ..)| *least < worth) else {
                return Err(full);
            };
            let Some(waiting) = self.waiting_of(&owner).and_then(|waiting| waiting.get(&nonce)) else {
                return Err(full);
            };
            over = over.saturating_sub(waiting.bytes);
            chosen.push((owner, nonce, waiting.signed.hash()));
            next.extend(self.last_of(&owner, Some(nonce)));
            next.extend(tails.next().and_then(|(_, tail)| self.last_of(tail, None)));
        }
        for (owner, nonce, _) in &chosen {
            self.remove(owner, *nonce);
        }
        Ok(chosen.into_iter().map(|(_, _, hash)| hash).collect())
    }

    /// The last transaction of a sender below `nonce`, as worth, sender, nonce.
    fn last_of(&self, sender: &Address, nonce: Option<u64>) -> Option<(u128, Address, u64)> {
        let of_sender = self.senders.get(sender)?;
        let last = match nonce {
            Some(nonce) => of_sender.waiting.range(..nonce).next_back(),
            None => of_sender.waiting.last_key_value(),
        };
        last.map(|(nonce, _)| (of_sender.worth(*nonce), *sender, *nonce))
    }

    fn insert(&mut self, waiting: Waiting, first: u64) {
        let (sender, nonce) = (waiting.signed.sender(), waiting.signed.nonce());
        self.bytes = self.bytes.saturating_add(waiting.bytes);
        self.hashes.insert(waiting.signed.hash(), (sender, nonce));
        self.change(&sender, |of_sender| {
            of_sender.nonce = first;
            of_sender.waiting.insert(nonce, waiting);
        });
    }

    fn remove(&mut self, sender: &Address, nonce: u64) {
        let mut removed = None;
        self.change(sender, |of_sender| removed = of_sender.waiting.remove(&nonce));
        if let Some(waiting) = removed {
            self.bytes = self.bytes.saturating_sub(waiting.bytes);
            self.hashes.remove(&waiting.signed.hash());
        }
    }

    /// Changes what waits of a sender, and what is said of it.
    fn change(&mut self, sender: &Address, change: impl FnOnce(&mut Sender)) {
        let of_sender = self.senders.entry(*sender).or_default();
        if let Some(tail) = of_sender.tail() {
            self.tails.remove(&(tail, *sender));
        }
        change(of_sender);
        match of_sender.waiting.contains_key(&of_sender.nonce) {
            true => self.ready.insert(*sender),
            false => self.ready.remove(sender),
        };
        match of_sender.tail() {
            Some(tail) => drop(self.tails.insert((tail, *sender))),
            None => drop(self.senders.remove(sender)),
        }
    }

    /// Checks again after a block what waits of the accounts that it changed. Returns what is no longer valid; what is in
    /// the block is gone too, and not among them.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    pub fn after_block<'a>(
        &mut self,
        changed: impl IntoIterator<Item = &'a Address>,
        point: &Point<'_>,
    ) -> Result<Vec<B256>, Fault> {
        let mut dropped = Vec::new();
        for sender in changed {
            let Some(waiting) = self.waiting_of(sender) else { continue };
            let account = point.state.account(sender)?.unwrap_or_default();
            let mut promised = U256::ZERO;
            let mut gone = Vec::new();
            for (nonce, waiting) in waiting {
                let checked = match waiting.signed.to_tx(&point.fees) {
                    Ok(tx) if *nonce >= account.nonce => check(tx, &account, promised, point).is_ok(),
                    _ => false,
                };
                if checked {
                    promised = promised.saturating_add(waiting.cost);
                } else {
                    gone.push((*nonce, waiting.signed.hash()));
                }
            }
            self.change(sender, |of_sender| of_sender.nonce = account.nonce);
            for (nonce, hash) in gone {
                self.remove(sender, nonce);
                if nonce >= account.nonce {
                    dropped.push(hash);
                }
            }
        }
        Ok(dropped)
    }

    /// Checks everything again, as after a change of the revision or a rollback.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    pub fn recheck(&mut self, point: &Point<'_>) -> Result<Vec<B256>, Fault> {
        let senders: Vec<Address> = self.senders.keys().copied().collect();
        self.after_block(&senders, point)
    }

    /// Removes a transaction, as one that a proposer found invalid.
    pub fn remove_hash(&mut self, hash: &B256) {
        if let Some((sender, nonce)) = self.hashes.get(hash).copied() {
            self.remove(&sender, nonce);
        }
    }

    /// Transactions for the next block: those that pay most first, those of a sender in the order of their nonces without
    /// a gap, as long as their gas limits fit into `gas` together. `state` may be a few blocks above that of the last check.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the state cannot be read.
    pub fn best(&self, state: &dyn StateReader, gas: u64) -> Result<Vec<SignedTx>, Fault> {
        let head = |sender: &Address, nonce: u64| {
            let waiting = self.waiting_of(sender)?.get(&nonce)?;
            Some((waiting.price, *sender, nonce))
        };
        let first = |sender: &Address| head(sender, self.senders.get(sender)?.nonce);
        let mut heads: BTreeSet<_> = self.ready.iter().filter_map(first).collect();
        // A sender is looked up once it is its turn: there may be many more than a block has room for.
        let (mut best, mut left, mut looked_up) = (Vec::new(), gas, BTreeSet::new());
        while let Some((_, sender, nonce)) = heads.pop_last() {
            let Some(waiting) = self.waiting_of(&sender).and_then(|waiting| waiting.get(&nonce)) else { continue };
            // Those of the sender behind it have to wait for it.
            let Some(rest) = left.checked_sub(waiting.signed.gas_limit()) else { continue };
            if looked_up.insert(sender) {
                let next = state.account(&sender)?.map_or(0, |account| account.nonce);
                if next != nonce {
                    heads.extend(head(&sender, next));
                    continue;
                }
            }
            left = rest;
            best.push(waiting.signed.clone());
            heads.extend(head(&sender, nonce.saturating_add(1)));
        }
        Ok(best)
    }
}

/// The most that the sender pays: gas limit times price, and the value.
fn cost_of(tx: &Tx) -> U256 {
    tx.gas_price.saturating_mul(U256::from(tx.gas_limit.get())).saturating_add(tx.value)
}

fn bytes_of(signed: &SignedTx) -> u64 {
    let raw = u64::try_from(signed.raw().len()).unwrap_or(u64::MAX);
    raw.saturating_mul(ENVELOPE_FACTOR).saturating_add(ENTRY_BYTES)
}

/// Whether `tx` is valid once its sender's nonce is its own, with `promised` of the balance spent.
fn check(tx: Tx, account: &Account, promised: U256, point: &Point<'_>) -> Result<(), InvalidTx> {
    let balance = account.balance.saturating_sub(promised);
    let then = Account { nonce: tx.nonce, balance, code: account.code };
    ValidTx::check(tx, Some(&then), Gas::new(point.gas_limit), point.revision).map(drop)
}
