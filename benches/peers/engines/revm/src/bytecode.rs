//! Contracts in the bytes of the EVM: what a compiler would make of the same sources at best.

use revm::bytecode::opcode::{
    ADD, CALL, CALLDATALOAD, CALLER, DUP1, DUP3, EQ, GAS, GT, ISZERO, JUMPDEST, JUMPI, KECCAK256, LT, MSTORE, PUSH0,
    PUSH1, PUSH4, PUSH20, RETURN, REVERT, SHR, SLOAD, SSTORE, STOP, SUB, SWAP1,
};

/// The selector of `transfer(address,uint256)`.
pub(crate) const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

/// A token with `transfer(address,uint256)` alone: balances are a `mapping(address => uint256)` at slot 0, both are checked, nothing
/// is logged, as WRC-20 logs nothing.
pub(crate) fn token() -> Vec<u8> {
    let [a, b, c, d] = TRANSFER;
    // The bytes of the two jumps' targets are filled in below.
    let selector = [PUSH0, CALLDATALOAD, PUSH1, 0xe0, SHR, PUSH4, a, b, c, d, EQ, PUSH1, 0, JUMPI];
    let revert = [JUMPDEST, PUSH0, PUSH0, REVERT];
    let slot = [PUSH0, MSTORE, PUSH1, 0x40, PUSH0, KECCAK256];
    let amount = [PUSH1, 0x24, CALLDATALOAD];
    let (at_revert, at_transfer) = (14_u8, 18_u8);
    let mut code = selector.to_vec();
    code[12] = at_transfer;
    code.extend(revert);
    // slot; balance; amount; fails if the balance is below the amount; writes the difference.
    code.extend([JUMPDEST, CALLER]);
    code.extend(slot);
    code.extend([DUP1, SLOAD]);
    code.extend(amount);
    code.extend([DUP1, DUP3, LT, PUSH1, at_revert, JUMPI, SWAP1, SUB, SWAP1, SSTORE]);
    // slot; balance; fails if the sum is below the amount; writes the sum.
    code.extend([PUSH1, 4, CALLDATALOAD]);
    code.extend(slot);
    code.extend([DUP1, SLOAD]);
    code.extend(amount);
    code.extend([ADD, DUP1]);
    code.extend(amount);
    code.extend([GT, PUSH1, at_revert, JUMPI, SWAP1, SSTORE]);
    code.extend([PUSH1, 1, PUSH0, MSTORE, PUSH1, 0x20, PUSH0, RETURN]);
    code
}

/// A contract that does nothing but call the one at `next`, and reverts if that fails.
pub(crate) fn link(next: &[u8; 20]) -> Vec<u8> {
    let mut code = vec![PUSH0, PUSH0, PUSH0, PUSH0, PUSH0, PUSH20];
    code.extend(next);
    code.extend([GAS, CALL, ISZERO, PUSH1, 0, JUMPI, STOP, JUMPDEST, PUSH0, PUSH0, REVERT]);
    let target = code.len() - 4;
    code[target - 3] = u8::try_from(target).expect("a short program");
    code
}
