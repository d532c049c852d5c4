//! Blocks on several threads: the outcome is that of one transaction after the other, on any threads.

use crate::{
    kit::{A, B, BENEFICIARY, C, main_of, module},
    property,
    threads::Threads,
};
use lockstep_gas::HostFunction;
use lockstep_vm::{
    Abi, Account, Address, Block, BlockEnv, CodeId, Executor, Gas, InvalidTx, MemoryState, Rejected, Revision, Serial,
    StateView, Tx, TxKind, U256, Vm, engine::wasmi::Wasmi,
};
use proptest::{collection::vec, prelude::*, sample::select};
use std::{
    sync::{
        Arc, LazyLock, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

static VM: LazyLock<Vm> = LazyLock::new(|| Vm::<Wasmi>::with_engine(Revision::V1, 1 << 24).unwrap());

/// Says that it has threads and has none: the first job does the work of all, so that each transaction is tried on the
/// state before its window, which is the earliest that it can be tried on.
#[derive(Debug, Default)]
struct OneByOne(AtomicUsize);

impl Executor for OneByOne {
    fn threads(&self) -> usize {
        16
    }

    fn run<'a>(&self, jobs: Vec<Box<dyn FnOnce() + Send + 'a>>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        jobs.into_iter().rev().for_each(|job| job());
    }
}

/// Loses every job but the last one, and that one is enough.
#[derive(Debug)]
struct Lazy;

impl Executor for Lazy {
    fn threads(&self) -> usize {
        3
    }

    fn run<'a>(&self, jobs: Vec<Box<dyn FnOnce() + Send + 'a>>) {
        let last = jobs.into_iter().next_back();
        last.into_iter().for_each(|job| job());
    }
}

/// Runs nothing at all: each transaction is executed in its place.
#[derive(Debug)]
struct Idle;

impl Executor for Idle {
    fn threads(&self) -> usize {
        2
    }

    fn run<'a>(&self, _: Vec<Box<dyn FnOnce() + Send + 'a>>) {}
}

/// Says that it has two threads, and runs the jobs in turn.
#[derive(Debug)]
struct TwoInTurn;

impl Executor for TwoInTurn {
    fn threads(&self) -> usize {
        2
    }

    fn run<'a>(&self, jobs: Vec<Box<dyn FnOnce() + Send + 'a>>) {
        jobs.into_iter().for_each(|job| job());
    }
}

fn executors() -> Vec<Box<dyn Executor>> {
    let threads = [1, 2, 4, 8].map(|threads| Box::new(Threads(threads)) as Box<dyn Executor>);
    threads.into_iter().chain([Box::new(OneByOne::default()) as _, Box::new(Lazy) as _, Box::new(Idle) as _]).collect()
}

/// Contracts that read and write what others do. The input is an address of 20 bytes, an amount of 16 and a key of 32.
static CONTRACTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let read = "(call $callDataCopy (i32.const 0) (i32.const 0) (i32.const 68))";
    let reads = |body: &str| module(&format!("(func (export \"main\") {read} {body})"));
    let call = "(drop (call $call (i64.const 3000000) (i32.const 0) (i32.const 20) (i32.const 0) (i32.const 68)))";
    // Adds 1 to the value at the key.
    let count = "(call $storageLoad (i32.const 36) (i32.const 128)) (i64.store (i32.const 128) (i64.add (i64.const 1) (i64.load (i32.const 128)))) (call $storageStore (i32.const 36) (i32.const 128))";
    // The output is what it sees of the account: a balance.
    let look = "(call $getExternalBalance (i32.const 0) (i32.const 128)) (call $finish (i32.const 128) (i32.const 16))";
    vec![
        reads(count),
        reads(&format!("{count} {call}")),
        reads(&format!("{call} (call $revert (i32.const 0) (i32.const 0))")),
        reads(&format!("{count} {look}")),
        reads("(call $selfDestruct (i32.const 0))"),
        reads(&format!("{count} (drop (call $create (i32.const 20) (i32.const 0) (i32.const 0) (i32.const 256)))")),
        main_of("(unreachable)"),
    ]
});

const SENDERS: u8 = 6;

fn sender(number: u8) -> Address {
    Address::repeat_byte(0x60 + number % SENDERS)
}

fn address() -> impl Strategy<Value = Address> {
    let others = vec![A, B, C, BENEFICIARY, sender(0), sender(1), A.create(1), sender(0).create(0), Address::ZERO];
    select(others)
}

fn state() -> impl Strategy<Value = MemoryState> {
    vec(0..CONTRACTS.len() + 1, 3).prop_map(|contracts| {
        let mut state = MemoryState::default();
        for number in 0..SENDERS {
            state.accounts.insert(sender(number), Account { balance: U256::from(1_u64 << 40), ..Account::default() });
        }
        for (address, contract) in [A, B, C].into_iter().zip(contracts) {
            let balance = U256::from(1_000);
            state.accounts.insert(address, Account { nonce: 1, balance, code: None });
            if let Some(code) = CONTRACTS.get(contract) {
                state.put_code(address, CodeId::of(code, Abi::Ewasm), code);
                state.put_storage(address, [[0; 31].as_slice(), &[1]].concat(), [7; 32].to_vec());
            }
        }
        assert_eq!(state.check(), Ok(()));
        state
    })
}

/// A transaction without its nonce.
fn tx() -> impl Strategy<Value = Tx> {
    let kind = prop_oneof![
        8 => select(vec![A, B, C]).prop_map(|to| TxKind::Call { to, export: None }),
        3 => address().prop_map(|to| TxKind::Call { to, export: None }),
        1 => (0..CONTRACTS.len()).prop_map(|at| TxKind::Create { init_code: CONTRACTS[at].clone() }),
        1 => (0..CONTRACTS.len()).prop_map(|at| TxKind::Deploy { abi: Abi::Ewasm, code: CONTRACTS[at].clone() }),
    ];
    let gas_limit = select(vec![8_000_000_u64, 8_000_000, 600_000, 230_000]);
    let value = select(vec![0_u64, 0, 1, 500]);
    (any::<u8>(), gas_limit, 0..3_u64, value, kind, address(), 0..4_u8).prop_map(
        |(number, gas_limit, price, value, kind, to, key)| {
            let is_call = matches!(kind, TxKind::Call { .. });
            let amount = u128::from(value).to_le_bytes();
            let input = [to.as_slice(), &amount, &[0; 31], &[key]].concat();
            let gas_limit = if is_call { gas_limit } else { 20_000_000 };
            Tx {
                sender: sender(number),
                nonce: 0,
                gas_limit: Gas::new(gas_limit),
                gas_price: U256::from(price),
                value: U256::from(value),
                kind,
                input: if is_call { input } else { Vec::new() },
            }
        },
    )
}

/// Executes a block with every executor. All results are those of one transaction after the other, which are returned.
fn execute(view: &StateView, block: &Block) -> Result<Result<lockstep_vm::BlockOutcome, Rejected>, TestCaseError> {
    let expected = VM.execute_block(Arc::clone(view), block.clone());
    for executor in executors() {
        let outcome = VM.execute_block_with(Arc::clone(view), block.clone(), &*executor);
        prop_assert_eq!(&outcome, &expected, "{:?}", executor);
    }
    Ok(expected)
}

#[test]
fn a_block_on_threads_is_the_block() {
    let counts = Mutex::new([0_usize; 3]);
    let strategy = (state(), vec((tx(), 0..600_u16), 1..80), select(vec![BENEFICIARY, sender(0), A, Address::ZERO]));
    property::check(&strategy, |(state, txs, beneficiary)| {
        let mut nonces = [0_u64; SENDERS as usize];
        let transactions: Vec<Tx> = txs
            .into_iter()
            .map(|(mut tx, wrong)| {
                let place = usize::from(tx.sender.as_slice()[0] - 0x60);
                // Few have a wrong nonce: the block ends there.
                tx.nonce = nonces[place] + u64::from(wrong == 0);
                nonces[place] += 1;
                tx
            })
            .collect();
        let env = BlockEnv { number: 1, gas_limit: 400_000_000, beneficiary, ..BlockEnv::default() };
        let count = transactions.len();
        let outcome = execute(&(Arc::new(state) as StateView), &Block { env, transactions })?;
        let mut counts = counts.lock().unwrap();
        match outcome {
            Ok(_) => counts[0] += count,
            Err(Rejected::Invalid { .. }) => counts[1] += 1,
            Err(rejected) => return Err(TestCaseError::fail(rejected.to_string())),
        }
        counts[2] += 1;
        Ok(())
    });
    let [executed, invalid, blocks] = counts.into_inner().unwrap();
    assert!(executed > 1_000 && invalid > 10 && blocks > 100, "{executed} executed, {invalid} of {blocks} invalid");
}

/// A block in which each of `count` accounts pays the account of the number that `to` returns for its own, and its state.
fn transfers(count: u64, to: impl Fn(u64) -> u64) -> (MemoryState, Block) {
    let mut state = MemoryState::default();
    let account = |number: u64| Address::from_word(U256::from(0x1_0000 + number).into());
    for number in 0..count {
        state.accounts.insert(account(number), Account { balance: U256::from(1_u64 << 40), ..Account::default() });
    }
    let transfer = |number| Tx {
        sender: account(number),
        nonce: 0,
        gas_limit: Gas::new(300_000),
        gas_price: U256::from(1),
        value: U256::from(5),
        kind: TxKind::Call { to: account(to(number)), export: None },
        input: Vec::new(),
    };
    let env = BlockEnv { number: 1, gas_limit: u64::MAX, beneficiary: BENEFICIARY, ..BlockEnv::default() };
    (state, Block { env, transactions: (0..count).map(transfer).collect() })
}

/// Transfers between accounts of their own are tried once, and taken as they were tried.
#[test]
fn what_does_not_conflict_is_executed_once() {
    let count = 1_000;
    let (state, block) = transfers(count, |number| count + number);
    let counting = Arc::new(Counting::of(state));
    let executor = OneByOne::default();
    let outcome = VM.execute_block_with(Arc::<Counting>::clone(&counting), block.clone(), &executor).unwrap();
    assert_eq!(Ok(outcome), VM.execute_block_with(Arc::<Counting>::clone(&counting), block, &Serial));
    assert_eq!(executor.0.load(Ordering::Relaxed), 1, "threads are asked for once a block");
    // Twice the same block. A sender and a recipient are read once, the payee of all once, the system account by the check of
    // the block and by its beginning.
    assert_eq!(counting.accounts.load(Ordering::Relaxed), 2 * (2 * count as usize + 3), "accounts that were read");
}

/// A thread that panics, the one that leads or one that helps, does not let the others wait for ever.
#[test]
fn a_panic_of_one_thread_ends_the_block() {
    let (state, block) = transfers(600, |number| 599 - number);
    for panics in [Panics::At(3), Panics::At(100), Panics::At(500), Panics::Helping] {
        let view = Counting { panics, ..Counting::of(state.clone()) };
        let (sender, receiver) = std::sync::mpsc::channel();
        let block = block.clone();
        let thread = thread::Builder::new().spawn(move || {
            let execute = || VM.execute_block_with(Arc::new(view), block, &Threads(3));
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(execute));
            sender.send(ended.is_err()).unwrap();
        });
        thread.unwrap();
        let panicked = receiver.recv_timeout(std::time::Duration::from_secs(60));
        assert_eq!(panicked, Ok(true), "{panics:?}");
    }
}

/// A block that promises more gas than it has is found out before more than a block's gas is spent in vain.
#[test]
fn gas_that_is_not_there_is_not_tried() {
    let mut state = MemoryState::default();
    let loops = main_of("(loop (br 0))");
    state.accounts.insert(A, Account { nonce: 1, ..Account::default() });
    state.put_code(A, CodeId::of(&loops, Abi::Ewasm), &loops);
    let transaction = |number: u8| Tx {
        sender: Address::repeat_byte(number),
        nonce: 0,
        gas_limit: Gas::new(1_000_000),
        gas_price: U256::ZERO,
        value: U256::ZERO,
        kind: TxKind::Call { to: A, export: None },
        input: Vec::new(),
    };
    let env = BlockEnv { number: 1, gas_limit: 1_000_000, ..BlockEnv::default() };
    let block = Block { env, transactions: (100..200).map(transaction).collect() };
    let counting = Arc::new(Counting::of(state));
    let expected =
        Rejected::Invalid { position: 1, error: InvalidTx::BlockGas { actual: Gas::new(1_000_000), limit: Gas::ZERO } };
    let rejected = VM.execute_block_with(Arc::<Counting>::clone(&counting), block, &OneByOne::default());
    assert_eq!(rejected, Err(expected));
    let reads = counting.accounts.load(Ordering::Relaxed);
    assert!(reads < 10, "{reads} accounts were read");
}

/// Gas that is burnt on an earlier state, and not in its place, is at most that of one block more: windows that are in vain only
/// in part are tried one after the other all the same.
#[test]
fn gas_burnt_in_vain_is_a_blocks_gas_at_most() {
    const WINDOW: u64 = 256;
    const WINDOWS: u64 = 8;
    const BURNERS: u64 = 63;
    const BURNT: u64 = 3_000_000;
    // With 32 bytes of input it keeps them. With 33 it burns all gas, unless it finds them: each turn reads another value.
    let code = module(
        r#"(func (export "main")
            (call $callDataCopy (i32.const 32) (i32.const 0) (i32.const 32))
            (if (i32.eq (call $getCallDataSize) (i32.const 32))
                (then (call $storageStore (i32.const 0) (i32.const 32)))
                (else
                    (call $storageLoad (i32.const 0) (i32.const 64))
                    (if (i64.ne (i64.load (i32.const 64)) (i64.load (i32.const 32)))
                        (then (loop
                            (i64.store (i32.const 96) (i64.add (i64.load (i32.const 96)) (i64.const 1)))
                            (call $storageLoad (i32.const 96) (i32.const 128))
                            (br 0)))))))"#,
    );
    let mut state = MemoryState::default();
    state.accounts.insert(A, Account { nonce: 1, ..Account::default() });
    state.put_code(A, CodeId::of(&code, Abi::Ewasm), &code);
    let transaction = |number: u64| {
        let (window, place) = (number / WINDOW, number % WINDOW);
        let word = [(window + 1).to_le_bytes().as_slice(), &[0; 24]].concat();
        let (to, gas_limit, input) = match place {
            0 => (A, BURNT, word),
            1..=BURNERS => (A, BURNT, [word, vec![0]].concat()),
            _ => (Address::from_word(U256::from(0x1_0000 + number).into()), 300_000, Vec::new()),
        };
        Tx {
            sender: Address::from_word(U256::from(0x2_0000 + number).into()),
            nonce: 0,
            gas_limit: Gas::new(gas_limit),
            gas_price: U256::ZERO,
            value: U256::ZERO,
            kind: TxKind::Call { to, export: None },
            input,
        }
    };
    let env = BlockEnv { number: 1, gas_limit: u64::MAX, ..BlockEnv::default() };
    let block = Block { env, transactions: (0..WINDOW * WINDOWS).map(transaction).collect() };
    let counting = Arc::new(Counting::of(state));
    let serial = VM.execute_block(Arc::<Counting>::clone(&counting), block.clone()).unwrap();
    let needed = counting.values.swap(0, Ordering::Relaxed);
    let gas_limit = serial.gas_used.get() + BURNT * 2;
    let env = BlockEnv { gas_limit, ..block.env };
    let block = Block { env, ..block };
    let outcome = VM.execute_block_with(Arc::<Counting>::clone(&counting), block, &TwoInTurn).unwrap();
    assert_eq!(outcome.receipts, serial.receipts);
    let vain = counting.values.load(Ordering::Relaxed) - needed;
    let read = Revision::V1.schedule.host(HostFunction::StorageLoad).base;
    let turns = usize::try_from(gas_limit / read).unwrap();
    assert!(vain > BURNERS as usize * 100, "{vain} values were read in vain: nothing was burnt");
    assert!(vain <= turns, "{vain} values were read in vain, and a block's gas pays for {turns}");
}

/// Whether and where a state panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Panics {
    Never,
    /// At the account of that number, as it counts them.
    At(usize),
    /// On each thread that helps. The one that leads waits for one of them, for a while.
    Helping,
}

/// A state that counts the accounts and the values that are read.
struct Counting {
    state: MemoryState,
    panics: Panics,
    /// The thread that leads, once the block has begun.
    lead: OnceLock<thread::ThreadId>,
    accounts: AtomicUsize,
    values: AtomicUsize,
}

impl Counting {
    fn of(state: MemoryState) -> Self {
        let (panics, lead) = (Panics::Never, OnceLock::new());
        Self { state, panics, lead, accounts: AtomicUsize::new(0), values: AtomicUsize::new(0) }
    }
}

impl lockstep_vm::StateReader for Counting {
    fn account(&self, address: &Address) -> Result<Option<Account>, lockstep_vm::Fault> {
        let before = self.accounts.fetch_add(1, Ordering::Relaxed);
        assert_ne!(Panics::At(before), self.panics, "a view that panics");
        // The first two are of the block itself, on the thread that asks.
        if self.panics == Panics::Helping && before >= 2 {
            let lead = self.lead.get_or_init(|| thread::current().id());
            assert_eq!(*lead, thread::current().id(), "a view that panics");
            let alone = || self.accounts.load(Ordering::Relaxed) == before + 1;
            (0..20_000_000).take_while(|_| before == 2 && alone()).for_each(|_| thread::yield_now());
        }
        lockstep_vm::StateReader::account(&self.state, address)
    }

    fn storage_head(
        &self,
        address: &Address,
        key: &[u8],
    ) -> Result<Option<lockstep_vm::ValueHead>, lockstep_vm::Fault> {
        self.values.fetch_add(1, Ordering::Relaxed);
        lockstep_vm::StateReader::storage_head(&self.state, address, key)
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<lockstep_vm::Bytes>, lockstep_vm::Fault> {
        lockstep_vm::StateReader::storage(&self.state, address, key)
    }

    fn code(&self, hash: &lockstep_vm::B256) -> Result<Option<lockstep_vm::Bytes>, lockstep_vm::Fault> {
        lockstep_vm::StateReader::code(&self.state, hash)
    }
}
