//! Scripts of the contracts of the model world: a list of actions and an end.

use crate::input::Input;
use lockstep_host::{Address, CallKind};

/// Contracts that are there at the start.
pub(super) const CONTRACTS: usize = 4;

/// Places in the table of addresses that every contract has in its memory.
pub(super) const ADDRESSES: usize = 9;

/// The place of the account that the contract's last creation made; the zero address before.
pub(super) const CREATED: usize = ADDRESSES;

/// The table: the contracts, one that does not exist, one with money alone, one with code that is no module, the sender, and
/// the beneficiary.
pub(super) fn address(place: usize) -> Address {
    const OTHERS: [u8; ADDRESSES - CONTRACTS] = [0x40, 0x41, 0x42, 0x5e, 0xbe];
    match place.checked_sub(CONTRACTS) {
        None => Address::repeat_byte(0x10 + u8::try_from(place).expect("few")),
        Some(other) => OTHERS.get(other).map_or(Address::ZERO, |byte| Address::repeat_byte(*byte)),
    }
}

/// The sender of all transactions.
pub(super) const SENDER: Address = Address::repeat_byte(0x5e);
/// Who receives the fees.
pub(super) const BENEFICIARY: Address = Address::repeat_byte(0xbe);
/// An account with money and without code.
pub(super) const RICH: Address = Address::repeat_byte(0x41);
/// An account whose code is no module.
pub(super) const NO_MODULE: Address = Address::repeat_byte(0x42);

/// Amounts that move.
pub(super) const AMOUNTS: [u64; 6] = [0, 1, 7, 100, 1_000, 1 << 40];

/// Gas that callees are offered.
pub(super) const GAS: [i64; 7] = [i64::MAX, 2_000_000, 200_000, 30_000, 5_000, 0, -1];

/// One thing that a contract does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Store {
        key: u8,
        value: u8,
    },
    Load {
        key: u8,
    },
    Log {
        topics: u8,
        bytes: u8,
    },
    Balance {
        of: usize,
    },
    GasLeft,
    Caller,
    Value,
    /// By a call; `amount` and `gas` are places in their tables. Done only while there is depth left.
    Call {
        kind: CallKind,
        callee: usize,
        amount: usize,
        gas: usize,
    },
    /// By export name.
    Export {
        callee: usize,
        amount: usize,
        gas: usize,
        by_main: bool,
    },
    /// By one of the contract's init codes.
    Create {
        amount: usize,
        init: usize,
    },
}

/// How a contract ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Return,
    Finish,
    Revert,
    Unreachable,
    /// A pointer beyond the memory.
    BadPointer,
    /// All the gas there is.
    UseAllGas,
    SelfDestruct {
        heir: usize,
    },
    /// Init code: finishes with the code of a contract.
    Code,
    /// Init code: finishes with bytes that are no module.
    Garbage,
    /// Init code: finishes with bytes that begin like a module.
    Broken,
}

/// A contract's actions and its end.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) actions: Vec<Action>,
    pub(super) end: End,
}

impl Script {
    /// A script; `creates` says whether the contract has init codes.
    pub(super) fn new(input: &mut Input<'_>, creates: bool) -> Self {
        let actions = (0..input.choose(&[2, 3, 4, 5, 1, 0])).map(|_| action(input, creates)).collect();
        let end = match input.below(16) {
            0..=2 => End::Return,
            3..=9 => End::Finish,
            10 => End::Revert,
            11 => End::Unreachable,
            12 => End::BadPointer,
            13 => End::UseAllGas,
            _ => End::SelfDestruct { heir: input.index(ADDRESSES + 1) },
        };
        Self { actions, end }
    }

    /// The script of init code.
    pub(super) fn init(input: &mut Input<'_>) -> Self {
        let mut script = Self::new(input, false);
        script.end = match input.below(8) {
            0..=3 => End::Code,
            4 => End::Garbage,
            5 => End::Broken,
            _ => script.end,
        };
        script
    }
}

fn action(input: &mut Input<'_>, creates: bool) -> Action {
    // The callee: contracts mostly, at times the new one or an account of another kind.
    let callee = |input: &mut Input<'_>| match input.below(4) {
        0 => input.index(ADDRESSES + 1),
        _ => input.index(CONTRACTS),
    };
    let amount = |input: &mut Input<'_>| if input.once_in(2) { input.index(AMOUNTS.len()) } else { 0 };
    let gas = |input: &mut Input<'_>| if input.once_in(3) { input.index(GAS.len()) } else { 0 };
    match input.below(20) {
        0 | 1 => Action::Store { key: input.byte() % 3, value: input.byte() % 3 },
        2 => Action::Load { key: input.byte() % 3 },
        3 => Action::Log { topics: input.byte() % 5, bytes: input.byte() % 40 },
        4 => Action::Balance { of: input.index(ADDRESSES + 1) },
        5 => Action::GasLeft,
        6 => Action::Caller,
        7 => Action::Value,
        8..=14 => {
            let kinds =
                [CallKind::Call, CallKind::Call, CallKind::CallCode, CallKind::CallDelegate, CallKind::CallStatic];
            Action::Call { kind: input.choose(&kinds), callee: callee(input), amount: amount(input), gas: gas(input) }
        }
        15..=17 => {
            let by_main = input.once_in(2);
            Action::Export { callee: callee(input), amount: amount(input), gas: gas(input), by_main }
        }
        _ if creates => Action::Create { amount: amount(input), init: input.index(2) },
        _ => Action::GasLeft,
    }
}
