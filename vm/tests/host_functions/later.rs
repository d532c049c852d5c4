//! Host functions that `V1` does not offer, under a revision that is `V1` with a price for each: on both engines, with gas.

use lockstep_gas::{Abi, Gas, HostFunction, HostPrice, Revision};
use lockstep_host::{Address, BlockEnv, HaltReason, ImportTable, U256, UnknownImport, crypto::sha512};
use lockstep_reference::Reference;
use lockstep_vm::{Account, Block, BlockOutcome, CodeId, MemoryState, Outcome, Tx, TxKind, Vm, engine::Engine};
use std::sync::Arc;

const SENDER: Address = Address::repeat_byte(0x5e);
const CONTRACT: Address = Address::repeat_byte(0xc0);
const GAS_LIMIT: u64 = 10_000_000;
const PRICE: HostPrice = HostPrice::words(400, 70);

fn later() -> Revision {
    let mut revision = Revision { number: 2, ..Revision::V1 };
    for &function in HostFunction::ALL.iter().filter(|&&it| !Revision::V1.schedule.offered().contains(it)) {
        revision.schedule.set_host(function, Some(PRICE));
    }
    revision
}

/// Hashes `length` bytes from `data` on to `result`, and puts the digest out.
fn contract(data: u32, length: i32, result: u32) -> Vec<u8> {
    let text = format!(
        r#"(module (import "crypto" "sha512" (func $sha512 (param i32 i32 i32)))
            (import "ethereum" "finish" (func $finish (param i32 i32)))
            (memory (export "memory") 1) (data (i32.const 1000) "abcdefghijklmnopqrstuvwxyz")
            (func (export "main") (call $sha512 (i32.const {data}) (i32.const {length}) (i32.const {result}))
            (call $finish (i32.const {result}) (i32.const 64))))"#
    );
    wat::parse_str(text).unwrap()
}

fn execute<E: Engine>(vm: &Vm<E>, abi: Abi, code: &[u8]) -> BlockOutcome {
    let mut state = MemoryState::default();
    state.accounts.insert(SENDER, Account { balance: U256::from(1), ..Account::default() });
    state.put_code(CONTRACT, CodeId::of(code, abi), code);
    let tx = Tx {
        sender: SENDER,
        nonce: 0,
        gas_limit: Gas::new(GAS_LIMIT),
        gas_price: U256::ZERO,
        value: U256::ZERO,
        kind: TxKind::Call { to: CONTRACT, export: None },
        input: Vec::new(),
    };
    let env = BlockEnv { number: 1, gas_limit: GAS_LIMIT, ..BlockEnv::default() };
    vm.execute_block(Arc::new(state), Block { env, transactions: vec![tx] }).unwrap()
}

#[test]
fn a_function_of_a_later_revision_computes_charges_and_halts() {
    let machine: Vm = Vm::with_engine(later(), 1 << 24).unwrap();
    let reference = Vm::<Reference>::with_engine(later(), 1 << 24).unwrap();
    let mut memory = vec![0_u8; 65_536];
    memory[1_000..1_026].copy_from_slice(b"abcdefghijklmnopqrstuvwxyz");
    let halts = |reason| Err(Outcome::Halt { reason });
    for (data, length, result, expected) in [
        (1_000, 0, 0, Ok(0)),
        (1_000, 3, 0, Ok(1)),
        (1_000, 26, 990, Ok(1)),
        (900, 111, 2_000, Ok(4)),
        (900, 112, 2_000, Ok(4)),
        (0, 65_536, 65_472, Ok(2_048)),
        (0, 32, 65_473, halts(HaltReason::HostAccessOutOfBounds)),
        (65_535, 2, 0, halts(HaltReason::HostAccessOutOfBounds)),
        (0, -1, 0, halts(HaltReason::OutOfGas)),
    ] {
        let code = contract(data, length, result);
        let name = format!("{length} bytes at {data} to {result}");
        for abi in [Abi::Ewasm, Abi::Packed] {
            let outcome = execute(&machine, abi, &code);
            assert_eq!(outcome, execute(&reference, abi, &code), "{name}: the engines differ");
            let receipt = &outcome.receipts[0];
            match expected {
                Ok(words) => {
                    let (at, bytes) = (data as usize, usize::try_from(length).unwrap());
                    let digest = sha512(&memory[at..at + bytes]);
                    assert_eq!((receipt.outcome, receipt.output.as_slice()), (Outcome::Return, &digest[..]), "{name}");
                    // Beyond the digest of nothing: the words, and the bytes of the code's numbers.
                    let nothing = contract(1_000, 0, 0);
                    let gas = execute(&machine, abi, &nothing).receipts[0].gas_used.get();
                    let first_use = |code: &[u8]| code.len() as u64 * Revision::V1.schedule.frame.first_use_byte;
                    let beyond = receipt.gas_used.get() + first_use(&nothing) - gas - first_use(&code);
                    assert_eq!(beyond, words * PRICE.per_word, "{name}: gas");
                }
                Err(outcome) => assert_eq!((receipt.outcome, receipt.gas_used.get()), (outcome, GAS_LIMIT), "{name}"),
            }
        }
    }
}

/// `V1` has no such import, and says so in each ABI in which an unknown import is refused.
//= spec 5.1.1 test
#[test]
fn a_function_of_a_later_revision_is_unknown_before() {
    let machine: Vm = Vm::with_engine(Revision::V1, 1 << 24).unwrap();
    let code = contract(0, 0, 0);
    let refuses = |abi: Abi| ImportTable::of(abi, &Revision::V1).unknown() == UnknownImport::Refused;
    for abi in Abi::CONTRACTS.iter().copied().filter(|abi| refuses(*abi)) {
        let error = machine.check_code(CodeId::of(&code, abi), &code.clone().into()).unwrap_err();
        let text = "`crypto.sha512`; revision 1 does not offer it, another one can";
        assert!(error.to_string().contains(text), "{abi}: {error}");
    }
}
