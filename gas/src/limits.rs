//! Limits: consensus constants that bound what a module, a frame and a transaction can be.

use crate::abi::Class;
use borsh::BorshSerialize;

/// The limits of a revision: what bounds a module and its frames, for each class of ABIs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct LimitsByClass {
    /// Of [`Class::Contract`].
    pub contract: Limits,
    /// Of [`Class::Program`].
    pub program: Limits,
    /// Of [`Class::Indexer`].
    pub indexer: Limits,
}

impl LimitsByClass {
    /// `V1`.
    pub(crate) const V1: Self =
        Self { contract: Limits::V1_CONTRACT, program: Limits::V1_PROGRAM, indexer: Limits::V1_INDEXER };

    /// The same for every class.
    pub(crate) const BYZANTIUM: Self =
        Self { contract: Limits::BYZANTIUM, program: Limits::BYZANTIUM, indexer: Limits::BYZANTIUM };

    /// The same for every class.
    pub(crate) const SPEC: Self = Self { contract: Limits::SPEC, program: Limits::SPEC, indexer: Limits::SPEC };

    /// Whether a module within the limits of `earlier` for its class is within these.
    pub(crate) const fn hold_modules_of(&self, earlier: &Self) -> bool {
        let Self { contract, program, indexer } = earlier;
        self.contract.hold_modules_of(contract)
            && self.program.hold_modules_of(program)
            && self.indexer.hold_modules_of(indexer)
    }

    /// The limits of `class`.
    pub const fn of(&self, class: Class) -> &Limits {
        match class {
            Class::Contract => &self.contract,
            Class::Program => &self.program,
            Class::Indexer => &self.indexer,
        }
    }
}

/// Whether each number that `$later` holds a module to is as wide as that of `$earlier`, or wider. Each field is in one
/// of the three lists: the compiler demands it.
macro_rules! as_wide {
    ($later:ident, $earlier:ident, at_most: $($max:ident)*, at_least: $($min:ident)*, of_frames: $($other:ident)*) => {{
        let Self { $($max,)* $($min,)* $($other: _,)* } = $earlier;
        $($later.$max >= *$max)&&* && $($later.$min <= *$min)&&*
    }};
}

/// What bounds all frames of one transaction together, of all ABIs. Every number is the largest that is allowed,
/// but for those without `max`, which say what something counts as.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct TransactionLimits {
    /// Bytes of a transaction's input, and of the name of the export that it calls. A callee can be held to less.
    pub input_bytes_max: u32,
    /// Bytes of memory that all frames can have at one time: pages, instances, inputs, return data.
    pub memory_bytes_max: u64,
    /// Bytes that each frame counts as beside its pages: what an engine keeps for an instance of any module.
    pub frame_memory_bytes: u32,
    /// Bytes that each function, global, import, export, segment and element of an element segment counts as.
    pub item_memory_bytes: u32,
    /// Bytes that each element of a table counts as.
    pub table_element_memory_bytes: u32,
    /// Bytes of value stack that all frames could need at one time, each counted as `call_depth_max` times its module's
    /// largest function.
    pub stack_bytes_max: u64,
    /// Frames in progress below the transaction's own (Ethereum: 1,024). Every kind of call counts.
    pub frame_depth_max: u32,
    /// Logs.
    pub logs_max: u32,
    /// Bytes of data of all logs.
    pub log_bytes_max: u32,
}

impl TransactionLimits {
    /// `V1`.
    pub(crate) const V1: Self = Self {
        input_bytes_max: 4_194_304,
        memory_bytes_max: 268_435_456,
        frame_memory_bytes: 16_384,
        item_memory_bytes: 128,
        table_element_memory_bytes: 16,
        stack_bytes_max: 536_870_912,
        frame_depth_max: 1_024,
        logs_max: 128,
        log_bytes_max: 65_536,
    };

    /// `EWASM_BYZANTIUM` and `SPEC`: none that their tests reach, but Ethereum's depth.
    pub(crate) const CONFORMANCE: Self = Self {
        input_bytes_max: u32::MAX,
        memory_bytes_max: 8_589_934_592,
        frame_memory_bytes: 0,
        item_memory_bytes: 0,
        table_element_memory_bytes: 0,
        stack_bytes_max: u64::MAX,
        frame_depth_max: 1_024,
        logs_max: u32::MAX,
        log_bytes_max: u32::MAX,
    };
}

/// What bounds a module of one class of ABIs and each of its frames. Every number is the largest that is allowed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Limits {
    /// Bytes of a module.
    pub code_bytes_max: u32,
    /// Bytes of the code that a creation leaves behind (EIP-170 in `EWASM_BYZANTIUM`).
    pub created_code_bytes_max: u32,
    /// Functions of a module, imported ones included.
    pub functions_max: u32,
    /// Types of a module.
    pub types_max: u32,
    /// Globals of a module, imported ones included.
    pub globals_max: u32,
    /// Imports of a module.
    pub imports_max: u32,
    /// Exports of a module.
    pub exports_max: u32,
    /// Parameters of one function type.
    pub parameters_max: u32,
    /// Results of one function type.
    pub results_max: u32,
    /// Locals of one function, its parameters included.
    pub locals_max: u32,
    /// Values that one function can have on its operand stack.
    pub operands_max: u32,
    /// Parameters of all functions of a module.
    pub module_parameters_max: u32,
    /// Locals of all functions of a module, parameters included.
    pub module_locals_max: u32,
    /// Bytes of one function body.
    pub body_bytes_max: u32,
    /// Data segments of a module.
    pub data_segments_max: u32,
    /// Element segments of a module.
    pub element_segments_max: u32,
    /// Elements of all element segments of a module: each instantiation goes through them.
    pub elements_max: u32,
    /// Targets of one `br_table`, without the default.
    pub br_table_targets_max: u32,
    /// Bytes of a module for each value that branches (at each target), blocks and calls hand over, beside the first
    /// [`FREE_OF_BYTES`](Self::FREE_OF_BYTES); a `memory.grow` and a direct call of `gas_tick` count as 4. Translating each takes longer than a byte of plain
    /// code (`docs/decisions/0013`). 0 for no limit.
    pub bytes_per_moved_value_min: u32,
    /// Locals of all functions of a module, parameters included, for each byte of its code, beside the first
    /// [`FREE_OF_BYTES`](Self::FREE_OF_BYTES).
    pub locals_per_byte_max: u32,
    /// Bytes of a module for each function of its own. 0 for no limit.
    pub bytes_per_function_min: u32,
    /// Operators of one constant expression, its `end` not counted. wasmi 2.0.0 evaluates and drops them by recursion:
    /// an expression of 300,000 additions, valid and below every other limit, overflows the native stack (measured).
    /// Compilers write at most 3: `global.get`, `i32.const`, `i32.add`. Each instance evaluates those of all its globals, and
    /// an engine may keep them as nodes in its memory: with 31 of them an instance took 37 times as long as its price on a heap that
    /// was much used (measured).
    pub const_operators_max: u32,
    /// Tables of a module.
    pub tables_max: u32,
    /// Elements of one table, at start and when grown.
    pub table_elements_max: u32,
    /// Pages of one memory, at start and when grown.
    pub memory_pages_max: u32,
    /// Wasm calls in progress in one frame.
    pub call_depth_max: u32,
    /// Bytes of a storage key.
    pub storage_key_bytes_max: u32,
    /// Bytes of a storage value.
    pub storage_value_bytes_max: u32,
    /// Bytes of the input of a frame.
    pub input_bytes_max: u32,
    /// Bytes of the output of a frame that returns.
    pub output_bytes_max: u32,
    /// Bytes of the output of a frame that reverts.
    pub revert_bytes_max: u32,
    /// Bytes of the data of one log.
    pub log_bytes_max: u32,
}

impl Limits {
    /// Whether a module within the limits of `earlier` is within these too. What bounds frames and not modules can be
    /// any number.
    pub(crate) const fn hold_modules_of(&self, earlier: &Self) -> bool {
        as_wide! { self, earlier,
            at_most: code_bytes_max functions_max types_max globals_max imports_max exports_max parameters_max results_max
                locals_max operands_max module_parameters_max module_locals_max body_bytes_max data_segments_max
                element_segments_max elements_max br_table_targets_max locals_per_byte_max const_operators_max tables_max
                table_elements_max memory_pages_max,
            at_least: bytes_per_moved_value_min bytes_per_function_min,
            of_frames: created_code_bytes_max call_depth_max storage_key_bytes_max storage_value_bytes_max
                input_bytes_max output_bytes_max revert_bytes_max log_bytes_max
        }
    }

    /// What a module of any size may have of that which its bytes bound.
    pub const FREE_OF_BYTES: u64 = 1_024;

    /// `V1`, [`Class::Contract`].
    pub(crate) const V1_CONTRACT: Self = Self {
        code_bytes_max: 1_048_576,
        created_code_bytes_max: 1_048_576,
        functions_max: 10_000,
        types_max: 1_024,
        globals_max: 1_000,
        imports_max: 100,
        exports_max: 100,
        parameters_max: 32,
        results_max: 16,
        locals_max: 1_024,
        operands_max: 1_024,
        module_parameters_max: 10_000,
        module_locals_max: 50_000,
        body_bytes_max: 196_608,
        data_segments_max: 1_000,
        element_segments_max: 1_000,
        elements_max: 10_000,
        br_table_targets_max: 4_096,
        bytes_per_moved_value_min: 2,
        locals_per_byte_max: 4,
        bytes_per_function_min: 8,
        const_operators_max: 7,
        tables_max: 1,
        table_elements_max: 4_096,
        memory_pages_max: 512,
        call_depth_max: 1_024,
        storage_key_bytes_max: 1_024,
        storage_value_bytes_max: 65_536,
        input_bytes_max: 131_072,
        output_bytes_max: 131_072,
        revert_bytes_max: 16_384,
        log_bytes_max: 16_384,
    };

    /// `V1`, [`Class::Program`]: the runtime of a language comes along. Go's has 1.6 to 2.5 MB, and 4.4 MB with Go 1.27's
    /// `encoding/json`. `TinyGo` passes the fields of a struct as parameters: functions with 45 occur. Without
    /// optimisation, clang up to 13 and emscripten up to 2 give each value a local of its own: 4,561 in json-c's parser, 5,500 in BLAKE2b.
    pub(crate) const V1_PROGRAM: Self = Self {
        code_bytes_max: 8_388_608,
        created_code_bytes_max: 8_388_608,
        functions_max: 20_000,
        types_max: 4_096,
        imports_max: 200,
        exports_max: 200,
        parameters_max: 128,
        locals_max: 8_192,
        module_parameters_max: 40_000,
        module_locals_max: 400_000,
        body_bytes_max: 1_048_576,
        data_segments_max: 100_000,
        elements_max: 20_000,
        br_table_targets_max: 16_384,
        table_elements_max: 16_384,
        memory_pages_max: 1_024,
        storage_value_bytes_max: 4_194_304,
        input_bytes_max: 4_194_304,
        output_bytes_max: 4_194_304,
        ..Self::V1_CONTRACT
    };

    /// `V1`, [`Class::Indexer`]: a program that holds a block and its caches at once.
    pub(crate) const V1_INDEXER: Self = Self { memory_pages_max: 4_096, ..Self::V1_PROGRAM };

    /// `EWASM_BYZANTIUM`: Ethereum's own limits where it has some, otherwise none that its tests reach. Instructions
    /// are not metered there, so the numbers only keep an engine's memory finite.
    pub(crate) const BYZANTIUM: Self = Self {
        code_bytes_max: u32::MAX,
        created_code_bytes_max: 24_576,
        functions_max: 100_000,
        types_max: 100_000,
        globals_max: 100_000,
        imports_max: 10_000,
        exports_max: 100,
        parameters_max: 1_000,
        results_max: 1,
        locals_max: 10_000,
        operands_max: 10_000,
        module_parameters_max: u32::MAX,
        module_locals_max: u32::MAX,
        body_bytes_max: 7_654_321,
        data_segments_max: 100_000,
        element_segments_max: 100_000,
        elements_max: 1_000_000,
        br_table_targets_max: 65_520,
        bytes_per_moved_value_min: 0,
        locals_per_byte_max: u32::MAX,
        bytes_per_function_min: 0,
        const_operators_max: 63,
        tables_max: 1,
        table_elements_max: 1_000_000,
        memory_pages_max: 65_536,
        call_depth_max: 1_024,
        storage_key_bytes_max: 32,
        storage_value_bytes_max: 32,
        input_bytes_max: u32::MAX,
        output_bytes_max: u32::MAX,
        revert_bytes_max: u32::MAX,
        log_bytes_max: u32::MAX,
    };

    /// `SPEC`: those of Byzantium, which are large, and what the features of `SPEC` need beyond them.
    pub(crate) const SPEC: Self = Self {
        parameters_max: 10_000,
        results_max: 10_000,
        locals_max: 50_000,
        exports_max: 100_000,
        imports_max: 100_000,
        const_operators_max: 1_000,
        tables_max: 1_000,
        table_elements_max: 10_000_000,
        call_depth_max: 1_024,
        ..Self::BYZANTIUM
    };
}
