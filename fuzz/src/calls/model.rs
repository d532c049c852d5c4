//! The model: accounts in a map, a copy of everything where a frame can fail, and a function that calls itself.
//!
//! Written from `docs/spec.md` and `docs/host-abi.md`; shares prices with the machine and nothing else.

use super::{
    contract::{Contract, Depth, word},
    frame::{Frame, Step, Stop, price},
    script::{ADDRESSES, AMOUNTS, Action, End, GAS, NO_MODULE, address},
};
use lockstep_gas::{Abi, HostFunction as F, Revision};
use lockstep_host::{Address, CallKind, HaltReason, Log};
use std::collections::{BTreeMap, BTreeSet};

/// What an account has for code.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Code {
    None,
    /// A contract, by its place in [`Model::contracts`].
    Contract(usize),
    /// Bytes that are no module.
    NoModule(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Account {
    pub(super) nonce: u64,
    pub(super) balance: u64,
    pub(super) code: Code,
}

impl Account {
    pub(super) const EMPTY: Self = Self { nonce: 0, balance: 0, code: Code::None };
}

/// What frames can change, and what is taken back.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<Address, Account>,
    pub(super) storage: BTreeMap<(Address, u8), u8>,
    pub(super) logs: Vec<Log>,
    pub(super) destroyed: Vec<Address>,
}

/// The world.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) state: State,
    pub(super) contracts: Vec<Contract>,
    /// The codes that the transaction has used, each with its ABI; no revert takes them back.
    pub(super) used: BTreeSet<(Vec<u8>, Abi)>,
    /// Frames that ran code so far, to know that something happens.
    pub(super) frames: u32,
}

/// How a frame ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ended {
    Success,
    Revert,
    /// Its gas is gone.
    Halt(HaltReason),
    /// It did not begin; its gas comes back.
    Refused(HaltReason),
}

/// The end of a frame with what its caller gets.
pub(super) struct Result {
    pub(super) ended: Ended,
    pub(super) output: Vec<u8>,
    pub(super) gas: u64,
    pub(super) created: Option<Address>,
}

/// What a frame is called with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Door {
    /// `main` with one byte: how deep it may call.
    Main(u8),
    /// By the name `main`.
    NamedMain(u8),
    /// By the name `go`.
    Go(u8),
}

impl Model {
    pub(super) fn account(&self, address: Address) -> Account {
        self.state.accounts.get(&address).cloned().unwrap_or(Account::EMPTY)
    }

    pub(super) fn change(&mut self, address: Address) -> &mut Account {
        self.state.accounts.entry(address).or_insert(Account::EMPTY)
    }

    fn exists(&self, address: Address) -> bool {
        self.account(address) != Account::EMPTY
    }

    fn transfer(&mut self, from: Address, to: Address, amount: u64) {
        if amount > 0 {
            self.change(from).balance -= amount;
            self.change(to).balance += amount;
        }
    }

    /// Gas for the code alone.
    fn code_gas(&self, code: &[u8], abi: Abi) -> u64 {
        let prices = &Revision::V1.schedule.frame;
        let is_used = self.used.contains(&(code.to_vec(), abi));
        prices.base + if is_used { 0 } else { prices.first_use + prices.first_use_byte * code.len() as u64 }
    }

    /// What the code alone costs a frame that has `gas`, and can pay for it: from here on the code is used.
    fn look(&mut self, code: &[u8], abi: Abi, gas: u64) -> Option<u64> {
        let code_gas = self.code_gas(code, abi);
        (gas >= code_gas).then(|| {
            self.used.insert((code.to_vec(), abi));
            code_gas
        })
    }

    /// What a frame of `contract` pays beside its code.
    fn start_gas(contract: &Contract) -> u64 {
        let bulk = (65_536 + contract.data_bytes) / 4;
        Revision::V1.schedule.frame.per_item * contract.items + bulk
    }

    /// A call: `account` is the account that runs, `callee` the one whose code does.
    #[expect(clippy::too_many_arguments, reason = "a message has that many parts")]
    pub(super) fn call(
        &mut self,
        kind: CallKind,
        caller: (Address, Address),
        callee: Address,
        value: u64,
        is_static: bool,
        door: Door,
        gas: u64,
    ) -> Result {
        let before = self.state.clone();
        let own = matches!(kind, CallKind::CallCode | CallKind::CallDelegate);
        if !own {
            self.transfer(caller.0, callee, value);
        }
        let result = self.enter(callee, door, gas, |gas| Frame {
            address: if own { caller.0 } else { callee },
            caller: if kind == CallKind::CallDelegate { caller.1 } else { caller.0 },
            value,
            is_static: is_static || kind == CallKind::CallStatic,
            gas,
            trace: Vec::new(),
            return_data: Vec::new(),
            created: Address::ZERO,
        });
        if result.ended != Ended::Success {
            self.state = before;
        }
        result
    }

    fn enter(&mut self, callee: Address, door: Door, gas: u64, frame: impl FnOnce(u64) -> Frame) -> Result {
        let ended = |ended, gas| Result { ended, output: Vec::new(), gas, created: None };
        let contract = match self.account(callee).code {
            Code::None if matches!(door, Door::Main(_)) => return ended(Ended::Success, gas),
            Code::None => return ended(Ended::Refused(HaltReason::NoCode), gas),
            Code::NoModule(code) => {
                let looked = self.look(&code, Abi::Ewasm, gas);
                let reason = if looked.is_some() { HaltReason::InvalidCode } else { HaltReason::OutOfGas };
                return ended(Ended::Halt(reason), 0);
            }
            Code::Contract(place) => self.contracts[place].clone(),
        };
        let Some(code_gas) = self.look(&contract.code, contract.abi, gas) else {
            return ended(Ended::Halt(HaltReason::OutOfGas), 0);
        };
        let refusal = match (contract.abi, door) {
            (Abi::Ewasm | Abi::Packed, Door::Main(_))
            | (Abi::Ewasm, Door::NamedMain(_))
            | (Abi::Packed, Door::Go(_)) => None,
            (Abi::Ewasm, Door::Go(_)) => Some(HaltReason::NoSuchExport),
            (Abi::Packed, Door::NamedMain(_)) => Some(HaltReason::SignatureMismatch),
            // Contracts of this model have one of the two.
            (Abi::Wasi | Abi::Json | Abi::Metashrew | Abi::MetashrewDocumented | Abi::Dela | Abi::Linked, _) => {
                Some(HaltReason::NoSuchExport)
            }
        };
        if let Some(reason) = refusal {
            return ended(Ended::Refused(reason), gas - code_gas);
        }
        self.run(&contract, door, code_gas, frame(gas))
    }

    /// Runs a contract in a frame that is paid for nothing yet.
    fn run(&mut self, contract: &Contract, door: Door, code_gas: u64, mut frame: Frame) -> Result {
        self.frames += 1;
        frame.trace = vec![0; contract.trace_bytes() as usize];
        let started = frame.charge_gas(code_gas + Self::start_gas(contract));
        let stop = started.and_then(|()| self.body(contract, door, &mut frame));
        let first: [u8; 8] = core::array::from_fn(|at| frame.trace.get(at).copied().unwrap_or_default());
        let (ended, output) = match stop {
            // `go` returns the start of its trace.
            Ok(()) if matches!(door, Door::Go(_)) => (Ended::Success, first.to_vec()),
            Ok(()) => (Ended::Success, Vec::new()),
            Err(Stop::Finish(output)) => (Ended::Success, output),
            Err(Stop::Revert(output)) => (Ended::Revert, output),
            Err(Stop::Halt(reason)) => (Ended::Halt(reason), Vec::new()),
        };
        let gas = if matches!(ended, Ended::Halt(_)) { 0 } else { frame.gas };
        Result { ended, output, gas, created: None }
    }

    fn body(&mut self, contract: &Contract, door: Door, frame: &mut Frame) -> Step {
        let depth = match (door, contract.depth) {
            (Door::Go(depth), _) => {
                frame.charge_gas(contract.go)?;
                depth
            }
            (_, Depth::Constant(depth)) => {
                frame.charge_gas(contract.main)?;
                depth
            }
            (Door::Main(depth) | Door::NamedMain(depth), Depth::Given) => {
                frame.charge_gas(contract.main)?;
                frame.charge(price(F::CallDataCopy).for_bytes(1))?;
                depth
            }
        };
        frame.charge_gas(contract.body)?;
        for (slot, action) in contract.script.actions.iter().enumerate() {
            let arm = contract.arms[slot];
            self.action(contract, frame, slot, *action, arm, depth)?;
        }
        self.end(contract, frame)
    }

    fn action(
        &mut self,
        contract: &Contract,
        frame: &mut Frame,
        slot: usize,
        action: Action,
        arm: u64,
        depth: u8,
    ) -> Step {
        match action {
            Action::Store { key, value } => {
                frame.base(F::StorageStore)?;
                frame.refuse_static()?;
                let place = (frame.address, key);
                if value > 0 && !self.state.storage.contains_key(&place) {
                    frame.charge_gas(Revision::V1.schedule.account.storage_set)?;
                }
                match value {
                    0 => self.state.storage.remove(&place),
                    value => self.state.storage.insert(place, value),
                };
                Ok(())
            }
            Action::Load { key } => {
                frame.base(F::StorageLoad)?;
                let value = self.state.storage.get(&(frame.address, key)).copied().unwrap_or_default();
                frame.note(slot, 0, &word(value));
                Ok(())
            }
            Action::Log { topics, bytes } => self.log(frame, topics, bytes),
            Action::Balance { of } => {
                frame.base(F::GetExternalBalance)?;
                let balance = self.account(frame.callee(of)).balance;
                frame.note(slot, 0, &u128::from(balance).to_le_bytes());
                Ok(())
            }
            Action::GasLeft => {
                frame.base(F::GetGasLeft)?;
                let left = frame.gas;
                frame.note(slot, 0, &left.to_le_bytes());
                Ok(())
            }
            Action::Caller => {
                frame.base(F::GetCaller)?;
                let caller = frame.caller;
                frame.note(slot, 0, caller.as_slice());
                Ok(())
            }
            Action::Value => {
                frame.base(F::GetCallValue)?;
                let value = u128::from(frame.value);
                frame.note(slot, 0, &value.to_le_bytes());
                Ok(())
            }
            Action::Call { .. } | Action::Export { .. } | Action::Create { .. } if depth == 0 => Ok(()),
            Action::Call { kind, callee, amount, gas } => {
                frame.charge_gas(arm)?;
                let status = self.call_action(frame, kind, callee, AMOUNTS[amount], GAS[gas], depth - 1)?;
                frame.note(slot, 0, &status.to_le_bytes());
                Self::note_return_data(frame, slot)
            }
            Action::Export { callee, amount, gas, by_main } => {
                frame.charge_gas(arm)?;
                let door = if by_main { Door::NamedMain(depth - 1) } else { Door::Go(depth - 1) };
                let result = self.export_action(frame, callee, AMOUNTS[amount], GAS[gas], door)?;
                frame.note(slot, 0, &result.to_le_bytes());
                Self::note_return_data(frame, slot)
            }
            Action::Create { amount, init } => {
                frame.charge_gas(arm)?;
                let init = contract.inits[init].clone();
                frame.charge(price(F::Create).for_bytes(init.code.len() as u64))?;
                frame.refuse_static()?;
                let status = self.create_action(frame, AMOUNTS[amount], &init);
                frame.note(slot, 0, &status.to_le_bytes());
                Self::note_return_data(frame, slot)
            }
        }
    }

    fn log(&mut self, frame: &mut Frame, topics: u8, bytes: u8) -> Step {
        frame.charge(price(F::Log).for_log(u64::from(bytes), u64::from(topics)))?;
        frame.refuse_static()?;
        if self.state.logs.len() >= 128 {
            return Err(Stop::Halt(HaltReason::LimitExceeded));
        }
        let words = [word(0), word(1), word(2), word(0)];
        let topics = words[..usize::from(topics)].iter().map(|word| (*word).into()).collect();
        self.state.logs.push(Log { address: frame.address, topics, data: vec![0; usize::from(bytes)] });
        Ok(())
    }

    /// What the contracts do after each call.
    fn note_return_data(frame: &mut Frame, slot: usize) -> Step {
        let data = frame.return_data.clone();
        let length = u32::try_from(data.len()).expect("short");
        frame.base(F::GetReturnDataSize)?;
        frame.note(slot, 8, &length.to_le_bytes());
        frame.base(F::GetReturnDataSize)?;
        frame.charge(price(F::ReturnDataCopy).for_bytes(data.len() as u64))?;
        frame.note(slot, 12, &data);
        Ok(())
    }

    /// Charges a value; false if the account does not have it.
    fn charge_value(&self, frame: &mut Frame, callee: Option<Address>, value: u64) -> core::result::Result<bool, Stop> {
        if value == 0 {
            return Ok(true);
        }
        frame.charge_gas(Revision::V1.schedule.account.call_value)?;
        if self.account(frame.address).balance < value {
            return Ok(false);
        }
        if callee.is_some_and(|callee| !self.exists(callee)) {
            frame.charge_gas(Revision::V1.schedule.account.new_account)?;
        }
        Ok(true)
    }

    fn call_action(
        &mut self,
        frame: &mut Frame,
        kind: CallKind,
        callee: usize,
        amount: u64,
        gas: i64,
        depth: u8,
    ) -> core::result::Result<u32, Stop> {
        let asked = u64::try_from(gas).map_err(|_| Stop::Halt(HaltReason::ArgumentOutOfRange))?;
        let callee = frame.callee(callee);
        if kind == CallKind::Call && amount > 0 {
            frame.refuse_static()?;
        }
        let (function, value) = match kind {
            CallKind::Call => (F::Call, amount),
            CallKind::CallCode => (F::CallCode, amount),
            CallKind::CallDelegate => (F::CallDelegate, frame.value),
            CallKind::CallStatic => (F::CallStatic, 0),
        };
        frame.charge(price(function).for_bytes(1))?;
        let paid = match kind {
            CallKind::Call => self.charge_value(frame, Some(callee), value)?,
            CallKind::CallCode => self.charge_value(frame, None, value)?,
            CallKind::CallDelegate | CallKind::CallStatic => true,
        };
        if !paid {
            return Ok(1);
        }
        // A delegated value moves nothing and brings no gas.
        let stipend = if value > 0 && kind != CallKind::CallDelegate { 23_000 } else { 0 };
        let gas = frame.pass_on(asked) + stipend;
        let result =
            self.call(kind, (frame.address, frame.caller), callee, value, frame.is_static, Door::Main(depth), gas);
        frame.gas += result.gas;
        frame.return_data = result.output;
        Ok(match result.ended {
            Ended::Success => 0,
            Ended::Revert => 2,
            Ended::Halt(_) | Ended::Refused(_) => 1,
        })
    }

    fn export_action(
        &mut self,
        frame: &mut Frame,
        callee: usize,
        value: u64,
        gas: i64,
        door: Door,
    ) -> core::result::Result<u64, Stop> {
        let asked = u64::try_from(gas).map_err(|_| Stop::Halt(HaltReason::ArgumentOutOfRange))?;
        let callee = frame.callee(callee);
        if value > 0 {
            frame.refuse_static()?;
        }
        let price = price(F::CallExport);
        frame.charge_gas(price.base)?;
        let (bytes, pages) = if matches!(door, Door::NamedMain(_)) { (9, 1) } else { (4, 0) };
        frame.charge_gas(price.per_word * u64::div_ceil(bytes, 32) + price.per_page * pages)?;
        if !self.charge_value(frame, Some(callee), value)? {
            return Ok(0xff09 << 48);
        }
        let gas = frame.pass_on(asked) + if value > 0 { 23_000 } else { 0 };
        let result =
            self.call(CallKind::Call, (frame.address, frame.caller), callee, value, frame.is_static, door, gas);
        frame.gas += result.gas;
        let length = result.output.len() as u64;
        frame.charge_gas(price.per_word * length.div_ceil(32))?;
        frame.return_data = result.output;
        let errno: u64 = match result.ended {
            Ended::Success => 0,
            Ended::Revert => 1,
            Ended::Halt(reason) | Ended::Refused(reason) => match reason {
                HaltReason::OutOfGas => 0xff02,
                HaltReason::NoCode => 0xff03,
                HaltReason::NoSuchExport => 0xff04,
                HaltReason::SignatureMismatch => 0xff05,
                HaltReason::StaticModeViolation => 0xff0a,
                _ => 0xff01,
            },
        };
        Ok(errno << 48 | length << 24)
    }

    fn create_action(&mut self, frame: &mut Frame, value: u64, init: &Contract) -> u32 {
        if self.account(frame.address).balance < value {
            return 1;
        }
        let gas = frame.pass_on(u64::MAX);
        let result = self.create(frame.address, value, init, gas);
        frame.gas += result.gas;
        frame.return_data = result.output;
        if let Some(address) = result.created {
            frame.created = address;
            frame.return_data.clear();
        }
        match result.ended {
            Ended::Success => 0,
            Ended::Revert => 2,
            Ended::Halt(_) | Ended::Refused(_) => 1,
        }
    }

    /// A creation by `creator`, who has the value.
    pub(super) fn create(&mut self, creator: Address, value: u64, init: &Contract, gas: u64) -> Result {
        let nonce = self.account(creator).nonce;
        self.change(creator).nonce += 1;
        let before = self.state.clone();
        let mut result = self.create_at(creator, creator.create(nonce), value, init, gas);
        if result.ended != Ended::Success {
            self.state = before;
            result.created = None;
        }
        result
    }

    fn create_at(&mut self, creator: Address, address: Address, value: u64, init: &Contract, gas: u64) -> Result {
        let halt = |reason| Result { ended: Ended::Halt(reason), output: Vec::new(), gas: 0, created: None };
        let there = self.account(address);
        if there.nonce > 0 || there.code != Code::None {
            return halt(HaltReason::AddressCollision);
        }
        let Some(code_gas) = self.look(&init.code, Abi::Ewasm, gas) else { return halt(HaltReason::OutOfGas) };
        self.change(address).nonce = 1;
        self.transfer(creator, address, value);
        let frame = Frame {
            address,
            caller: creator,
            value,
            is_static: false,
            gas,
            trace: Vec::new(),
            return_data: Vec::new(),
            created: Address::ZERO,
        };
        let mut result = self.run(init, Door::Main(0), code_gas, frame);
        if result.ended == Ended::Success {
            let code = core::mem::take(&mut result.output);
            let deposit = Revision::V1.schedule.account.code_deposit_byte * code.len() as u64;
            let Some(left) = result.gas.checked_sub(deposit) else { return halt(HaltReason::OutOfGas) };
            result.gas = left;
            if init.script.end == End::Broken {
                return halt(HaltReason::InvalidCreatedCode);
            }
            if !code.is_empty() {
                let code = self.code_of(init, code);
                if let Code::Contract(place) = code {
                    let contract = &self.contracts[place];
                    self.used.insert((contract.code.clone(), contract.abi));
                }
                self.change(address).code = code;
            }
            result.created = Some(address);
        }
        result
    }

    /// What init code that finished with `code` leaves behind.
    fn code_of(&mut self, init: &Contract, code: Vec<u8>) -> Code {
        match (&init.runtime, init.script.end) {
            (Some(runtime), End::Code) => {
                let known = self.contracts.iter().position(|contract| contract.code == runtime.code);
                Code::Contract(known.unwrap_or_else(|| {
                    self.contracts.push(Contract::clone(runtime).identified());
                    self.contracts.len() - 1
                }))
            }
            _ => Code::NoModule(code),
        }
    }

    fn end(&mut self, contract: &Contract, frame: &mut Frame) -> Step {
        let digest = |frame: &mut Frame| {
            frame.charge(price(F::Sha256).for_bytes(frame.trace.len() as u64))?;
            Ok(lockstep_host::crypto::sha256(&frame.trace).to_vec())
        };
        match contract.script.end {
            End::Return => Ok(()),
            End::Finish => {
                let output = digest(frame)?;
                frame.charge(price(F::Finish).for_bytes(32))?;
                Err(Stop::Finish(output))
            }
            End::Revert => {
                let output = digest(frame)?;
                frame.charge(price(F::Revert).for_bytes(32))?;
                Err(Stop::Revert(output))
            }
            End::Unreachable => Err(Stop::Halt(HaltReason::Unreachable)),
            End::BadPointer => {
                frame.base(F::GetCaller)?;
                Err(Stop::Halt(HaltReason::HostAccessOutOfBounds))
            }
            End::UseAllGas => {
                frame.base(F::UseGas)?;
                frame.charge_gas(i64::MAX.cast_unsigned())
            }
            End::SelfDestruct { heir } => {
                frame.base(F::SelfDestruct)?;
                frame.refuse_static()?;
                let heir = frame.callee(heir);
                if !self.exists(heir) {
                    frame.charge_gas(Revision::V1.schedule.account.new_account)?;
                }
                let balance = core::mem::take(&mut self.change(frame.address).balance);
                if heir != frame.address && balance > 0 {
                    self.change(heir).balance += balance;
                }
                self.state.destroyed.push(frame.address);
                Err(Stop::Finish(Vec::new()))
            }
            End::Code | End::Garbage | End::Broken => {
                let code = contract.left_behind().to_vec();
                frame.charge(price(F::Finish).for_bytes(code.len() as u64))?;
                Err(Stop::Finish(code))
            }
        }
    }

    /// The end of a transaction: who destroyed itself is gone, and so is who is empty.
    pub(super) fn end_transaction(&mut self) -> Vec<Log> {
        for address in core::mem::take(&mut self.state.destroyed) {
            self.state.accounts.remove(&address);
            self.state.storage.retain(|(owner, _), _| *owner != address);
        }
        self.state.accounts.retain(|_, account| *account != Account::EMPTY);
        core::mem::take(&mut self.state.logs)
    }

    /// An account with code that is no module.
    pub(super) fn put_no_module(&mut self, code: &[u8]) {
        self.change(NO_MODULE).code = Code::NoModule(code.to_vec());
        self.change(NO_MODULE).nonce = 1;
        assert!((0..ADDRESSES).any(|place| address(place) == NO_MODULE));
    }
}
