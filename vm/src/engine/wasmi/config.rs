//! A revision as wasmi's configuration: features, limits, and the schedule lowered to its table of operator costs.

use lockstep_gas::{Abi, Features, Limits, Operator, Revision, for_each_operator};
use wasmi::{CompilationMode, Config, CustomFuelCosts, OperatorCost};

/// Fuel that a guest runs on before it comes back for more.
///
/// wasmi's handler of `memory.grow` calls the next handler instead of jumping to it, so each growth leaves about 170 bytes
/// on the native stack until wasmi returns (measured; every other operator of `V1` jumps). A growth is a region of its own
/// and costs 201 when it executes, so a slice bounds how many there can be: 652, 110 KiB. Coming back costs 0.4 us for
/// about 26 us of work (`docs/decisions/0005` and `0010`).
const FUEL_SLICE: u64 = 131_072;

/// The fuel of a slice under `revision`.
///
/// wasmi 2.0.0 does not come back well from `table.grow` running out of fuel (it saves no position), so a revision that
/// has that operator runs on all its gas at once. `V1` forbids it.
pub(super) fn fuel_slice(revision: &Revision) -> u64 {
    if revision.schedule.operator(Operator::TableGrow).is_none() { FUEL_SLICE } else { u64::MAX }
}

/// A region costs 1 and its operators (`docs/spec.md`): wasmi's own unit and its table, which each module has for
/// itself. Compilation costs nothing, so that gas does not depend on what was compiled before. The limits are those of
/// modules of `abi`.
//= spec 2.1, 2.3, 2.4, 2.5, 2.18, 2.20, 3.33
pub(super) fn config(revision: &Revision, abi: Abi) -> Config {
    let mut config = Config::default();
    let limits = revision.limits(abi);
    //= spec 2.22
    if let Some(prices) = &revision.schedule.instructions {
        config.consume_fuel(true).fuel_cost(CustomFuelCosts {
            //= spec 2.17
            bytes_copied_per_fuel: prices.bulk_bytes_per_gas,
            //= spec 2.19
            fuel_per_bytes_translated: 0,
            fuel_per_bytes_validated: 0,
        });
    }
    config
        .compilation_mode(CompilationMode::Eager)
        .allow_start_fn(abi == Abi::Linked)
        .ignore_custom_sections(true)
        .set_max_recursion_depth(index(limits.call_depth_max))
        .set_max_stack_height(stack_bytes_max(limits))
        .set_max_cached_stacks(0);
    set_features(&mut config, &revision.features);
    config
}

/// Room for the deepest recursion of the largest function, twice over: the limit of the call depth is always met
/// first.
fn stack_bytes_max(limits: &Limits) -> usize {
    let slots = index(limits.locals_max).saturating_add(index(limits.operands_max)).saturating_add(64);
    slots.saturating_mul(2).saturating_mul(8).saturating_mul(index(limits.call_depth_max))
}

/// A 32-bit number as an index: every host has at least 32 bits.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn set_features(config: &mut Config, features: &Features) {
    // With wasmi's feature `deterministic`: one canonical NaN.
    config
        //= spec 9.1.1, 9.1.2, 9.1.3, 9.1.4, 9.1.5, 9.1.6
        .floats(features.floats)
        .wasm_mutable_global(features.mutable_globals)
        .wasm_sign_extension(features.sign_extension)
        .wasm_saturating_float_to_int(features.saturating_conversions)
        .wasm_multi_value(features.multi_value)
        .wasm_bulk_memory(features.bulk_memory)
        .wasm_reference_types(features.reference_types)
        .wasm_tail_call(features.tail_calls)
        .wasm_extended_const(features.extended_const)
        .wasm_multi_memory(features.multi_memory)
        .wasm_wide_arithmetic(features.wide_arithmetic)
        .wasm_custom_page_sizes(false);
}

/// The price list as wasmi's table. A forbidden operator never gets here: validation refuses it.
//= spec 2.5
pub(super) fn operator_cost(revision: &Revision, engine_price: impl Fn(Operator, u8) -> u8) -> OperatorCost {
    macro_rules! lower {
        ($($name:ident $snake:ident $text:literal $price:expr,)*) => {
            OperatorCost {
                $($snake: {
                    let operator = lockstep_gas::Operator::$name;
                    engine_price(operator, revision.schedule.operator(operator).unwrap_or(u8::MAX))
                },)*
            }
        };
    }
    for_each_operator!(lower)
}
