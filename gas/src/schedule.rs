//! The price list of a revision: instructions, host functions, accounts, frames, transactions.

use crate::{
    Gas,
    host_function::{BYZANTIUM_PRICES, HOST_FUNCTIONS, HostFunction, HostFunctionSet, HostPrice, V1_PRICES},
    operator::{OPERATORS, Operator, V1_PRICES as V1_OPERATOR_PRICES},
};
use borsh::BorshSerialize;

/// Bytes of one page of linear memory (Wasm spec).
pub const PAGE_BYTES: u64 = 65_536;

/// Bytes that one table element counts as in a bulk operation.
pub const TABLE_ELEMENT_BYTES: u64 = 4;

/// Puts `new` at `index` of a table, in constants too: a revision is one.
const fn put<T: Copy>(table: &mut [T], index: usize, new: T) {
    let (mut rest, mut position) = (table, 0_usize);
    while let [entry, tail @ ..] = rest {
        if position == index {
            *entry = new;
        }
        position = position.saturating_add(1);
        rest = tail;
    }
}

/// Every price of a revision, in gas.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Schedule {
    /// Instructions, or `None` where a revision does not meter them.
    pub instructions: Option<InstructionPrices>,
    #[borsh(serialize_with = "write_host_prices")]
    host: [Option<HostPrice>; HOST_FUNCTIONS],
    /// Calls, values and accounts.
    pub account: AccountPrices,
    /// Starting a frame: instantiation of the callee's module.
    pub frame: FramePrices,
    /// The transaction as such.
    pub transaction: TransactionPrices,
    /// What a transaction gets back at its end.
    pub refund: Refunds,
}

/// Prices of instructions.
///
/// The rule that says when they are charged is in `docs/spec.md`: on entering a region, 1 and the prices of all
/// operators that stand in it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct InstructionPrices {
    #[borsh(serialize_with = "write_operator_prices")]
    operators: [Option<u8>; OPERATORS],
    /// Bytes that bulk operations move, fill or add for 1 gas: `memory.copy`, `memory.fill`, `memory.init` and
    /// `memory.grow` charge their bytes divided by this, rounded down; table operations charge
    /// [`TABLE_ELEMENT_BYTES`] for each element. Not 0.
    pub bulk_bytes_per_gas: u32,
    /// Each value that an operator moves beyond those that its price contains: see [`moved`](Self::moved).
    pub per_value: u32,
    /// Parameters that the price of a call contains; under `V1` as many as the host function with the most has.
    pub call_values: u32,
    /// Each slot of a function's frame (parameters, locals, greatest height of its operand stack) beyond `frame_slots`,
    /// charged in its entry region.
    pub per_slot: u32,
    /// Slots that the price of a call contains.
    pub frame_slots: u32,
}

/// Tables are encoded by name, without what has no price: a function or operator that the machine learns later leaves
/// the digests of the revisions before it as they are.
fn write_named<W: borsh::io::Write, P: BorshSerialize>(
    named: impl Iterator<Item = (&'static str, Option<P>)>,
    writer: &mut W,
) -> borsh::io::Result<()> {
    let priced: Vec<(&str, P)> = named.filter_map(|(name, price)| Some((name, price?))).collect();
    priced.serialize(writer)
}

fn write_host_prices<W: borsh::io::Write>(
    prices: &[Option<HostPrice>; HOST_FUNCTIONS],
    writer: &mut W,
) -> borsh::io::Result<()> {
    write_named(HostFunction::ALL.iter().map(|function| function.name()).zip(*prices), writer)
}

fn write_operator_prices<W: borsh::io::Write>(
    prices: &[Option<u8>; OPERATORS],
    writer: &mut W,
) -> borsh::io::Result<()> {
    write_named(Operator::ALL.iter().map(|operator| operator.name()).zip(*prices), writer)
}

impl InstructionPrices {
    /// A price for every operator that the engine knows, and no two alike: where two ways of metering agree under
    /// these, neither has taken one operator for another, forgotten one or put one into the wrong region.
    pub(crate) const DISTINCT: Self = {
        let mut operators = [None; OPERATORS];
        let mut price = 1_u8;
        let mut rest: &mut [Option<u8>] = &mut operators;
        while let [first, tail @ ..] = rest {
            *first = Some(price);
            price = price.saturating_add(1);
            rest = tail;
        }
        Self { operators, bulk_bytes_per_gas: 16, per_value: 3, call_values: 1, per_slot: 2, frame_slots: 3 }
    };

    /// The price of one execution of `operator`, or `None` if the revision forbids it.
    pub fn operator(&self, operator: Operator) -> Option<u8> {
        self.operators.get(operator.index()).copied().flatten()
    }

    /// What an operator pays that moves `values` values: a branch those that its label takes, a block its parameters or,
    /// at its end, its results. One is in the operator's price.
    pub fn moved(&self, values: usize) -> u64 {
        self.beyond(values, 1)
    }

    /// The same for a call with that many parameters, of which `call_values` are in its price.
    //= spec 2.13
    pub fn passed(&self, values: usize) -> u64 {
        self.beyond(values, self.call_values)
    }

    //= spec 2.7
    fn beyond(&self, values: usize, contained: u32) -> u64 {
        let values = u64::try_from(values).unwrap_or(u64::MAX);
        values.saturating_sub(u64::from(contained)).saturating_mul(u64::from(self.per_value))
    }

    /// What the entry region of a function pays whose frame has `slots` slots.
    //= spec 2.15
    pub fn entered(&self, slots: u32) -> u64 {
        u64::from(slots.saturating_sub(self.frame_slots)).saturating_mul(u64::from(self.per_slot))
    }

    /// The price of moving, filling or adding `bytes` bytes.
    //= spec 2.17
    pub const fn bulk(&self, bytes: u64) -> Gas {
        // A schedule with 0 here cannot be made: the field is set in this file alone and a test reads it.
        match bytes.checked_div(self.bulk_bytes_per_gas as u64) {
            Some(gas) => Gas::new(gas),
            None => Gas::MAX,
        }
    }
}

/// Charges of calls and accounts that come on top of the price of the host function.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct AccountPrices {
    /// A call that transfers value (Yellow Paper, G_callvalue).
    pub call_value: u64,
    /// Gas that the callee of such a call gets for free (G_callstipend).
    pub call_stipend: u64,
    /// The same for a `callDelegate` that inherits a value, as in hera. Nothing pays for it, so where instructions
    /// are metered it would be gas for nothing.
    pub delegate_stipend: u64,
    /// A call with value, or a self-destruction, that brings an account into being (G_newaccount).
    pub new_account: u64,
    /// A storage write that turns an absent value into a present one, on top of the write (G_sset - G_sreset).
    pub storage_set: u64,
    /// Each byte of code that a creation leaves behind (G_codedeposit).
    pub code_deposit_byte: u64,
    /// Each 32 bytes of an account's code, the last counted as whole, where `externalCodeCopy` copies any of it: the
    /// state is asked for code as a whole. 0 under Byzantium, where Ethereum's price of the call is all.
    pub code_read_word: u64,
}

/// Prices of starting a frame, charged to the frame itself before its first instruction.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct FramePrices {
    /// For every frame that runs code.
    pub base: u64,
    /// The first frame of a transaction that uses a code, on top of the base: what translating takes at any length.
    pub first_use: u64,
    /// The same frame, for each byte of the code: translating it as slowly as validation admits (`docs/decisions/0013`).
    pub first_use_byte: u64,
    /// For each function, global, import, export, segment and element of an element segment.
    pub per_item: u64,
    /// Bytes of an export's name that cost as much as one more item: each instance copies the names. Not 0.
    pub name_bytes_per_item: u64,
}

/// Prices of a transaction, charged before anything else happens.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct TransactionPrices {
    /// Every transaction (Yellow Paper, G_transaction).
    pub base: u64,
    /// A transaction that creates or deploys, on top of the base (G_txcreate).
    pub create: u64,
    /// Each zero byte of input or code (G_txdatazero).
    pub zero_byte: u64,
    /// Each other byte of input or code (G_txdatanonzero).
    pub nonzero_byte: u64,
    /// Each byte of a deployed module, for its validation and compilation, and for keeping it.
    pub deployed_code_byte: u64,
    /// Each byte of output or revert data of the transaction's own frame: its receipt keeps them, as it keeps the data of
    /// logs.
    pub output_byte: u64,
}

/// What is given back at the end of a transaction that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Refunds {
    /// A storage value that was present and is removed (R_sclear).
    pub storage_clear: u64,
    /// A contract that destroys itself (R_selfdestruct).
    pub self_destruct: u64,
    /// Refunds are at most the gas used divided by this; 0 for no refunds.
    pub quotient: u64,
}

impl Schedule {
    /// The functions that the revision offers: those that it has a price for.
    pub const fn offered(&self) -> HostFunctionSet {
        HostFunctionSet::of_prices(&self.host)
    }

    /// Gives `function` another price, `None` to not offer it: a line of a revision's patch.
    pub const fn set_host(&mut self, function: HostFunction, price: Option<HostPrice>) {
        put(&mut self.host, function.index(), price);
    }

    /// Gives `operator` another price, `None` to forbid it: a line of a revision's patch. A revision that does not meter
    /// instructions has no such prices, and stays as it is.
    pub const fn set_operator(&mut self, operator: Operator, price: Option<u8>) {
        if let Some(instructions) = &mut self.instructions {
            put(&mut instructions.operators, operator.index(), price);
        }
    }

    /// The price of `function`; nothing for one that the revision does not offer, which no contract can call.
    pub fn host(&self, function: HostFunction) -> HostPrice {
        self.host.get(function.index()).copied().flatten().unwrap_or_default()
    }

    /// The price of one execution of `operator`: `Some(0)` if instructions are not metered, `None` if it is forbidden.
    pub fn operator(&self, operator: Operator) -> Option<u8> {
        match &self.instructions {
            Some(prices) => prices.operator(operator),
            None => Some(0),
        }
    }

    /// Ethereum's Byzantium prices, instructions unmetered: what the official ewasm state tests were filled with.
    //= spec 2.22
    pub(crate) const BYZANTIUM: Self = Self {
        instructions: None,
        host: BYZANTIUM_PRICES,
        account: AccountPrices {
            call_value: 9_000,
            call_stipend: 2_300,
            delegate_stipend: 2_300,
            new_account: 25_000,
            storage_set: 15_000,
            code_deposit_byte: 200,
            code_read_word: 0,
        },
        frame: FramePrices { base: 0, first_use: 0, first_use_byte: 0, per_item: 0, name_bytes_per_item: 64 },
        transaction: TransactionPrices {
            base: 21_000,
            create: 32_000,
            zero_byte: 4,
            nonzero_byte: 68,
            deployed_code_byte: 0,
            output_byte: 0,
        },
        refund: Refunds { storage_clear: 15_000, self_destruct: 24_000, quotient: 2 },
    };

    /// The production prices: every instruction metered.
    pub(crate) const V1: Self = Self {
        instructions: Some(InstructionPrices {
            operators: V1_OPERATOR_PRICES,
            bulk_bytes_per_gas: 4,
            per_value: 1,
            call_values: 9,
            per_slot: 2,
            frame_slots: 32,
        }),
        host: V1_PRICES,
        account: AccountPrices {
            call_value: 90_000,
            call_stipend: 23_000,
            delegate_stipend: 0,
            new_account: 250_000,
            storage_set: 150_000,
            code_deposit_byte: 2_000,
            code_read_word: 10,
        },
        frame: FramePrices {
            base: 3_000,
            first_use: 25_000,
            first_use_byte: 80,
            per_item: 20,
            name_bytes_per_item: 64,
        },
        transaction: TransactionPrices {
            base: 210_000,
            create: 320_000,
            zero_byte: 40,
            nonzero_byte: 160,
            deployed_code_byte: 2_000,
            output_byte: 80,
        },
        refund: Refunds { storage_clear: 0, self_destruct: 0, quotient: 0 },
    };

    /// Prices of the testsuite of the Wasm specification: see [`InstructionPrices::DISTINCT`].
    pub(crate) const SPEC: Self = Self { instructions: Some(InstructionPrices::DISTINCT), ..Self::BYZANTIUM };
}

#[cfg(test)]
mod tests {
    use super::*;

    //= spec 2.22 test
    #[test]
    fn byzantium_has_the_prices_of_the_eei() {
        let schedule = Schedule::BYZANTIUM;
        let flat = |function| schedule.host(function);
        assert_eq!(flat(HostFunction::GetGasLeft), HostPrice::flat(2));
        assert_eq!(flat(HostFunction::Log), HostPrice { per_topic: 375, per_byte: 8, ..HostPrice::flat(375) });
        assert_eq!(flat(HostFunction::ReturnDataCopy), HostPrice::words(3, 3));
        assert_eq!(flat(HostFunction::SelfDestruct), HostPrice::flat(5_000));
        assert!(Operator::ALL.iter().all(|&operator| schedule.operator(operator) == Some(0)));
    }

    #[test]
    fn bulk_operations_charge_whole_gas_and_a_page_costs_what_its_bytes_cost() {
        let prices = Schedule::V1.instructions.unwrap();
        assert_ne!(prices.bulk_bytes_per_gas, 0);
        assert_eq!(prices.bulk(3), Gas::ZERO);
        assert_eq!(prices.bulk(4), Gas::new(1));
        assert_eq!(prices.bulk(PAGE_BYTES), Gas::new(16_384));
    }
}
