//! The operators that rewriting inserts, and what an engine charges in a rewritten module.

use lockstep_gas::Operator;

/// The operators that rewriting inserts. They are free in a rewritten module (`global.get` only where one is inserted);
/// each that was there before is paid for by `nop`s of price 1 beside it.
pub(super) const FREE: [Operator; 6] =
    [Operator::GlobalGet, Operator::Unreachable, Operator::Block, Operator::Loop, Operator::Else, Operator::End];

/// What an engine must charge for `operator`, whose price is `price`, in any rewritten module.
pub(in crate::engine::wasmi) fn rewritten_price(operator: Operator, price: u8) -> u8 {
    match operator {
        Operator::Nop => 1,
        operator if FREE.contains(&operator) => 0,
        _ => price,
    }
}
