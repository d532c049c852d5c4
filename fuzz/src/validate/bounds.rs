//! The limits of a module, and the numbers of a module that they bound.

use lockstep_gas::Limits;

/// What a limit has to be for a module to keep it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    /// This much or more.
    AtLeast(u64),
    /// This much or less.
    AtMost(u64),
    /// Anything: the module has nothing of what is bounded.
    Any,
}

impl Bound {
    /// Whether the module keeps `limit`.
    pub(super) fn admits(self, limit: u32) -> bool {
        match self {
            Self::AtLeast(least) => u64::from(limit) >= least,
            Self::AtMost(most) => u64::from(limit) <= most,
            Self::Any => true,
        }
    }

    /// The strictest limit that the module keeps and the one next to it, which it does not; `None` if it keeps all.
    pub(super) fn edge(self) -> Option<[u32; 2]> {
        let (kept, broken) = match self {
            Self::AtLeast(least) => (least, least.checked_sub(1)?),
            Self::AtMost(most) => (most, most + 1),
            Self::Any => return None,
        };
        Some([kept, broken].map(|limit| u32::try_from(limit).expect("small")))
    }
}

/// How many of `items` each of `bytes`, of which there are some, has to admit.
pub(super) fn needed_for_each(items: u64, bytes: u64) -> u64 {
    items.div_ceil(bytes)
}

/// How many of `bytes` each of `items` can be asked to have. To ask for none is no limit.
pub(super) fn bytes_for_each(bytes: u64, items: u64) -> Bound {
    bytes.checked_div(items).map_or(Bound::Any, Bound::AtMost)
}

/// Number of limits.
pub(super) const LIMITS: usize = 24;

/// Every limit of a module, and what it is a limit of.
pub(super) fn limits_of(limits: &mut Limits) -> [(&'static str, &mut u32); LIMITS] {
    [
        ("bytes", &mut limits.code_bytes_max),
        ("types", &mut limits.types_max),
        ("parameters", &mut limits.parameters_max),
        ("results", &mut limits.results_max),
        ("imports", &mut limits.imports_max),
        ("functions", &mut limits.functions_max),
        ("parameters of all", &mut limits.module_parameters_max),
        ("tables", &mut limits.tables_max),
        ("table elements", &mut limits.table_elements_max),
        ("memory pages", &mut limits.memory_pages_max),
        ("globals", &mut limits.globals_max),
        ("exports", &mut limits.exports_max),
        ("element segments", &mut limits.element_segments_max),
        ("elements", &mut limits.elements_max),
        ("data segments", &mut limits.data_segments_max),
        ("operators of a constant expression", &mut limits.const_operators_max),
        ("bytes of a body", &mut limits.body_bytes_max),
        ("locals", &mut limits.locals_max),
        ("locals of all", &mut limits.module_locals_max),
        ("operands", &mut limits.operands_max),
        ("targets", &mut limits.br_table_targets_max),
        ("locals for each byte", &mut limits.locals_per_byte_max),
        ("bytes for each value handed over", &mut limits.bytes_per_moved_value_min),
        ("bytes for each function", &mut limits.bytes_per_function_min),
    ]
}
