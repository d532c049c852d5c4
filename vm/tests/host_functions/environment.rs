//! What a contract can ask about itself, the transaction and the block: `useGas` and everything that begins with `get`.

use crate::{
    kit::{Case, WEALTH, check_all, hash_of, word},
    text::{A, AMOUNT, CONTRACT, SENDER, counted, data},
};
use lockstep_host::{HaltReason, U256};

/// A call of `function` with a pointer to 0 and what it writes there.
fn written(function: &str, gas: u64, bytes: &[u8]) -> Case {
    let body = format!("(call ${function} #0) (call $finish #0 #{})", bytes.len());
    Case::new(function, &body).expect_gas(gas).expect_output(bytes)
}

/// A call of `function` that returns an i64.
fn given(function: &str, number: u64) -> Case {
    let body = format!("(i64.store #0 (call ${function})) (call $finish #0 #8)");
    Case::new(function, &body).expect_gas(21_002).expect_output(&number.to_le_bytes())
}

fn balance_of(name: &str, balance: U256) -> Case {
    let body = "(call $getExternalBalance @A #0) (call $finish #0 #16)";
    let case = Case::new(format!("getExternalBalance: {name}"), body).given_balance(A, balance);
    match u128::try_from(balance) {
        Ok(amount) => case.expect_gas(21_400).expect_output(&amount.to_le_bytes()),
        Err(_) => case.expect_halt_in_both(HaltReason::ArgumentOutOfRange),
    }
}

/// `getBlockHash` returns `status`, and writes the hash at 4 if there is one.
fn block_hash(number: i64, status: u32) -> Case {
    let body = format!("(i32.store #0 (call $getBlockHash ~{number} #4)) (call $finish #0 #36)");
    let hash = if status == 0 { hash_of(number.unsigned_abs()).0 } else { [0x55; 32] };
    let case = Case::with_fields(format!("getBlockHash {number}"), &body, &data(4, &[0x55; 32]));
    case.expect_gas(21_800).expect_output(&[&word(status)[..], &hash].concat())
}

fn use_gas(amount: i64) -> Case {
    Case::new(format!("useGas {amount}"), &format!("(call $useGas ~{amount})"))
}

//= spec 5.2.1, 5.2.4, 5.2.5, 5.2.7, 5.2.8 test
#[test]
fn values() {
    let difficulty: [u8; 32] = counted(1);
    let little_endian: Vec<u8> = difficulty.iter().rev().copied().collect();
    let cases = vec![
        written("getAddress", 21_002, CONTRACT.as_slice()),
        written("getCaller", 21_002, SENDER.as_slice()),
        written("getTxOrigin", 21_002, SENDER.as_slice()),
        written("getBlockCoinbase", 21_002, &[0xFE; 20]),
        written("getBlockDifficulty", 21_002, &little_endian),
        written("getCallValue", 21_002, &AMOUNT.to_le_bytes())
            .given_value(AMOUNT)
            .expect_account(CONTRACT, 0, AMOUNT, true),
        Case::new("getCallValue: 129 bits", "(call $getCallValue #0)")
            .given_value(U256::from(1) << 128)
            .expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        written("getTxGasPrice", 21_002, &(AMOUNT >> 32).to_le_bytes())
            .given_gas_price(AMOUNT >> 32)
            .given_balance(SENDER, WEALTH << 32),
        Case::new("getTxGasPrice: 129 bits", "(call $getTxGasPrice #0)")
            .given_gas_price(U256::from(1) << 128)
            .given_balance(SENDER, U256::MAX >> 1)
            .expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        given("getBlockGasLimit", i64::MAX.unsigned_abs()),
        given("getBlockNumber", 300),
        given("getBlockTimestamp", 1_600_000_000),
        // 1 byte that is not zero and 2 that are: 68 + 2 * 4.
        Case::new("getCallDataSize", "(i32.store #0 (call $getCallDataSize)) (call $finish #0 #4)")
            .given_input(&[0, 1, 0])
            .expect_gas(21_078)
            .expect_output(&word(3)),
        // 100,000 less the transaction's own 21,000 and the 2 of the call itself.
        given("getGasLeft", 100_000 - 21_000 - 2).given_gas_limit(100_000).byzantium_only(),
        balance_of("nothing", U256::ZERO),
        balance_of("one", U256::from(1)),
        balance_of("all bytes differ", U256::from(AMOUNT)),
        balance_of("128 bits", U256::from(u128::MAX)),
        balance_of("129 bits", U256::from(1) << 128),
        balance_of("256 bits", U256::MAX >> 64),
        Case::new("getExternalBalance: absent", "(call $getExternalBalance @ABSENT #0) (call $finish #0 #16)")
            .expect_gas(21_400)
            .expect_output(&[0; 16]),
        block_hash(299, 0),
        block_hash(44, 0),
        block_hash(43, 1),
        block_hash(300, 1),
        block_hash(301, 1),
        block_hash(250, 1),
        block_hash(-1, 1),
        block_hash(i64::MIN, 1),
        Case::new("getBlockHash: a bad pointer where there is no hash", "(drop (call $getBlockHash ~43 #-1))")
            .expect_gas(21_800),
        Case::new("getBlockHash: a bad pointer where the hash is not known", "(drop (call $getBlockHash ~250 #-1))")
            .expect_gas(21_800),
        Case::new("getBlockHash: a bad pointer", "(drop (call $getBlockHash ~44 #65505))")
            .expect_halt_in_both(HaltReason::HostAccessOutOfBounds),
        use_gas(0).expect_gas(21_000),
        use_gas(1).expect_gas(21_001),
        use_gas(79_000).given_gas_limit(100_000).expect_gas(100_000).byzantium_only(),
        use_gas(79_001).given_gas_limit(100_000).expect_gas(100_000).byzantium_only().expect_halt(HaltReason::OutOfGas),
        use_gas(i64::MAX).expect_halt_in_both(HaltReason::OutOfGas),
        use_gas(-1).expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        use_gas(i64::MIN).expect_halt_in_both(HaltReason::ArgumentOutOfRange),
    ];
    check_all("environment", cases);
}

/// What `getGasLeft` says is what the receipt says, but for what comes after: 3 for the output's word.
#[test]
fn gas_left_and_gas_used_agree() {
    for limit in [300_000, 1_000_003, u64::MAX >> 2] {
        let case = given("getGasLeft", 0).given_gas_limit(limit);
        let receipt = case.execute(&crate::kit::V1).receipt;
        let left = u64::from_le_bytes(receipt.output.try_into().unwrap());
        // What came after: a word of output, and 8 bytes of it that the receipt keeps.
        assert_eq!(left + receipt.gas_used.get(), limit + 3 + 8 * 80);
    }
}
