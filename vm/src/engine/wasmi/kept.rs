//! Instances that rest after their frame, and are made as new for the next frame of the same code.
//!
//! To make an instance takes longer than most frames run: a store, its functions, its exports, a memory of zeros. What is
//! kept is bounded, and only speed depends on it. What can change in an instance is in `module/renewal.rs`.

use super::{
    host::Host,
    instance::WasmiInstance,
    renewable::{Renewable, Renewal},
};
use crate::module::renewal::ActiveData;
use alloy_primitives::Bytes;
use lockstep_host::{AbiState, Entry, Fault, Frame, Message};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Instances that rest, at most.
const INSTANCES_MAX: usize = 64;

/// Bytes that all of them hold together, at most: of their memories and of the code that they keep compiled.
const BYTES_MAX: u64 = 32 * 1_024 * 1_024;

/// The instances that rest, the one that has rested longest first.
#[derive(Default)]
pub(super) struct Kept {
    resting: Mutex<Resting>,
}

#[derive(Default)]
struct Resting {
    instances: VecDeque<(Thread, WasmiInstance)>,
    bytes: u64,
}

/// A thread of this process, for as long as it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Thread(usize);

impl Thread {
    fn current() -> Self {
        // What belongs to a thread alone lies at an address of its own.
        thread_local!(static PLACE: u8 = const { 0 });
        PLACE.with(|place| Self(core::ptr::from_ref(place).addr()))
    }
}

impl Kept {
    /// A panic elsewhere cannot leave anything that matters: at worst an instance is made anew.
    fn lock(&self) -> MutexGuard<'_, Resting> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instance of the code `number` that has rested shortest: one that this thread had, if there is one, since the
    /// processor of another thread would have to give up its memory first.
    pub(super) fn take(&self, number: u64) -> Option<WasmiInstance> {
        let thread = Thread::current();
        let mut resting = self.lock();
        let of_code = |instance: &WasmiInstance| instance.number() == Some(number);
        let own = resting.instances.iter().rposition(|(had, instance)| *had == thread && of_code(instance));
        let place = own.or_else(|| resting.instances.iter().rposition(|(_, instance)| of_code(instance)))?;
        let (_, instance) = resting.instances.remove(place)?;
        resting.bytes = resting.bytes.saturating_sub(instance.kept_bytes());
        Some(instance)
    }

    /// Lets `instance` rest, if it can be made as new.
    pub(super) fn keep(&self, mut instance: WasmiInstance) {
        if !instance.rest() {
            return;
        }
        let mut leaving = Vec::new();
        let mut resting = self.lock();
        resting.bytes = resting.bytes.saturating_add(instance.kept_bytes());
        resting.instances.push_back((Thread::current(), instance));
        while resting.bytes > BYTES_MAX || resting.instances.len() > INSTANCES_MAX {
            let Some((_, oldest)) = resting.instances.pop_front() else { break };
            resting.bytes = resting.bytes.saturating_sub(oldest.kept_bytes());
            leaving.push(oldest);
        }
        // Dropping takes time, and others wait for the lock.
        drop(resting);
        drop(leaving);
    }
}

impl WasmiInstance {
    fn number(&self) -> Option<u64> {
        self.renewable.as_ref().map(|renewable| renewable.number)
    }

    fn kept_bytes(&self) -> u64 {
        self.renewable.as_ref().map_or(0, |renewable| renewable.renewal.bytes)
    }

    /// Notes how this instance of the code `number`, which is new, is made as new again.
    pub(super) fn note_renewal(&mut self, number: u64, renewal: &Arc<Renewal>) {
        let global = |(name, _): &(String, u32)| {
            let global = self.instance.get_global(&*self.store, name)?;
            Some((global, global.get(&*self.store)))
        };
        let globals: Option<Vec<_>> = renewal.globals.iter().map(global).collect();
        let memory_bytes = self.store.data().memory.map_or(0, |memory| memory.data_size(&*self.store));
        let renewal = Arc::clone(renewal);
        self.renewable = globals.map(|globals| Renewable { number, renewal, memory_bytes, globals });
    }

    /// Lets go of what belongs to the frame. False if the instance cannot be made as new.
    fn rest(&mut self) -> bool {
        let Some(renewable) = &self.renewable else { return false };
        let memory_bytes = self.store.data().memory.map_or(0, |memory| memory.data_size(&*self.store));
        self.suspended = None;
        self.store.data_mut().rest();
        memory_bytes == renewable.memory_bytes
    }

    /// Makes an instance that rested as new, for the frame of `host`.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if a value has no room where it was before.
    pub(super) fn renew(&mut self, host: Host) -> Result<(), Fault> {
        let Some(renewable) = &self.renewable else { return Err(lost()) };
        let memory = self.store.data().memory;
        *self.store.data_mut() = Host { memory, ..host };
        for (global, first) in &renewable.globals {
            global.set(&mut *self.store, first.clone()).map_err(|error| Fault::Broken(error.to_string()))?;
        }
        let memory = memory.map_or(Default::default(), |memory| memory.data_mut(&mut *self.store));
        memory.fill(0);
        for ActiveData { start, content } in &renewable.renewal.data {
            let content = renewable.renewal.code.get(content.clone()).ok_or_else(lost)?;
            let target = usize::try_from(*start).ok().and_then(|start| memory.get_mut(start..));
            target.and_then(|target| target.get_mut(..content.len())).ok_or_else(lost)?.copy_from_slice(content);
        }
        Ok(())
    }
}

fn lost() -> Fault {
    Fault::Broken("an instance was kept that cannot be made as new".into())
}

impl Host {
    /// Lets go of what the frame held: input, code, what came back, and what is the ABI's.
    fn rest(&mut self) {
        (self.session, self.stop, self.asked) = (None, None, None);
        // Destructured, so that nothing new is forgotten.
        let Frame { message, input, code, return_data, state, index: _, abi: _ } = &mut self.state.frame;
        let Message { input: entry, caller: _, address: _, value: _, is_static: _, depth: _ } = message;
        *entry = Entry::Main(Bytes::new());
        (*input, *code, *return_data) = (Bytes::new(), Bytes::new(), Bytes::new());
        *state = AbiState::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{Engine, Exit, FrameState, Instance, wasmi::Wasmi},
        journal::Journal,
        module::ValidModule,
        session::Session,
        state::MemoryState,
    };
    use alloy_primitives::{Address, U256};
    use lockstep_gas::{Abi, Gas, GasMeter, Revision};
    use lockstep_host::{BlockEnv, TransactionEnv};

    /// A function that looks at every byte of the memory, and one that overwrites all of them.
    const MEMORY: &str = r#"
        (memory (export "memory") 1)
        (func (export "main"))
        (func $sum (result i64) (local $at i32) (local $sum i64)
            (loop
                (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 1099511628211)) (i64.load (local.get $at))))
                (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 65536))))
            (local.get $sum))
        (func $soil (memory.fill (i32.const 0) (i32.const 0xaa) (i32.const 65536)))"#;

    fn parse(text: &str) -> ValidModule {
        let code = wat::parse_str(format!("(module {text})")).unwrap();
        ValidModule::parse(code.into(), Abi::Ewasm, &Revision::V1).unwrap()
    }

    fn state(gas: u64) -> FrameState {
        let message = Message {
            caller: Address::ZERO,
            address: Address::ZERO,
            value: U256::ZERO,
            input: Entry::Main(vec![7; 100].into()),
            is_static: false,
            depth: 0,
        };
        let frame = Frame {
            message,
            index: 0,
            abi: Abi::Ewasm,
            input: vec![7; 100].into(),
            code: Bytes::new(),
            return_data: vec![8; 100].into(),
            state: AbiState::default(),
        };
        FrameState { frame, gas: GasMeter::new(Gas::new(gas)), memory_pages_max: 100 }
    }

    fn session() -> Box<Session> {
        let journal = Journal::new(Arc::new(MemoryState::default()));
        let transaction = TransactionEnv { origin: Address::ZERO, nonce: 0, gas_price: U256::ZERO };
        Box::new(Session { journal, block: BlockEnv::default(), transaction })
    }

    /// Calls an export of a frame that has `gas`. Says what it gave, as text, and the gas that is left.
    fn call(instance: &mut WasmiInstance, export: &str) -> (String, u64) {
        let (exit, _) = instance.call(session(), export, &[]).unwrap();
        let exit = match exit {
            Exit::Returned(bits) => format!("{bits:x}"),
            Exit::Stopped(stop) => format!("{stop:?}"),
        };
        (exit, instance.gas().left().get())
    }

    /// The export `soil` changes what it can, and `look` sees it. Whether the instance is kept after that.
    const CASES: &[(&str, bool, &str)] = &[
        ("bytes", true, r#"(func (export "soil") (call $soil)) (func (export "look") (result i64) (call $sum))"#),
        (
            "data segments that overlap, and one at the end",
            true,
            r#"(data (i32.const 8) "abcdefgh") (data (i32.const 10) "XYZ") (data (i32.const 65533) "end")
            (func (export "soil") (call $soil)) (func (export "look") (result i64) (call $sum))"#,
        ),
        (
            "globals",
            true,
            r#"(global $a (mut i32) (i32.const -7)) (global i32 (i32.const 5)) (global $b (mut i64) (i64.const 1))
            (global $c (mut f32) (f32.const 1.5)) (global $d (mut f64) (f64.const nan:0x4000000000001))
            (func (export "soil") (global.set $a (i32.const 1)) (global.set $b (i64.const 2))
                (global.set $c (f32.const 3)) (global.set $d (f64.const 4)))
            (func (export "look") (result i64)
                (i64.xor (i64.xor (i64.extend_i32_u (global.get $a)) (i64.rotl (global.get $b) (i64.const 11)))
                    (i64.xor (i64.rotl (i64.extend_i32_u (i32.reinterpret_f32 (global.get $c))) (i64.const 23))
                        (i64.rotl (i64.reinterpret_f64 (global.get $d)) (i64.const 37)))))"#,
        ),
        (
            "a passive segment that stays",
            true,
            r#"(data $p "passive") (data $q (i32.const 99) "active")
            (func (export "soil") (memory.init $p (i32.const 0) (i32.const 0) (i32.const 7)))
            (func (export "look") (result i64)
                (call $sum) (memory.init $p (i32.const 50) (i32.const 0) (i32.const 7)) (i64.add (call $sum)))"#,
        ),
        (
            "a passive segment that is dropped",
            false,
            r#"(data $p "passive") (func (export "soil") (data.drop $p))
            (func (export "look") (result i64) (memory.init $p (i32.const 0) (i32.const 0) (i32.const 7)) (call $sum))"#,
        ),
        (
            "a table that stays",
            true,
            r#"(table 2 funcref) (elem (i32.const 0) $one $two) (type $t (func (result i64)))
            (func $one (result i64) (i64.const 1)) (func $two (result i64) (i64.const 2))
            (func (export "soil") (drop (call_indirect (type $t) (i32.const 1))) (call $soil))
            (func (export "look") (result i64) (i64.add (call $sum) (call_indirect (type $t) (i32.const 0))))"#,
        ),
        (
            "a table that is set",
            false,
            r#"(table $table 2 funcref) (elem (i32.const 0) $one $two) (type $t (func (result i64)))
            (func $one (result i64) (i64.const 1)) (func $two (result i64) (i64.const 2))
            (func (export "soil") (table.copy (i32.const 0) (i32.const 1) (i32.const 1)))
            (func (export "look") (result i64) (call_indirect (type $t) (i32.const 0)))"#,
        ),
        (
            "an element segment that is dropped",
            false,
            r#"(table $table 2 funcref) (elem $e func $one) (type $t (func (result i64))) (func $one (result i64) (i64.const 1))
            (func (export "soil") (elem.drop $e))
            (func (export "look") (result i64) (table.init $e (i32.const 0) (i32.const 0) (i32.const 1))
                (call_indirect (type $t) (i32.const 0)))"#,
        ),
        (
            "a memory that has grown",
            false,
            r#"(func (export "soil") (drop (memory.grow (i32.const 1))))
            (func (export "look") (result i64) (i64.extend_i32_u (memory.size)))"#,
        ),
        (
            "a trap on the way",
            true,
            r#"(global $a (mut i32) (i32.const 3))
            (func (export "soil") (global.set $a (i32.const 1)) (call $soil) (unreachable))
            (func (export "look") (result i64) (i64.add (call $sum) (i64.extend_i32_u (global.get $a))))"#,
        ),
        (
            "no gas on the way",
            true,
            r#"(global $a (mut i32) (i32.const 3))
            (func (export "soil") (call $soil) (loop (global.set $a (i32.add (global.get $a) (i32.const 1))) (br 0)))
            (func (export "look") (result i64) (i64.add (call $sum) (i64.extend_i32_u (global.get $a))))"#,
        ),
        (
            "an export by the engine's own name",
            false,
            r#"(global $a (export "(global 0)") (mut i32) (i32.const 3)) (func (export "soil") (global.set $a (i32.const 1)))
            (func (export "look") (result i64) (i64.extend_i32_u (global.get $a)))"#,
        ),
        (
            "a global that refers to a function",
            false,
            r#"(global $a (mut funcref) (ref.null func)) (func $f) (elem declare func $f)
            (func (export "soil") (global.set $a (ref.func $f)))
            (func (export "look") (result i64) (i64.extend_i32_u (ref.is_null (global.get $a))))"#,
        ),
    ];

    #[test]
    fn nothing_of_a_frame_is_seen_by_the_next() {
        for (case, is_kept, text) in CASES {
            let engine = Wasmi::new(Arc::new(Revision::V1)).unwrap();
            let code = engine.compile(&parse(&format!("{MEMORY} {text}"))).unwrap();
            let mut first = engine.instantiate(&code, state(1_000_000)).unwrap();
            let expected = call(&mut first, "look");
            drop(first);
            let mut soiled = engine.instantiate(&code, state(1_000_000)).unwrap();
            call(&mut soiled, "soil");
            engine.take_back(soiled);
            assert_eq!(engine.kept.lock().instances.len(), usize::from(*is_kept), "{case}");
            let mut next = engine.instantiate(&code, state(1_000_000)).unwrap();
            assert_eq!(engine.kept.lock().bytes, 0, "{case}");
            assert_eq!(next.frame(), &state(0).frame, "{case}");
            assert_eq!(call(&mut next, "look"), expected, "{case}");
        }
    }

    /// Byzantium has no exports of mutable globals, and a module may have such globals there all the same.
    #[test]
    fn a_global_that_cannot_be_exported_stays_hidden() {
        let text = "(memory (export \"memory\") 1) (global $a (mut i32) (i32.const 3)) (func (export \"main\") (global.set $a (i32.const 1)))";
        let code = wat::parse_str(format!("(module {text})")).unwrap();
        let revision = Arc::new(Revision::EWASM_BYZANTIUM);
        let valid = ValidModule::parse(code.into(), Abi::Ewasm, &revision).unwrap();
        let engine = Wasmi::new(revision).unwrap();
        let code = engine.compile(&valid).unwrap();
        engine.take_back(engine.instantiate(&code, state(100_000)).unwrap());
        assert_eq!(engine.kept.lock().instances.len(), 0);
    }

    #[test]
    fn an_instance_belongs_to_its_code() {
        let engine = Wasmi::new(Arc::new(Revision::V1)).unwrap();
        let code = |value: u32| {
            let text = format!("{MEMORY} (func (export \"look\") (result i64) (i64.const {value}))");
            engine.compile(&parse(&text)).unwrap()
        };
        let codes = [code(0), code(1), code(2)];
        for code in &codes {
            engine.take_back(engine.instantiate(code, state(100_000)).unwrap());
        }
        assert_eq!(engine.kept.lock().instances.len(), 3);
        for (number, code) in codes.iter().enumerate() {
            let mut instance = engine.instantiate(code, state(100_000)).unwrap();
            assert_eq!(call(&mut instance, "look").0, number.to_string());
            // One frame inside another of the same code.
            let mut inner = engine.instantiate(code, state(100_000)).unwrap();
            assert_eq!(call(&mut inner, "look").0, number.to_string());
            engine.take_back(inner);
            engine.take_back(instance);
        }
        assert_eq!(engine.kept.lock().instances.len(), 6);
    }

    /// Only speed depends on it, so nothing else would show it.
    #[test]
    fn a_thread_takes_what_it_had() {
        let engine = Wasmi::new(Arc::new(Revision::V1)).unwrap();
        let code = engine.compile(&parse(MEMORY)).unwrap();
        let [mine, other] = [(); 2].map(|()| engine.instantiate(&code, state(100_000)).unwrap());
        engine.take_back(mine);
        std::thread::scope(|scope| scope.spawn(|| engine.take_back(other)).join().unwrap());
        let thread = Thread::current();
        let resting = || engine.kept.lock().instances.iter().map(|(had, _)| *had == thread).collect::<Vec<_>>();
        assert_eq!(resting(), [true, false]);
        let taken = engine.instantiate(&code, state(100_000)).unwrap();
        assert_eq!(resting(), [false]);
        // What another thread had is better than nothing.
        let _second = engine.instantiate(&code, state(100_000)).unwrap();
        assert_eq!(resting(), []);
        drop(taken);
    }

    #[test]
    fn what_rests_is_bounded() {
        let engine = Wasmi::new(Arc::new(Revision::V1)).unwrap();
        for (pages, instances) in [(1, INSTANCES_MAX), (20, 25), (40, 0)] {
            let text = format!("(memory (export \"memory\") {pages}) (func (export \"main\"))");
            let code = engine.compile(&parse(&text)).unwrap();
            let live: Vec<_> = (0..100).map(|_| engine.instantiate(&code, state(100_000)).unwrap()).collect();
            live.into_iter().for_each(|instance| engine.take_back(instance));
            let resting = engine.kept.lock();
            let kept = resting.instances.iter().filter(|(_, instance)| instance.number() == Some(code.number));
            assert_eq!(kept.count(), instances, "{pages} pages");
            assert!(resting.bytes <= BYTES_MAX);
            let bytes = resting.instances.iter().fold(0, |sum, (_, instance)| sum + instance.kept_bytes());
            assert_eq!(resting.bytes, bytes);
        }
    }

    #[test]
    fn what_the_frame_held_does_not_rest() {
        let engine = Wasmi::new(Arc::new(Revision::V1)).unwrap();
        let code = engine.compile(&parse(MEMORY)).unwrap();
        engine.take_back(engine.instantiate(&code, state(100_000)).unwrap());
        let resting = engine.kept.lock();
        let frame = resting.instances[0].1.frame();
        assert_eq!((frame.input.len(), frame.return_data.len(), frame.code.len()), (0, 0, 0));
        assert_eq!(frame.message.input, Entry::Main(Bytes::new()));
    }
}
