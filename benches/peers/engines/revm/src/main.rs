//! revm as a whole: its database in memory, and a token that is written in the bytes of the EVM.

mod bytecode;

use anyhow::{Context as _, bail, ensure};
use lockstep_peer_protocol::{Peer, missing, nanoseconds, serve};
use revm::{
    Context, ExecuteEvm as _, MainBuilder as _, MainContext as _, MainnetEvm,
    context::TxEnv,
    database::InMemoryDB,
    handler::MainnetContext,
    primitives::{Address, Bytes, TxKind, U256, keccak256},
    state::{AccountInfo, Bytecode},
};

/// Accounts that hold the token, one after the other the recipient of a transfer.
const HOLDERS: u64 = 1_000;

/// The gas of a transaction: below the most that Ethereum lets one have.
const GAS_LIMIT: u64 = 16_000_000;

/// A machine with a state that no transaction changes: each is executed and its result dropped, as Lockstep's are.
struct Revm {
    evm: MainnetEvm<MainnetContext<InMemoryDB>>,
}

/// The `number`th address.
fn address(number: u64) -> Address {
    Address::left_padding_from(&(0x1000 + number).to_be_bytes())
}

/// The contract of the token, and the first of those that call each other.
const TOKEN: u64 = 1_000_000;
const CHAIN: u64 = 2_000_000;

/// Contracts that call each other, at most.
const DEPTH: u64 = 64;

impl Revm {
    fn new() -> anyhow::Result<Self> {
        let mut state = InMemoryDB::default();
        let rich = AccountInfo { balance: U256::from(u64::MAX), ..AccountInfo::default() };
        state.insert_account_info(address(0), rich);
        put_code(&mut state, address(TOKEN), bytecode::token());
        for holder in 0..=HOLDERS {
            let key = keccak256([address(holder).into_word().0, [0; 32]].concat());
            let balance = if holder == 0 { U256::from(u64::MAX) } else { U256::ONE };
            state.insert_account_storage(address(TOKEN), key.into(), balance)?;
        }
        for link in 1..DEPTH {
            put_code(&mut state, address(CHAIN + link), bytecode::link(&address(CHAIN + link - 1).into_array()));
        }
        put_code(&mut state, address(CHAIN), bytecode::link(&[0xee; 20]));
        let mut revm = Self { evm: Context::mainnet().with_db(state).build_mainnet() };
        ensure!(revm.transfer_to(1)? == 2, "a transfer changes two balances");
        Ok(revm)
    }

    /// Returns how many slots of storage are not what they were.
    fn call(&mut self, to: Address, input: Vec<u8>) -> anyhow::Result<usize> {
        let tx =
            TxEnv::builder().caller(address(0)).kind(TxKind::Call(to)).gas_limit(GAS_LIMIT).data(Bytes::from(input));
        let tx = tx.build().ok().context("a transaction")?;
        let executed = self.evm.transact(tx)?;
        ensure!(executed.result.is_success(), "{:?}", executed.result);
        let account = executed.state.get(&to).context("the contract was touched")?;
        Ok(account.storage.values().filter(|slot| slot.is_changed()).count())
    }

    /// A transfer to the holder of that number.
    fn transfer_to(&mut self, holder: u64) -> anyhow::Result<usize> {
        let amount: [u8; 32] = U256::ONE.to_be_bytes();
        let input = [&bytecode::TRANSFER, address(holder).into_word().as_slice(), &amount].concat();
        self.call(address(TOKEN), input)
    }
}

fn put_code(state: &mut InMemoryDB, at: Address, code: Vec<u8>) {
    let code = Bytecode::new_raw(code.into());
    state.insert_account_info(at, AccountInfo::from_bytecode(code));
}

impl Peer for Revm {
    type Module = ();

    fn compile(&mut self, _: &[u8]) -> anyhow::Result<()> {
        missing("its code is not Wasm")
    }

    fn transfer(&mut self, times: u32) -> anyhow::Result<f64> {
        nanoseconds(|| (0..u64::from(times)).try_for_each(|number| self.transfer_to(1 + number % HOLDERS).map(|_| ())))
    }

    fn nested(&mut self, depth: u32, times: u32) -> anyhow::Result<f64> {
        if !(1..=DEPTH).contains(&depth.into()) {
            bail!("at most {DEPTH} contracts");
        }
        let first = address(CHAIN + u64::from(depth) - 1);
        nanoseconds(|| (0..times).try_for_each(|_| self.call(first, Vec::new()).map(|_| ())))
    }
}

fn main() -> anyhow::Result<()> {
    serve(Revm::new()?)
}
