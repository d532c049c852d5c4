//! Values, their types' defaults, and the operand stack.

use lockstep_host::{Fault, Stop};
use lockstep_vm::module::ValType;

/// What an instruction returns: nothing, a value, or the reason why the thread does not go on.
pub(crate) type Executed<T> = Result<T, Stop>;

/// The stop for what validation excludes: this interpreter or the module's verdict is wrong, and this node must not
/// go on.
pub(crate) fn broken(what: &str) -> Stop {
    Stop::Fault(Fault::Broken(format!("the reference interpreter met {what}")))
}

/// A value of the specification. Numbers are bits; a reference to a function is its address in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    FuncRef(Option<usize>),
    ExternRef(Option<u32>),
}

impl Value {
    /// The value that a local or a table begins with (specification, `default`).
    pub(crate) const fn default_of(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32(0),
            ValType::I64 => Self::I64(0),
            ValType::F32 => Self::F32(0),
            ValType::F64 => Self::F64(0),
            ValType::FuncRef => Self::FuncRef(None),
            ValType::ExternRef => Self::ExternRef(None),
        }
    }

    /// The type.
    pub(crate) const fn ty(self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::FuncRef(_) => ValType::FuncRef,
            Self::ExternRef(_) => ValType::ExternRef,
        }
    }

    /// The bits of an integer or float.
    pub(crate) const fn bits(self) -> Option<u64> {
        match self {
            Self::I32(bits) | Self::F32(bits) => Some(bits as u64),
            Self::I64(bits) | Self::F64(bits) => Some(bits),
            Self::FuncRef(_) | Self::ExternRef(_) => None,
        }
    }

    /// The number of type `ty` with these bits; the upper half is dropped where there is no room for it.
    pub(crate) fn of_bits(ty: ValType, bits: u64) -> Executed<Self> {
        match ty {
            ValType::I32 => Ok(Self::I32(low(bits))),
            ValType::I64 => Ok(Self::I64(bits)),
            ValType::F32 => Ok(Self::F32(low(bits))),
            ValType::F64 => Ok(Self::F64(bits)),
            ValType::FuncRef | ValType::ExternRef => Err(broken("the bits of a reference")),
        }
    }
}

/// The lower 32 bits.
pub(crate) const fn low(bits: u64) -> u32 {
    let [a, b, c, d, ..] = bits.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// An index of the module or an address of the guest as an index of the host, which has at least 32 bits.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The operand stack of a thread; each activation's operands stand above a height of its own.
#[derive(Debug, Default)]
pub(crate) struct Operands(Vec<Value>);

impl Operands {
    pub(crate) fn push(&mut self, value: Value) {
        self.0.push(value);
    }

    pub(crate) fn pop(&mut self) -> Executed<Value> {
        self.0.pop().ok_or_else(|| broken("an empty operand stack"))
    }

    pub(crate) fn pop_i32(&mut self) -> Executed<u32> {
        match self.pop()? {
            Value::I32(value) => Ok(value),
            _ => Err(broken("an operand that is no i32")),
        }
    }

    pub(crate) fn pop_i64(&mut self) -> Executed<u64> {
        match self.pop()? {
            Value::I64(value) => Ok(value),
            _ => Err(broken("an operand that is no i64")),
        }
    }

    /// The bits of a number.
    pub(crate) fn pop_bits(&mut self) -> Executed<u64> {
        self.pop()?.bits().ok_or_else(|| broken("an operand that is no number"))
    }

    /// The topmost `count` values, the deepest first.
    pub(crate) fn pop_many(&mut self, count: usize) -> Executed<Vec<Value>> {
        let height = self.0.len().checked_sub(count).ok_or_else(|| broken("too few operands"))?;
        Ok(self.0.split_off(height))
    }

    pub(crate) fn push_many(&mut self, values: Vec<Value>) {
        self.0.extend(values);
    }

    pub(crate) fn height(&self) -> usize {
        self.0.len()
    }

    /// Keeps the topmost `count` values and drops what is between them and `height`.
    pub(crate) fn unwind(&mut self, height: usize, count: usize) -> Executed<()> {
        let kept = self.pop_many(count)?;
        self.0.truncate(height);
        self.push_many(kept);
        Ok(())
    }
}
