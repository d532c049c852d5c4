//! A whole program of a language against bare wasmi: what its deployment takes, and a call of it once it is compiled.
//!
//! Both are processor time of one thread, measured in turn. Bare wasmi compiles the module as a whole, and runs it with host
//! functions that give the same answers (`benches/peers/src/bin/bare-program.rs`).

use crate::{bare, clock::thread_nanoseconds, measure::Rounds, scene::address};
use anyhow::{Context as _, ensure};
use lockstep_vm::{
    Abi, Account, BlockEnv, CodeId, Gas, MemoryState, Outcome, Revision, StateView, Tx, TxKind, U256, ValidTx, Vm,
    engine::wasmi::Wasmi, system::LastBlock,
};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

/// What was measured: nanoseconds of ours and of bare wasmi's, and ours as so many times bare wasmi's, medians all.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// Ours.
    pub ours_ns: f64,
    /// Bare wasmi's.
    pub theirs_ns: f64,
    /// The median of the ratios of the rounds.
    pub ratio: f64,
}

impl Ratio {
    fn of(rounds: &Rounds) -> Self {
        Self { ours_ns: rounds.ours(), theirs_ns: rounds.theirs(), ratio: 1.0 / rounds.speed() }
    }
}

/// Runs at a time, of ours and of the peer's: the clock of a thread goes by milliseconds on some systems.
const RUNS: u32 = 32;

/// A program, and the state that it is called on.
struct Program {
    view: StateView,
    env: BlockEnv,
    code: Vec<u8>,
    input: Vec<u8>,
}

impl Program {
    fn tx(&self, kind: TxKind, input: &[u8], revision: &Revision) -> anyhow::Result<ValidTx> {
        let tx = Tx {
            sender: address(0),
            nonce: 0,
            gas_limit: Gas::new(1 << 50),
            gas_price: U256::ZERO,
            value: U256::ZERO,
            kind,
            input: input.to_vec(),
        };
        let sender = Account { balance: U256::from(1), ..Account::default() };
        ValidTx::check(tx, Some(&sender), Gas::MAX, revision).map_err(|invalid| anyhow::anyhow!("{invalid}"))
    }

    fn execute(&self, vm: &Vm, tx: &ValidTx) -> anyhow::Result<f64> {
        let tx = tx.clone();
        let start = thread_nanoseconds();
        let executed = vm.execute_tx(Arc::clone(&self.view), &self.env, tx)?;
        let time = thread_nanoseconds() - start;
        ensure!(executed.receipt.outcome == Outcome::Return, "{}", executed.receipt.outcome);
        Ok(time)
    }
}

/// Bare wasmi with the program.
struct Peer(Child, BufReader<std::process::ChildStdout>);

impl Peer {
    fn start(module: &Path, input: &Path) -> anyhow::Result<Self> {
        let program = bare::build("bare-program")?;
        let mut child =
            Command::new(program).arg(module).arg(input).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = BufReader::new(child.stdout.take().context("no pipe from the peer")?);
        Ok(Self(child, answers))
    }

    fn ask(&mut self, what: &str) -> anyhow::Result<f64> {
        writeln!(self.0.stdin.as_mut().context("no pipe to the peer")?, "{what}")?;
        let mut answer = String::new();
        self.1.read_line(&mut answer)?;
        answer.trim().parse().with_context(|| format!("the peer answered {answer:?} to {what}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures a deployment and a warm call of the `wasi` command in the file `module` with the input in the file `input`.
///
/// # Errors
///
/// If a file cannot be read, the peer cannot be built, or the program does not return.
pub fn measure(module: &Path, input: &Path, rounds: usize) -> anyhow::Result<[Ratio; 2]> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let (code, input_bytes) = (read(module)?, read(input)?);
    let vm = Vm::new(Revision::V1)?;
    let id = CodeId::of(&code, Abi::Wasi);
    vm.check_code(id, &code.clone().into())?;
    let mut state = MemoryState::default();
    state.put_last_block(LastBlock { number: 0, timestamp: 0 }, []);
    state.accounts.insert(address(0), Account { balance: U256::from(1), ..Account::default() });
    state.put_code(address(1), id, &code);
    let env = BlockEnv { number: 1, gas_limit: u64::MAX, ..BlockEnv::default() };
    let program = Program { view: Arc::new(state), env, code, input: input_bytes };
    let mut peer = Peer::start(module, input)?;

    // A machine that keeps no module compiles the code of each deployment.
    let forgetful = Vm::<Wasmi>::with_engine(Revision::V1, 0)?;
    let kind = TxKind::Deploy { abi: Abi::Wasi, code: program.code.clone() };
    let deploy = program.tx(kind, &[], forgetful.revision())?;
    let deployed = Rounds::interleave(rounds, || program.execute(&forgetful, &deploy), || peer.ask("compile"))?;
    let call = program.tx(TxKind::Call { to: address(1), export: None }, &program.input, vm.revision())?;
    let runs = || (0..RUNS).map(|_| program.execute(&vm, &call)).sum::<anyhow::Result<f64>>();
    let called =
        Rounds::interleave(rounds, || Ok(runs()? / f64::from(RUNS)), || Ok(peer.ask("run")? / f64::from(RUNS)))?;
    Ok([Ratio::of(&deployed), Ratio::of(&called)])
}
