//! A second revision, written as a patch of `V1`, and a chain that takes it on: a price, a limit and a host function differ.
//!
//! It exists in tests only. ARCHITECTURE.md names the places that a revision of production touches beside its constant.

use crate::signer::{Signer, block_of_any, memory, spec};
use alloy_primitives::{Address, TxKind, hex};
use lockstep_chain::{Chain, Schedule, transaction::SignedTx};
use lockstep_gas::{HostFunction, HostPrice, Operator};
use lockstep_reference::Reference;
use lockstep_vm::{Abi, CodeId, Gas, HaltReason, MODULE_CACHE_BYTES, Outcome, Receipt, Revision, Vm};

/// The second revision.
pub(crate) const V2: Revision = {
    let mut v2 = Revision { number: 2, ..Revision::V1 };
    v2.schedule.transaction.base = 211_000;
    v2.schedule.set_operator(Operator::I64Popcnt, Some(2));
    v2.limits.contract.log_bytes_max = 32_768;
    v2.schedule.set_host(HostFunction::Sha512, Some(HostPrice::words(400, 70)));
    v2
};

/// The first block of `V2`.
const BORDER: u64 = 5;

/// What the base of a transaction costs more.
const BASE: u64 = 1_000;

/// Counts the bits of a number 10 times.
const COUNTS: &str = r#"(module (memory (export "memory") 1) (func (export "main")
    (drop (i64.popcnt (i64.popcnt (i64.popcnt (i64.popcnt (i64.popcnt
    (i64.popcnt (i64.popcnt (i64.popcnt (i64.popcnt (i64.popcnt (i64.const 7))))))))))))))"#;

/// Emits a log of as many bytes as `V2` allows, more than `V1` does.
const LOGS: &str = r#"(module
    (import "ethereum" "log" (func $log (param i32 i32 i32 i32 i32 i32 i32)))
    (memory (export "memory") 1) (func (export "main")
    (call $log (i32.const 0) (i32.const 32768) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))"#;

/// Puts out the SHA-512 of `abc`.
const HASHES: &str = r#"(module
    (import "crypto" "sha512" (func $sha512 (param i32 i32 i32)))
    (import "ethereum" "finish" (func $finish (param i32 i32)))
    (memory (export "memory") 1) (data (i32.const 0) "abc") (func (export "main")
    (call $sha512 (i32.const 0) (i32.const 3) (i32.const 64)) (call $finish (i32.const 64) (i32.const 64))))"#;

/// SHA-512 of `abc` (NIST, example values of FIPS 180-4).
const DIGEST: [u8; 64] = hex!(
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
);

fn code(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

/// Blocks of one deployment each, and of one call each of what it made.
struct Caller<'a> {
    chain: &'a Chain,
    alice: &'a Signer,
    nonce: u64,
}

impl Caller<'_> {
    fn next(&mut self, transaction: impl FnOnce(&Signer, u64) -> SignedTx) -> Receipt {
        let (_, mut receipts) = block_of_any(self.chain, vec![transaction(self.alice, self.nonce)]);
        self.nonce += 1;
        receipts.remove(0)
    }

    fn deploy(&mut self, wat: &str) -> (Address, Receipt) {
        let address = self.alice.address.create(self.nonce);
        (address, self.next(|alice, nonce| alice.deploy(nonce, &code(wat))))
    }

    fn call(&mut self, to: Address) -> Receipt {
        self.next(|alice, nonce| alice.send(nonce, TxKind::Call(to), &[]))
    }
}

fn halted(reason: HaltReason) -> Outcome {
    Outcome::Halt { reason }
}

/// The same calls below and above the border, whose gas and outcome differ by the patch and by nothing else; and all
/// blocks again on the other engine.
#[test]
fn a_chain_takes_on_a_patch() {
    let alice = Signer::new(1);
    let schedule = || Schedule::new(vec![(0, Revision::V1), (BORDER, V2)]).unwrap();
    let chain = memory(spec(&[&alice], schedule()));
    let mut caller = Caller { chain: &chain, alice: &alice, nonce: 0 };
    // Blocks 1 to 4, under V1.
    let (counts, deployed) = caller.deploy(COUNTS);
    let (logs, _) = caller.deploy(LOGS);
    let counted = caller.call(counts);
    let (_, refused) = caller.deploy(HASHES);
    assert_eq!(refused.outcome, halted(HaltReason::InvalidCode));
    assert_eq!(refused.gas_used, Gas::new(50_000_000), "all its gas");
    assert_eq!(chain.head().unwrap().number, BORDER - 1);
    // Blocks from 5 on, under V2.
    let counted_again = caller.call(counts);
    let (_, deployed_again) = caller.deploy(COUNTS);
    let logged = caller.call(logs);
    let (hashes, accepted) = caller.deploy(HASHES);
    let hashed = caller.call(hashes);

    assert_eq!((counted.outcome, counted_again.outcome), (Outcome::Return, Outcome::Return));
    let saved = 10 * (4 - 2);
    assert_eq!(counted_again.gas_used.get(), counted.gas_used.get() + BASE - saved);
    assert_eq!(deployed_again.gas_used.get(), deployed.gas_used.get() + BASE);
    assert_eq!((logged.outcome, logged.logs[0].data.len()), (Outcome::Return, 32_768));
    assert_eq!(accepted.outcome, Outcome::Return);
    assert_eq!((hashed.outcome, hashed.output.as_slice()), (Outcome::Return, &DIGEST[..]));
    let gas = [&counted, &counted_again, &logged, &hashed].map(|receipt| receipt.gas_used.get());
    assert_eq!(gas, [259_366, 260_346, 2_889_390, 273_122]);

    // Without the border, the log is too long for ever.
    let unchanged = memory(spec(&[&alice], Schedule::only(Revision::V1).unwrap()));
    let mut caller = Caller { chain: &unchanged, alice: &alice, nonce: 0 };
    let (logs, _) = caller.deploy(LOGS);
    assert_eq!(caller.call(logs).outcome, halted(HaltReason::LimitExceeded));

    // The reference interpreter makes the same headers.
    let other = memory(spec(&[&alice], schedule()));
    let machines = [Revision::V1, V2].map(|it| Vm::<Reference>::with_engine(it, MODULE_CACHE_BYTES).unwrap());
    for height in 1..=chain.head().unwrap().number {
        let block = chain.archive().block(height).unwrap().unwrap();
        let vm = &machines[usize::from(height >= BORDER)];
        let verified = other.verify_with(&[], block, |view, block| vm.execute_block(view, block));
        other.commit(&verified.unwrap()).unwrap();
        assert_eq!(other.store().root(height).unwrap(), chain.store().root(height).unwrap(), "block {height}");
    }
    assert_eq!(other.head().unwrap(), chain.head().unwrap());
}

/// What a developer reads who imports a function that the revision does not offer, on either engine.
#[test]
fn a_function_of_another_revision_is_refused_by_name() {
    let code = code(HASHES);
    let id = CodeId::of(&code, Abi::Ewasm);
    let text = "`crypto.sha512`; revision 1 does not offer it, another one can";
    let on_wasmi = Vm::new(Revision::V1).unwrap().check_code(id, &code.clone().into()).unwrap_err();
    let vm = Vm::<Reference>::with_engine(Revision::V1, MODULE_CACHE_BYTES).unwrap();
    let on_reference = vm.check_code(id, &code.clone().into()).unwrap_err();
    assert_eq!(on_wasmi, on_reference);
    assert!(on_wasmi.to_string().starts_with("unknown import, at byte "), "{on_wasmi}");
    assert!(on_wasmi.to_string().ends_with(text), "{on_wasmi}");
    for abi in [Abi::Ewasm, Abi::Packed] {
        Vm::new(V2).unwrap().check_code(CodeId { abi, ..id }, &code.clone().into()).unwrap();
    }
}

/// An indexer can import what no revision has, with any type. One that a later revision has stays what it was: a call of
/// it halts.
#[test]
fn an_import_that_halted_still_halts() {
    let wat = r#"(module (import "crypto" "sha512" (func (param f64))) (memory (export "memory") 1)
        (func (export "_start")))"#;
    let code = code(wat);
    for abi in [Abi::Metashrew, Abi::MetashrewDocumented] {
        let id = CodeId::of(&code, abi);
        for revision in [Revision::V1, V2] {
            let number = revision.number;
            let checked = Vm::new(revision).unwrap().check_code(id, &code.clone().into());
            assert_eq!(checked, Ok(()), "{abi} under revision {number}");
        }
    }
}

/// The patch moves nothing of what it copies.
#[test]
fn a_patch_says_what_differs() {
    let mut back = Revision { number: 1, ..V2 };
    back.schedule.transaction.base -= BASE;
    back.schedule.set_operator(Operator::I64Popcnt, Some(4));
    back.limits.contract.log_bytes_max /= 2;
    assert_ne!(back, Revision::V1);
    back.schedule.set_host(HostFunction::Sha512, None);
    assert_eq!((&back, back.digest()), (&Revision::V1, Revision::V1.digest()));
}
