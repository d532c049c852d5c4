//! The borsh encoding of everything that nodes compare or exchange: golden bytes, one encoding for a value, one value for
//! an encoding.

use crate::{golden_file, property};
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt::Debug;
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, BlockOutcome, CodeId, Gas, HaltReason, Log, MemoryState, Outcome,
    Receipt, StateDiff, StorageDiff, Tx, TxKind, U256,
};
use proptest::{collection::vec, option, prelude::*, prop_oneof};

const ALICE: Address = Address::repeat_byte(0xaa);
const BOB: Address = Address::repeat_byte(0xbb);

fn code_id() -> CodeId {
    CodeId { hash: B256::repeat_byte(0xcc), abi: Abi::Packed, bytes: 4 }
}

fn tx(kind: TxKind) -> Tx {
    Tx {
        sender: ALICE,
        nonce: 0x0102_0304_0506_0708,
        gas_limit: Gas::new(0x1112_1314_1516_1718),
        gas_price: U256::from(0x2122_u64) << 240,
        value: U256::from(3),
        kind,
        input: b"in".to_vec(),
    }
}

fn env() -> BlockEnv {
    BlockEnv {
        number: 1,
        timestamp: 2,
        gas_limit: 3,
        beneficiary: BOB,
        difficulty: U256::from(4),
        parent_hash: B256::repeat_byte(5),
    }
}

fn receipt(outcome: Outcome) -> Receipt {
    let log = Log { address: BOB, topics: vec![B256::repeat_byte(1), B256::repeat_byte(2)], data: b"log".to_vec() };
    Receipt { outcome, gas_used: Gas::new(5), output: b"out".to_vec(), logs: vec![log], created: Some(ALICE) }
}

fn diff() -> StateDiff {
    let account = Account { nonce: 7, balance: U256::MAX, code: Some(code_id()) };
    let values = [(b"gone".to_vec(), None), (b"key".to_vec(), Some(b"value".to_vec())), (vec![], Some(vec![]))];
    StateDiff {
        accounts: [(ALICE, Some(account)), (BOB, None)].into(),
        storage: [(ALICE, StorageDiff { cleared: true, values: values.into() }), (BOB, StorageDiff::default())].into(),
        code: [(code_id().hash, b"code".to_vec())].into(),
    }
}

/// A line of the golden file, after making sure that it is read back, and that nothing shorter or longer is.
fn line<T: BorshSerialize + BorshDeserialize + PartialEq + Debug>(name: &str, value: &T) -> String {
    let bytes = borsh::to_vec(value).unwrap();
    assert_eq!(borsh::from_slice::<T>(&bytes).as_ref().ok(), Some(value), "{name}");
    for length in 0..bytes.len() {
        assert!(borsh::from_slice::<T>(&bytes[..length]).is_err(), "{name}: {length} of {} bytes", bytes.len());
    }
    assert!(borsh::from_slice::<T>(&[&bytes[..], &[0]].concat()).is_err(), "{name}: a byte too many");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}: {hex}\n")
}

//= spec 8.17 test
#[test]
fn the_hash_of_a_block_is_that_of_its_encoding() {
    for transactions in [vec![], vec![tx(TxKind::Call { to: BOB, export: None })]] {
        let block = Block { env: env(), transactions };
        // What a code is stored under is sha3-256 of it.
        assert_eq!(block.hash(), lockstep_vm::code_hash(&borsh::to_vec(&block).unwrap()));
    }
}

//= spec 7.1, 7.16 test
#[test]
fn golden_bytes() {
    let call = TxKind::Call { to: BOB, export: None };
    let export = TxKind::Call { to: BOB, export: Some(b"name".to_vec()) };
    let create = TxKind::Create { init_code: b"init".to_vec() };
    let deploy = TxKind::Deploy { abi: Abi::Packed, code: b"code".to_vec() };
    let block = Block { env: env(), transactions: vec![tx(call.clone()), tx(create.clone())] };
    let halted = Receipt {
        logs: vec![],
        output: vec![],
        created: None,
        ..receipt(Outcome::Halt { reason: HaltReason::NoRoomForInput })
    };
    let outcome =
        BlockOutcome { receipts: vec![receipt(Outcome::Return), halted.clone()], diff: diff(), gas_used: Gas::new(10) };
    let mut state = MemoryState::default();
    state.accounts.insert(BOB, Account::default());
    state.put_storage(BOB, b"key".to_vec(), b"value".to_vec());
    state.put_code(ALICE, code_id(), b"code");
    state.block_hashes.insert(9, B256::repeat_byte(9));
    let mut text = [
        line("transaction, call", &tx(call)),
        line("transaction, call of an export", &tx(export)),
        line("transaction, creation", &tx(create)),
        line("transaction, deployment", &tx(deploy)),
        line("block environment", &env()),
        line("block", &block),
        line("receipt, return", &receipt(Outcome::Return)),
        line("receipt, revert", &receipt(Outcome::Revert { errno: 0xfe01 })),
        line("receipt, halt", &halted),
        line("account", &Account::default()),
        line("code identity", &code_id()),
        line("difference", &diff()),
        line("difference of nothing", &StateDiff::default()),
        line("block outcome", &outcome),
        line("state in memory", &state),
    ]
    .concat();
    for reason in HaltReason::ALL {
        text += &line(&format!("outcome, {reason}"), &Outcome::Halt { reason: *reason });
    }
    golden_file::check_file("encoding.txt", &text);
}

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::new)
}

fn word() -> impl Strategy<Value = B256> {
    any::<[u8; 32]>().prop_map(B256::new)
}

fn number() -> impl Strategy<Value = U256> {
    any::<[u8; 32]>().prop_map(U256::from_be_bytes)
}

fn gas() -> impl Strategy<Value = Gas> {
    any::<u64>().prop_map(Gas::new)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn abi() -> impl Strategy<Value = Abi> {
    prop_oneof![Just(Abi::Ewasm), Just(Abi::Packed)]
}

fn any_tx() -> impl Strategy<Value = Tx> {
    let kind = prop_oneof![
        (address(), option::of(bytes())).prop_map(|(to, export)| TxKind::Call { to, export }),
        bytes().prop_map(|init_code| TxKind::Create { init_code }),
        (abi(), bytes()).prop_map(|(abi, code)| TxKind::Deploy { abi, code }),
    ];
    (address(), any::<u64>(), gas(), number(), number(), kind, bytes()).prop_map(
        |(sender, nonce, gas_limit, gas_price, value, kind, input)| Tx {
            sender,
            nonce,
            gas_limit,
            gas_price,
            value,
            kind,
            input,
        },
    )
}

fn any_block() -> impl Strategy<Value = Block> {
    let env = (any::<u64>(), any::<u64>(), any::<u64>(), address(), number(), word());
    let env = env.prop_map(|(number, timestamp, gas_limit, beneficiary, difficulty, parent_hash)| BlockEnv {
        number,
        timestamp,
        gas_limit,
        beneficiary,
        difficulty,
        parent_hash,
    });
    (env, vec(any_tx(), 0..4)).prop_map(|(env, transactions)| Block { env, transactions })
}

fn any_receipt() -> impl Strategy<Value = Receipt> {
    let outcome = prop_oneof![
        Just(Outcome::Return),
        any::<u16>().prop_map(|errno| Outcome::Revert { errno }),
        proptest::sample::select(HaltReason::ALL).prop_map(|reason| Outcome::Halt { reason }),
    ];
    let log = (address(), vec(word(), 0..5), bytes()).prop_map(|(address, topics, data)| Log { address, topics, data });
    (outcome, gas(), bytes(), vec(log, 0..3), option::of(address()))
        .prop_map(|(outcome, gas_used, output, logs, created)| Receipt { outcome, gas_used, output, logs, created })
}

fn any_diff() -> impl Strategy<Value = StateDiff> {
    use proptest::collection::btree_map;
    let code = option::of((word(), abi(), any::<u32>()).prop_map(|(hash, abi, bytes)| CodeId { hash, abi, bytes }));
    let account = (any::<u64>(), number(), code).prop_map(|(nonce, balance, code)| Account { nonce, balance, code });
    let storage = (any::<bool>(), btree_map(bytes(), option::of(bytes()), 0..4))
        .prop_map(|(cleared, values)| StorageDiff { cleared, values });
    let accounts = btree_map(address(), option::of(account), 0..4);
    (accounts, btree_map(address(), storage, 0..4), btree_map(word(), bytes(), 0..3))
        .prop_map(|(accounts, storage, code)| StateDiff { accounts, storage, code })
}

/// Decoding is the inverse of encoding; a prefix, a byte more and most changed bytes are something else or nothing.
fn round_trips<T: BorshSerialize + BorshDeserialize + PartialEq + Debug>(
    value: &T,
    position: prop::sample::Index,
    change: u8,
) -> Result<(), TestCaseError> {
    let bytes = borsh::to_vec(value).unwrap();
    prop_assert_eq!(&borsh::from_slice::<T>(&bytes).unwrap(), value);
    prop_assert!(borsh::from_slice::<T>(&bytes[..position.index(bytes.len())]).is_err());
    let longer = [&bytes[..], &[change]].concat();
    prop_assert!(borsh::from_slice::<T>(&longer).is_err());
    let mut changed = bytes.clone();
    changed[position.index(bytes.len())] ^= change;
    // What is still read is written as it was: there is one encoding of a value.
    if let Ok(other) = borsh::from_slice::<T>(&changed) {
        prop_assert_eq!(borsh::to_vec(&other).unwrap(), changed);
    }
    Ok(())
}

#[test]
fn transactions_and_blocks_round_trip() {
    property::check(&(any_block(), any::<prop::sample::Index>(), 1_u8..), |(block, position, change)| {
        for tx in &block.transactions {
            round_trips(tx, position, change)?;
        }
        round_trips(&block, position, change)
    });
}

//= spec 7.1 test
#[test]
fn receipts_and_differences_round_trip() {
    let strategy = (vec(any_receipt(), 0..4), any_diff(), gas(), any::<prop::sample::Index>(), 1_u8..);
    property::check(&strategy, |(receipts, diff, gas_used, position, change)| {
        for receipt in &receipts {
            round_trips(receipt, position, change)?;
        }
        round_trips(&diff, position, change)?;
        round_trips(&BlockOutcome { receipts, diff, gas_used }, position, change)
    });
}

/// Bytes that stand for nothing: unknown kinds, ABIs, reasons and flags, and lengths beyond the bytes.
//= spec 7.1 test
#[test]
fn bytes_that_stand_for_nothing() {
    let kind = 20 + 8 + 8 + 32 + 32;
    let good = borsh::to_vec(&tx(TxKind::Deploy { abi: Abi::Packed, code: vec![] })).unwrap();
    for (position, byte) in [(kind, 3), (kind, 255), (kind + 1, 7), (kind + 1, 255), (kind + 5, 1)] {
        let mut bytes = good.clone();
        bytes[position] = byte;
        assert!(borsh::from_slice::<Tx>(&bytes).is_err(), "{byte} at {position}");
    }
    for bytes in [&[3][..], &[2, 26], &[2, 255], &[1, 0], &[0, 0]] {
        assert!(borsh::from_slice::<Outcome>(bytes).is_err(), "{bytes:?}");
    }
    let cleared = borsh::to_vec(&StorageDiff { cleared: true, ..StorageDiff::default() }).unwrap();
    assert_eq!(cleared, [1, 0, 0, 0, 0]);
    assert!(borsh::from_slice::<StorageDiff>(&[2, 0, 0, 0, 0]).is_err());
    // An account that says neither that it has code nor that it has none.
    assert!(borsh::from_slice::<Account>(&[&[0; 40][..], &[2]].concat()).is_err());
    // A list as long as a list can be, of which there is nothing.
    assert!(borsh::from_slice::<StateDiff>(&[255; 4]).is_err());
    assert!(borsh::from_slice::<Block>(&[&[0; 76][..], &[255; 4]].concat()).is_err());
}

/// A map has one order: what is out of order, or is there twice, is no encoding of anything.
//= spec 7.1 test
#[test]
fn maps_out_of_order_stand_for_nothing() {
    let entry = |byte: u8| [&[byte; 20][..], &[0]].concat();
    let diff = |entries: &[Vec<u8>]| [&(entries.len() as u32).to_le_bytes()[..], &entries.concat(), &[0; 8]].concat();
    assert!(borsh::from_slice::<StateDiff>(&diff(&[entry(1), entry(2)])).is_ok());
    for entries in [[entry(2), entry(1)], [entry(1), entry(1)]] {
        assert!(borsh::from_slice::<StateDiff>(&diff(&entries)).is_err());
    }
}
