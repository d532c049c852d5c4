//! The store of the specification: what instances own and share, by address.

use crate::{
    instruction::Body,
    module::Limits,
    value::{Executed, Value, broken, index},
};
use lockstep_gas::{Abi, InstructionPrices, PAGE_BYTES, Revision};
use lockstep_host::{Fault, HostImport, Stop};
use lockstep_vm::module::{FunctionType, GlobalType, ValType};
use std::{collections::BTreeMap, sync::Arc};

/// Pages of a 32-bit memory (specification, memory types).
const PAGES_MAX: u64 = 65_536;

/// A function instance.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) ty: FunctionType,
    pub(crate) code: Code,
}

#[derive(Debug, Clone)]
pub(crate) enum Code {
    /// A function of an instance: its index there, imports counted first.
    Wasm { instance: usize, function: u32, body: Arc<Body> },
    /// A function of the host.
    Host(&'static HostImport),
    /// A function that the host does not have.
    Unknown,
}

/// A table instance.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) element: ValType,
    pub(crate) elements: Vec<Value>,
    maximum: Option<u32>,
}

/// A memory instance.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    pub(crate) maximum: Option<u32>,
}

/// A global instance.
#[derive(Debug)]
pub(crate) struct Global {
    pub(crate) ty: GlobalType,
    pub(crate) value: Value,
}

/// What an import is given, or an export means, by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extern {
    Function(usize),
    Table(usize),
    Memory(usize),
    Global(usize),
}

/// A module instance: the addresses behind the indices of its module.
#[derive(Debug, Default)]
pub(crate) struct Instance {
    pub(crate) types: Vec<FunctionType>,
    pub(crate) functions: Vec<usize>,
    pub(crate) tables: Vec<usize>,
    pub(crate) memories: Vec<usize>,
    pub(crate) globals: Vec<usize>,
    pub(crate) elements: Vec<usize>,
    pub(crate) data: Vec<usize>,
    pub(crate) exports: BTreeMap<String, Extern>,
}

/// What the revision and the frame allow.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) memory_pages_max: u64,
    pub(crate) table_elements_max: u32,
    pub(crate) call_depth_max: usize,
    /// `None` where instructions are not metered.
    pub(crate) prices: Option<InstructionPrices>,
}

impl Bounds {
    pub(crate) fn of(revision: &Revision, abi: Abi, memory_pages_max: u64) -> Self {
        let limits = revision.limits(abi);
        Self {
            memory_pages_max,
            table_elements_max: limits.table_elements_max,
            call_depth_max: index(limits.call_depth_max),
            prices: revision.schedule.instructions.clone(),
        }
    }
}

/// The store.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) bounds: Bounds,
    pub(crate) functions: Vec<Function>,
    pub(crate) tables: Vec<Table>,
    pub(crate) memories: Vec<Memory>,
    pub(crate) globals: Vec<Global>,
    /// Element segments; empty once dropped.
    pub(crate) elements: Vec<Vec<Value>>,
    /// Data segments; empty once dropped.
    pub(crate) data: Vec<Vec<u8>>,
    pub(crate) instances: Vec<Instance>,
}

impl Store {
    pub(crate) const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            functions: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            elements: Vec::new(),
            data: Vec::new(),
            instances: Vec::new(),
        }
    }

    pub(crate) fn instance(&self, instance: usize) -> Executed<&Instance> {
        self.instances.get(instance).ok_or_else(|| broken("an instance that is not there"))
    }

    pub(crate) fn function(&self, address: usize) -> Executed<&Function> {
        self.functions.get(address).ok_or_else(|| broken("a function that is not there"))
    }

    pub(crate) fn table(&mut self, instance: usize, table: u32) -> Executed<&mut Table> {
        let address = address(&self.instance(instance)?.tables, table)?;
        self.tables.get_mut(address).ok_or_else(|| broken("a table that is not there"))
    }

    pub(crate) fn memory(&mut self, instance: usize, memory: u32) -> Executed<&mut Memory> {
        let address = address(&self.instance(instance)?.memories, memory)?;
        self.memories.get_mut(address).ok_or_else(|| broken("a memory that is not there"))
    }

    pub(crate) fn global(&mut self, instance: usize, global: u32) -> Executed<&mut Global> {
        let address = address(&self.instance(instance)?.globals, global)?;
        self.globals.get_mut(address).ok_or_else(|| broken("a global that is not there"))
    }

    pub(crate) fn element(&mut self, instance: usize, element: u32) -> Executed<&mut Vec<Value>> {
        let address = address(&self.instance(instance)?.elements, element)?;
        self.elements.get_mut(address).ok_or_else(|| broken("an element segment that is not there"))
    }

    pub(crate) fn data(&mut self, instance: usize, data: u32) -> Executed<&mut Vec<u8>> {
        let address = address(&self.instance(instance)?.data, data)?;
        self.data.get_mut(address).ok_or_else(|| broken("a data segment that is not there"))
    }

    /// The address of the function with that index.
    pub(crate) fn function_address(&self, instance: usize, function: u32) -> Executed<usize> {
        address(&self.instance(instance)?.functions, function)
    }
}

/// The address of an index.
pub(crate) fn address(addresses: &[usize], at: u32) -> Executed<usize> {
    addresses.get(index(at)).copied().ok_or_else(|| broken("an index of nothing"))
}

impl Memory {
    /// A memory of zeros.
    ///
    /// # Errors
    ///
    /// A fault if this node has no memory for it.
    pub(crate) fn new(limits: Limits) -> Executed<Self> {
        let mut memory = Self { bytes: Vec::new(), maximum: limits.maximum };
        memory.extend(u64::from(limits.minimum))?;
        Ok(memory)
    }

    pub(crate) fn pages(&self) -> u32 {
        u64::try_from(self.bytes.len()).map_or(u32::MAX, |bytes| u32::try_from(bytes / PAGE_BYTES).unwrap_or(u32::MAX))
    }

    /// Whether it can grow by `pages`: up to its own maximum and `pages_max`.
    pub(crate) fn can_grow(&self, pages: u32, pages_max: u64) -> bool {
        let maximum = self.maximum.map_or(PAGES_MAX, u64::from).min(PAGES_MAX).min(pages_max);
        u64::from(self.pages()).saturating_add(u64::from(pages)) <= maximum
    }

    /// Adds pages of zeros.
    pub(crate) fn extend(&mut self, pages: u64) -> Executed<()> {
        let bytes = usize::try_from(pages.saturating_mul(PAGE_BYTES)).map_err(|_| Stop::Fault(Fault::OutOfMemory))?;
        self.bytes.try_reserve_exact(bytes).map_err(|_| Stop::Fault(Fault::OutOfMemory))?;
        let length = self.bytes.len().saturating_add(bytes);
        self.bytes.resize(length, 0);
        Ok(())
    }
}

impl Table {
    pub(crate) fn new(element: ValType, limits: Limits, init: Value) -> Executed<Self> {
        let mut table = Self { element, elements: Vec::new(), maximum: limits.maximum };
        table.extend(limits.minimum, init)?;
        Ok(table)
    }

    pub(crate) const fn maximum(&self) -> Option<u32> {
        self.maximum
    }

    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.elements.len()).unwrap_or(u32::MAX)
    }

    /// Whether it can grow by `count`: up to its own maximum and `elements_max`.
    pub(crate) fn can_grow(&self, count: u32, elements_max: u32) -> bool {
        let maximum = self.maximum.unwrap_or(u32::MAX).min(elements_max);
        self.size().checked_add(count).is_some_and(|size| size <= maximum)
    }

    pub(crate) fn extend(&mut self, count: u32, init: Value) -> Executed<()> {
        self.elements.try_reserve_exact(index(count)).map_err(|_| Stop::Fault(Fault::OutOfMemory))?;
        let length = self.elements.len().saturating_add(index(count));
        self.elements.resize(length, init);
        Ok(())
    }
}
