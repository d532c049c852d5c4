//! The generator of the chain: seeded, used once. What it makes is in a file, so a later one may make other blocks.

use crate::{
    contracts::{self, Name, TOKEN, WAYS},
    golden::{BLOCKS, GoldenChain},
};
use lockstep_host::ENTRY_ACCOUNT;
use lockstep_store::{ExecutedBlock, Store};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, CodeId, Gas, Refused, Revision, StateDiff, StorageDiff, Tx, TxKind,
    U256, Vm, code_hash,
};
use sha3::{Digest as _, Sha3_256};
use std::{collections::BTreeMap, sync::Arc};

/// The seed.
const SEED: u64 = 0x10c4_57e9;

/// Accounts that send.
const SENDERS: u8 = 10;

/// The token of the genesis.
const TOKEN_ADDRESS: Address = Address::repeat_byte(0x70);

/// The bid of the one entry that the confidential store has.
const BID: [u8; 16] = [0xb1; 16];

/// Gas of a transaction that is to end.
const ENOUGH: u64 = 30_000_000;

/// Numbers that look random and are the same everywhere.
struct Stream {
    counter: u64,
}

impl Stream {
    fn number(&mut self) -> u64 {
        self.counter += 1;
        let digest = Sha3_256::digest([SEED.to_le_bytes(), self.counter.to_le_bytes()].concat());
        u64::from_le_bytes(*digest.first_chunk().unwrap())
    }

    fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.byte()).collect()
    }

    fn of<T: Copy>(&mut self, those: &[T]) -> T {
        those[usize::try_from(self.below(those.len() as u64)).unwrap()]
    }
}

/// What a transaction does, before it has a sender.
struct Plan {
    kind: TxKind,
    input: Vec<u8>,
    value: u64,
    gas: u64,
}

impl Plan {
    fn call(to: Address, input: impl Into<Vec<u8>>) -> Self {
        Self { kind: TxKind::Call { to, export: None }, input: input.into(), value: 0, gas: ENOUGH }
    }

    fn export(to: Address, export: &str, input: impl Into<Vec<u8>>) -> Self {
        let kind = TxKind::Call { to, export: Some(export.as_bytes().to_vec()) };
        Self { kind, ..Self::call(to, input) }
    }

    fn create(init_code: Vec<u8>) -> Self {
        Self { kind: TxKind::Create { init_code }, input: vec![], value: 0, gas: ENOUGH }
    }

    fn with_value(self, value: u64) -> Self {
        Self { value, ..self }
    }

    fn with_gas(self, gas: u64) -> Self {
        Self { gas, ..self }
    }
}

struct Generator {
    stream: Stream,
    nonces: [u64; SENDERS as usize],
    contracts: BTreeMap<Name, Vec<Address>>,
    /// Contracts that creations left behind.
    created: Vec<Address>,
    waiting: Vec<contracts::Deployed>,
}

fn sender(number: u8) -> Address {
    Address::repeat_byte(0xa0 + number)
}

fn genesis() -> StateDiff {
    let rich = Account { balance: U256::from(10).pow(U256::from(20)), ..Account::default() };
    let mut accounts: BTreeMap<_, _> = (0..SENDERS).map(|number| (sender(number), Some(rich.clone()))).collect();
    accounts
        .insert(TOKEN_ADDRESS, Some(Account { code: Some(CodeId::of(TOKEN, Abi::Ewasm)), nonce: 1, ..rich.clone() }));
    accounts.insert(ENTRY_ACCOUNT, Some(Account { nonce: 1, ..Account::default() }));
    let supply = Some([&1_000_000_u64.to_be_bytes()[..], &[0; 24]].concat());
    let key = |number: u8| [sender(number).as_slice(), &[0; 12]].concat();
    let balances = (0..SENDERS).map(|number| (key(number), supply.clone())).collect();
    let entry = ([&BID[..], b"key"].concat(), Some(b"an entry of the confidential store".to_vec()));
    let storage = [
        (TOKEN_ADDRESS, StorageDiff { cleared: false, values: balances }),
        (ENTRY_ACCOUNT, StorageDiff { cleared: false, values: [entry].into() }),
    ];
    StateDiff { accounts, storage: storage.into(), code: [(code_hash(TOKEN), TOKEN.to_vec())].into() }
}

/// Generates the chain.
pub(crate) fn chain() -> GoldenChain {
    let (vm, store, genesis) = (Vm::new(Revision::V1).unwrap(), Store::memory().unwrap(), genesis());
    let commit = |height, hash, parent_hash, diff: &StateDiff| {
        let block = ExecutedBlock { height, hash, parent_hash, diff, receipts: &[], body: None, root: None };
        store.commit(&block).unwrap();
    };
    commit(0, B256::ZERO, B256::ZERO, &genesis);
    let mut generator = Generator {
        stream: Stream { counter: 0 },
        nonces: [0; SENDERS as usize],
        contracts: [(Name::Token, vec![TOKEN_ADDRESS])].into(),
        created: Vec::new(),
        waiting: contracts::deployed().into_iter().rev().collect(),
    };
    let (mut blocks, mut parent_hash, mut timestamp) = (Vec::new(), B256::ZERO, 1_700_000_000);
    for number in 1..=BLOCKS as u64 {
        timestamp += generator.stream.below(13);
        let env = BlockEnv {
            number,
            timestamp,
            gas_limit: 400_000_000,
            beneficiary: Address::repeat_byte(0xbe + generator.stream.byte() % 3),
            difficulty: U256::from(generator.stream.number()),
            parent_hash,
        };
        let view = Arc::new(store.latest().unwrap());
        let mut builder = vm.build_block(view, env.clone()).unwrap();
        let mut transactions = Vec::new();
        // Some blocks have enough transactions for all threads.
        let count = if number % 40 == 0 { 20 } else { generator.stream.below(6) };
        for position in 0..count {
            let (tx, name) = generator.transaction(position);
            match builder.add(tx.clone()) {
                Ok(added) => generator.note(&tx, name, added.receipt.created),
                Err(Refused::Invalid(_)) => continue,
                Err(Refused::Fault(fault)) => panic!("block {number}: {fault}"),
            }
            transactions.push(tx);
        }
        let block = Block { env, transactions };
        let hash = block.hash();
        commit(number, hash, parent_hash, &builder.finish().diff);
        parent_hash = hash;
        blocks.push(block);
    }
    assert!(generator.waiting.is_empty(), "every contract is deployed");
    GoldenChain { genesis, blocks }
}

impl Generator {
    fn transaction(&mut self, position: u64) -> (Tx, Option<Name>) {
        // The first transaction of each block deploys something, until all is there.
        let deploys = if position == 0 { self.waiting.pop() } else { None };
        let (plan, name) = match deploys {
            Some((name, abi, code, input)) => {
                let kind = TxKind::Deploy { abi, code };
                (Plan { kind, input: input.to_vec(), value: 0, gas: 200_000_000 }, Some(name))
            }
            None => (self.plan(), None),
        };
        let number = u8::try_from(self.stream.below(u64::from(SENDERS))).unwrap();
        let tx = Tx {
            sender: sender(number),
            nonce: self.nonces[usize::from(number)],
            gas_limit: Gas::new(plan.gas),
            gas_price: U256::from(self.stream.below(4)),
            value: U256::from(plan.value),
            kind: plan.kind,
            input: plan.input,
        };
        (tx, name)
    }

    /// A block took a transaction.
    fn note(&mut self, tx: &Tx, name: Option<Name>, created: Option<Address>) {
        let number = usize::from(tx.sender.as_slice()[0] - 0xa0);
        self.nonces[number] += 1;
        match (name, created) {
            (Some(name), Some(address)) => self.contracts.entry(name).or_default().push(address),
            (None, Some(address)) => self.created.push(address),
            (Some(name), None) => panic!("{name:?} was not deployed"),
            (None, None) => {}
        }
    }

    /// A contract of that name, or one that is not there yet.
    fn a(&mut self, name: Name) -> Address {
        let those = self.contracts.get(&name).cloned().unwrap_or_default();
        if those.is_empty() { Address::repeat_byte(0x0e) } else { self.stream.of(&those) }
    }

    fn plan(&mut self) -> Plan {
        match self.stream.below(24) {
            0 => {
                let (to, value) = (Address::repeat_byte(self.stream.byte()), self.stream.below(1 << 40));
                Plan::call(to, self.stream.bytes(8)).with_value(value)
            }
            1 | 2 => self.count(),
            3 | 4 => self.transfer(),
            5 | 6 => self.proxy(),
            7 | 8 => self.create(),
            9 => self.call_created(),
            10..=12 => self.end(),
            13 | 14 => self.calculate(),
            15 => self.call_export(),
            16..=18 => self.json(),
            19 => self.dela(),
            20 => self.retrieve(),
            21 => self.index(),
            _ => self.precompile(),
        }
    }

    fn count(&mut self) -> Plan {
        let to = self.a(Name::Counter);
        // Some have too little for a new value, for the frame, or for the transaction.
        let gas = self.stream.of(&[ENOUGH, ENOUGH, 300_000, 245_000, 210_100]);
        let value = self.stream.below(3);
        Plan::call(to, self.stream.bytes(20)).with_gas(gas).with_value(value)
    }

    fn transfer(&mut self) -> Plan {
        let to = Address::repeat_byte(0xa0 + self.stream.byte() % (SENDERS + 2));
        // Some amounts are more than anybody has.
        let amount = self.stream.below(1_500_000);
        let input = [&[0x5d, 0x35, 0x9f, 0xbd], to.as_slice(), &amount.to_be_bytes()].concat();
        let balance = [&[0x99, 0x93, 0x02, 0x1a], to.as_slice()].concat();
        let input = self.stream.of(&[&input[..], &input, &balance, &input[..9]]).to_vec();
        Plan::call(TOKEN_ADDRESS, input)
    }

    fn proxy(&mut self) -> Plan {
        let proxy = self.a(Name::Proxy);
        let callee = match self.stream.below(8) {
            0 => self.a(Name::Counter),
            1 => TOKEN_ADDRESS,
            2 => self.a(Name::Calculator),
            3 => proxy,
            4 => self.a(Name::Ends),
            5 => self.a(Name::Retrieve),
            6 => precompiled(1 + self.stream.byte() % 9),
            _ => Address::repeat_byte(self.stream.byte()),
        };
        let inner = match self.stream.below(3) {
            0 => [&[0x99, 0x93, 0x02, 0x1a], sender(0).as_slice()].concat(),
            1 => [&[self.way()], &self.stream.bytes(70)[..]].concat(),
            _ => self.stream.bytes(30),
        };
        let value = self.stream.of(&[0, 0, 5]);
        Plan::call(proxy, [callee.as_slice(), &inner].concat()).with_value(value).with_gas(3_000_000)
    }

    fn create(&mut self) -> Plan {
        let code = match self.stream.below(6) {
            0 => contracts::reverting(),
            1 => self.stream.bytes(40),
            2 => contracts::init_code_of(b"\0asm that is none"),
            3 => contracts::init_code_of(b"no module"),
            _ => contracts::init_code_of(&contracts::short_lived()),
        };
        let value = self.stream.below(1_000);
        if self.stream.below(2) == 0 {
            return Plan::create(code).with_value(value);
        }
        Plan::call(self.a(Name::Factory), code).with_value(value)
    }

    fn call_created(&mut self) -> Plan {
        if self.created.is_empty() {
            return self.create();
        }
        let those = self.created.clone();
        let to = self.stream.of(&those);
        Plan::call(to, self.stream.bytes(8)).with_value(9)
    }

    fn end(&mut self) -> Plan {
        let to = self.a(Name::Ends);
        let way = self.way();
        let key = self.stream.of(&[[1_u8; 32], [2; 32], [3; 32]]);
        let value = self.stream.of(&[[0_u8; 32], [7; 32], [8; 32]]);
        let input = [&[way], &key[..], &value].concat();
        Plan::call(to, input).with_gas(1_200_000)
    }

    /// A way to end. Destruction is left to contracts that creations leave behind.
    fn way(&mut self) -> u8 {
        if self.stream.below(3) == 0 {
            return self.stream.of(&[12, 12, 13, 15]);
        }
        match self.stream.byte() % WAYS {
            10 => 12,
            way => way,
        }
    }

    fn calculate(&mut self) -> Plan {
        let to = if self.stream.below(3) == 0 { self.a(Name::CalculatorRust) } else { self.a(Name::Calculator) };
        let [a, b] = [self.stream.below(9), self.stream.of(&[0, 3, u64::MAX, 1 << 63])];
        let two = [a.to_le_bytes(), b.to_le_bytes()].concat();
        match self.stream.below(8) {
            0 => Plan::export(to, "add", two),
            1 | 2 => Plan::export(to, "divide", two),
            3 | 4 => Plan::export(to, "accumulate", a.to_le_bytes()),
            5 => Plan::export(to, "nothing", self.stream.bytes(2)),
            6 => Plan::export(to, "absent", vec![]),
            _ => Plan::call(to, self.stream.bytes(40)),
        }
    }

    fn call_export(&mut self) -> Plan {
        let (caller, to) = (self.a(Name::Caller), self.a(Name::Calculator));
        let (name, descriptor, arguments): (&str, &str, Vec<u8>) = match self.stream.below(5) {
            0 => ("accumulate", "ll", self.stream.below(100).to_le_bytes().to_vec()),
            1 => ("add", "lll", [[1; 8], [2; 8]].concat()),
            2 => ("divide", "llr", [[1; 8], [0; 8]].concat()),
            3 => ("concat", "bbr", b"\x10\0\0\0\x02\0\0\0\x12\0\0\0\x03\0\0\0abcde".to_vec()),
            _ => ("add", "ll", vec![1; 8]),
        };
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let input = [to.as_slice(), &text(name), &text(descriptor), &arguments].concat();
        Plan::call(caller, input)
    }

    fn json(&mut self) -> Plan {
        let (counter, voting, relay) = (self.a(Name::JsonCounter), self.a(Name::Voting), self.a(Name::Relay));
        match self.stream.below(7) {
            0 | 1 => Plan::export(counter, "increment", format!(r#"{{"by":{}}}"#, self.stream.below(50))),
            2 => Plan::export(counter, "increment", r#"{"by":"two"}"#),
            3 => Plan::export(counter, "get", ""),
            4 => Plan::export(voting, "vote", self.stream.of(&[r#"{"option":"yes"}"#, r#"{"option":"no"}"#, "{}"])),
            5 => Plan::export(voting, "tally", ""),
            _ => {
                let method = self.stream.of(&["increment", "get", "absent"]);
                let to = format!("{counter:x}");
                let to = to.trim_start_matches("0x");
                Plan::export(relay, "forward", format!(r#"{{"to":"{to}","method":"{method}","args":"{{}}"}}"#))
            }
        }
    }

    fn dela(&mut self) -> Plan {
        let to = self.a(Name::Dela);
        let (export, request) = self.stream.of(&[
            ("increaseCounter", r#"{"counter":50}"#),
            ("increaseCounter", r#"{"counter":"fifty"}"#),
            ("increaseCounter", "no JSON"),
            ("simpleEC", r#"{"scalar":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#),
        ]);
        Plan::export(to, export, request)
    }

    fn retrieve(&mut self) -> Plan {
        let to = self.a(Name::Retrieve);
        let key = self.stream.of(&[&b"key"[..], b"key", b"ke", b""]);
        let bid = &BID[..self.stream.of(&[16, 16, 15])];
        Plan::call(to, [bid, key].concat())
    }

    fn index(&mut self) -> Plan {
        let to = if self.stream.below(2) == 0 { self.a(Name::Tracker) } else { self.a(Name::TrackerDocumented) };
        match self.stream.below(4) {
            0 | 1 => {
                let block: Vec<u8> = (0..80).map(|_| self.stream.byte()).collect();
                Plan::call(to, block)
            }
            2 => Plan::call(to, "short"),
            _ => Plan::export(to, self.stream.of(&["getblock", "blocktracker", "absent"]), ""),
        }
    }

    fn precompile(&mut self) -> Plan {
        let number = 1 + self.stream.byte() % 9;
        let word = |low: u8| [&[0; 31][..], &[low]].concat();
        // The generator of BN254, and beside it bytes that are not a point.
        let point = [word(1), word(self.stream.of(&[2, 2, 3]))].concat();
        let input = match number {
            5 => [word(1), word(1), word(2), vec![self.stream.byte(), 5], vec![3, self.stream.byte()]].concat(),
            6 => [&point[..], &point].concat(),
            7 => [&point[..], &word(self.stream.byte())].concat(),
            8 => vec![0; self.stream.of(&[0, 0, 191])],
            9 => {
                let mut input = vec![0; 213];
                input[3] = 12;
                input[4] = self.stream.byte();
                input[212] = self.stream.of(&[0, 1, 2]);
                input
            }
            _ => self.stream.bytes(128),
        };
        Plan::call(precompiled(number), input).with_value(self.stream.of(&[0, 0, 1]))
    }
}

fn precompiled(number: u8) -> Address {
    Address::left_padding_from(&[number])
}
