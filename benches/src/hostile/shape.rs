//! The usual form of a program: a loop around instructions that leave the stack as they found it.

use super::program::{Program, Subject, Work};
use crate::{programs::module, scene::address};
use core::fmt::Write as _;
use lockstep_vm::Abi;

/// Where the number of turns is put, at the end of the first page.
const TURNS: u32 = 65_532;

/// Where the addresses of the callees stand, 32 bytes apart.
const CALLEES: u32 = 61_440;

/// Where 32 zeros stand: no value, the key of no number.
pub(super) const ZEROS: u32 = 61_000;

/// Locals of every shape, with values that each setup can change.
const LOCALS: &str = "(local $turns i32) (local $zero i32)
  (local $i i32) (local $j i32) (local $k i64) (local $l i64)
  (local $f f32) (local $g f32) (local $d f64) (local $e f64)
  (local.set $i (i32.const 0x7fffffff)) (local.set $j (i32.const 3))
  (local.set $k (i64.const 0x7fffffffffffffff)) (local.set $l (i64.const 3))";

/// Instructions in a loop, and what they need around them.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// What is special about it, unique among those of its subject.
    pub(super) name: String,
    /// Imports, one after the other.
    pub(super) imports: String,
    /// What else the module holds.
    pub(super) fields: String,
    /// Locals beyond the usual.
    pub(super) locals: String,
    /// Pages of memory, at least 1.
    pub(super) pages: u32,
    /// Instructions before the loop.
    pub(super) setup: String,
    /// Instructions in the loop.
    pub(super) body: String,
    /// How often they stand there.
    pub(super) copies: usize,
    /// Contracts that can be called, the first at [`callee`] 0.
    pub(super) callees: Vec<(Abi, Vec<u8>)>,
    /// Accounts without code, and keys of the contract's storage, that the state holds.
    pub(super) state: u32,
    /// Bytes of input beyond the number of turns.
    pub(super) input_bytes: usize,
    /// Whether the database of [`super::stored`] is below the state.
    pub(super) on_store: bool,
    /// Bytes of compiled modules that the machine keeps, if not as many as usual.
    pub(super) cache_bytes: Option<u64>,
    /// How the contract gets its input and returns its output.
    pub(super) face: Face,
}

/// The ABI of the contract that is measured, as far as a shape has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Face {
    abi: Abi,
    /// Imports and fields.
    fields: &'static str,
    /// Parameters and results of `main`.
    ty: &'static str,
    /// Instructions that put the input where the number of turns is looked for.
    read: &'static str,
    /// What `main` leaves.
    result: &'static str,
}

impl Face {
    const EWASM: Self = Self {
        abi: Abi::Ewasm,
        fields: "(import \"ethereum\" \"callDataCopy\" (func $input (param i32 i32 i32)))",
        ty: "",
        read: "(call $input (i32.const 65532) (i32.const 0) (i32.const 4))",
        result: "",
    };

    /// `json`: the whole input goes to the place of the turns.
    pub(super) const JSON: Self = Self {
        abi: Abi::Json,
        fields: "(import \"env\" \"args_read\" (func $input (param i32)))",
        ty: "",
        read: "(call $input (i32.const 65532))",
        result: "",
    };

    /// `dela`: the input is at 60,000, a reply that accepts at 60,100.
    pub(super) const DELA: Self = Self {
        abi: Abi::Dela,
        fields: "",
        ty: "(param $request i32) (result i32)",
        read: "(i32.store (i32.const 65532) (i32.load (local.get $request)))",
        result: "(i32.const 60100)",
    };

    /// `wasi`: the input is read to the place of the turns, through a vector at 65,500.
    pub(super) const WASI: Self = Self {
        abi: Abi::Wasi,
        fields: "(import \"wasi_snapshot_preview1\" \"fd_read\" (func $input (param i32 i32 i32 i32) (result i32)))",
        ty: "",
        read: "(i32.store (i32.const 65500) (i32.const 65532)) (i32.store (i32.const 65504) (i32.const 4))
           (drop (call $input (i32.const 0) (i32.const 65500) (i32.const 1) (i32.const 65508)))",
        result: "",
    };

    /// `metashrew`: the input is loaded to the place of the turns, behind the height. A failure is noted at
    /// the end, so that the block returns.
    pub(super) const METASHREW: Self = Self {
        abi: Abi::Metashrew,
        fields: "(import \"env\" \"__load_input\" (func $input (param i32)))
                 (import \"env\" \"abort\" (func $end (param i32 i32 i32 i32)))",
        ty: "",
        read: "(call $input (i32.const 65528))",
        result: "(call $end (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))",
    };

    /// The export that a call runs.
    const fn export(self) -> &'static str {
        if matches!(self.abi, Abi::Metashrew) { "_start" } else { "main" }
    }

    /// What has to stand behind the imports.
    const fn more(self) -> &'static str {
        match self.abi {
            Abi::Dela => {
                "(func (export \"malloc\") (param i32) (result i32) (i32.const 60000)) (func (export \"free\") (param i32))
                 (data (i32.const 60100) \"{\\22Accepted\\22:\\22true\\22,\\22result\\22:\\22\\22}\\00\")"
            }
            _ => "",
        }
    }
}

/// The place of the address of callee number `number`, from 0.
pub(super) const fn callee(number: u32) -> u32 {
    CALLEES + 32 * number
}

impl Shape {
    /// Instructions that need nothing but a page of memory and the locals.
    pub(super) fn new(name: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            imports: String::new(),
            fields: String::new(),
            locals: String::new(),
            pages: 1,
            setup: String::new(),
            body: body.into(),
            copies: 32,
            callees: Vec::new(),
            state: 0,
            input_bytes: 0,
            on_store: false,
            cache_bytes: None,
            face: Face::EWASM,
        }
    }

    /// The same in a contract of another ABI.
    pub(super) fn face(self, face: Face) -> Self {
        Self { face, ..self }
    }

    /// The same with more imports.
    pub(super) fn import(mut self, module: &str, name: &str, declaration: &str) -> Self {
        let _ = write!(self.imports, "(import \"{module}\" \"{name}\" (func {declaration}))");
        self
    }

    /// The same with more in the module.
    pub(super) fn fields(mut self, fields: impl AsRef<str>) -> Self {
        self.fields.push_str(fields.as_ref());
        self
    }

    /// The same with more locals.
    pub(super) fn locals(self, locals: String) -> Self {
        Self { locals, ..self }
    }

    /// The same with `bytes` at `offset` of memory.
    pub(super) fn data(self, offset: u32, bytes: &[u8]) -> Self {
        let text = data_text(bytes);
        self.fields(format!("(data (i32.const {offset}) \"{text}\")"))
    }

    /// The same with more before the loop.
    pub(super) fn setup(mut self, setup: impl AsRef<str>) -> Self {
        self.setup.push_str(setup.as_ref());
        self
    }

    /// The same with a memory of another size.
    pub(super) fn pages(self, pages: u32) -> Self {
        Self { pages, ..self }
    }

    /// The same with the instructions standing `copies` times in the loop.
    pub(super) fn copies(self, copies: usize) -> Self {
        Self { copies, ..self }
    }

    /// The same with one more contract to call.
    pub(super) fn callee(mut self, abi: Abi, code: Vec<u8>) -> Self {
        self.callees.push((abi, code));
        self
    }

    /// The same on a state with so many accounts and keys.
    pub(super) fn state(self, state: u32) -> Self {
        Self { state, ..self }
    }

    /// The same with a longer input.
    pub(super) fn input_bytes(self, input_bytes: usize) -> Self {
        Self { input_bytes, ..self }
    }

    /// The same on a machine that keeps no compiled module.
    pub(super) fn cold(self) -> Self {
        Self { cache_bytes: Some(0), ..self }
    }

    /// The contract.
    pub(super) fn code(&self) -> anyhow::Result<Vec<u8>> {
        let Self { imports, fields, locals, pages, setup, body, face, .. } = self;
        let Face { fields: own, ty, read, result, .. } = face;
        let body = body.repeat(self.copies);
        let addresses = (0..self.callees.len()).try_fold(String::new(), |mut text, number| {
            let address = address(u64::try_from(number)? + 2);
            let place = callee(u32::try_from(number)?);
            write!(text, "(data (i32.const {place}) \"{}\")", data_text(address.as_slice()))?;
            anyhow::Ok(text)
        })?;
        module(&format!(
            "(module {own} {imports} {more}
               {fields} {addresses} (memory (export \"memory\") {pages})
               (func $main (export \"{export}\") {ty} {locals} {LOCALS}
                 {read}
                 (local.set $turns (i32.load (i32.const {TURNS})))
                 {setup}
                 (loop $next {body}
                   (br_if $next (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
                 {result}))",
            more = face.more(),
            export = face.export()
        ))
    }

    /// The program.
    pub(super) fn program(&self) -> anyhow::Result<Program> {
        let contracts = [(self.face.abi, self.code()?)].into_iter().chain(self.callees.iter().cloned()).collect();
        let mut program = Program::turns(contracts);
        program.work = Work::Turns { input_bytes: self.input_bytes };
        program.on_store = self.on_store;
        program.cache_bytes = self.cache_bytes.unwrap_or(program.cache_bytes);
        for number in 0..self.state {
            let mut key = number.to_le_bytes().to_vec();
            key.resize(32, 0);
            program.state.put_storage(address(1), key.clone(), vec![1; 32]);
            key.truncate(20);
            let account = lockstep_vm::Account { nonce: 1, ..lockstep_vm::Account::default() };
            program.state.accounts.insert(lockstep_vm::Address::from_slice(&key), account);
        }
        Ok(program)
    }

    /// The row that is measured.
    pub(super) fn of(self, subject: Subject) -> super::Recipe {
        let name = format!("{subject}: {}", self.name);
        super::Recipe::new(subject, name, move || self.program())
    }
}

/// Bytes as the text of a data segment.
pub(super) fn data_text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}
