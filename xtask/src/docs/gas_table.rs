//! `docs/gas-table.md`: revisions, limits and prices, without those of host functions.

use super::{
    REVISIONS,
    fields::{Field, description_of, field_table, fields, optional},
    heads,
    markdown::{Cell, code, grouped, table},
};
use lockstep_gas::{
    AccountPrices, Features, FramePrices, Limits, Operator, Refunds, Revision, Rules, TransactionLimits,
    TransactionPrices,
};

const REVISION_RS: &str = include_str!("../../../gas/src/revision.rs");
const FEATURES_RS: &str = include_str!("../../../gas/src/features.rs");
const LIMITS_RS: &str = include_str!("../../../gas/src/limits.rs");
const SCHEDULE_RS: &str = include_str!("../../../gas/src/schedule.rs");

const HEAD: &str = "\
# Gas table

Printed from the tables in `gas` by `cargo xtask docs`; not to be edited. Prices are in gas. [spec.md](spec.md) says when each of
them is charged. The prices of host functions are in [host-abi.md](host-abi.md).

";

const INSTRUCTIONS: &str = "
## Instructions

The price of one operator in a region; entering the region costs 1 more. `–`, and `0` throughout a column, mean that the revision
does not meter instructions. `forbidden`: a module that contains the operator is invalid. Operators of a Wasm feature that
the revision leaves out are invalid there, also if they have a price.

";

/// The whole page.
pub(super) fn text() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("## Revisions\n\n");
    text.push_str(&revisions());
    text.push('\n');
    text.push_str(&field_table(REVISION_RS, "Rules", rules));
    for (title, note, source, structure, of) in sections() {
        text.push_str(&format!("\n## {title}\n\n"));
        if !note.is_empty() {
            text.push_str(&format!("{note}\n\n"));
        }
        text.push_str(&field_table(source, structure, of));
    }
    text.push_str(INSTRUCTIONS);
    text.push_str(&field_table(SCHEDULE_RS, "InstructionPrices", bulk));
    text.push('\n');
    text.push_str(&operators());
    text
}

/// Every revision. Of `SPEC`, which executes suites of plain Wasm, nothing else is printed.
fn revisions() -> String {
    let rows = REVISIONS.iter().chain([&("SPEC", Revision::SPEC)]).map(|(name, revision)| {
        let digest: String = revision.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        let released = Revision::RELEASED.iter().any(|(released, _)| released == revision);
        let meaning = description_of(REVISION_RS, name);
        vec![code(name), revision.number.cell(), released.cell(), code(&digest), meaning]
    });
    table(&["revision", "number", "released", "digest (sha3-256 of the borsh encoding)", "what it is for"], rows)
}

/// A title, what is to be known about the table below it, the structure in a source file, and its fields.
type Section = (&'static str, &'static str, &'static str, &'static str, fn(&Revision) -> Vec<Field>);

/// Limits that no function of the ABIs of a class can reach are named: every class has every limit.
fn sections() -> [Section; 9] {
    [
        ("Wasm features beyond version 1", "", FEATURES_RS, "Features", features),
        (
            "Limits of a contract",
            "For the ABIs `ewasm` and `packed`. Their functions store keys and values of 32 bytes, so `storage_key_bytes_max` and \
             `storage_value_bytes_max` are not reached.",
            LIMITS_RS,
            "Limits",
            |revision| limits(&revision.limits.contract),
        ),
        (
            "Limits of a program",
            "For the ABIs `wasi`, `json` and `dela`. Of `dela` no function stores or logs anything.",
            LIMITS_RS,
            "Limits",
            |revision| limits(&revision.limits.program),
        ),
        (
            "Limits of an indexer",
            "For the ABIs `metashrew` and `metashrew-documented`. Their functions log nothing, and their reverts have one \
             text, so `log_bytes_max` and `revert_bytes_max` are not reached.",
            LIMITS_RS,
            "Limits",
            |revision| limits(&revision.limits.indexer),
        ),
        ("Limits of a transaction", "", LIMITS_RS, "TransactionLimits", transaction_limits),
        ("Transactions", "", SCHEDULE_RS, "TransactionPrices", transactions),
        ("Frames", "", SCHEDULE_RS, "FramePrices", frames),
        ("Calls and accounts", "", SCHEDULE_RS, "AccountPrices", accounts),
        ("Refunds", "", SCHEDULE_RS, "Refunds", refunds),
    ]
}

fn rules(revision: &Revision) -> Vec<Field> {
    fields!(
        &revision.rules,
        Rules { abis, extensions, exact_exports, unchecked_code, conformance, block_hashes_in_state }
    )
}

fn features(revision: &Revision) -> Vec<Field> {
    fields!(
        &revision.features,
        Features {
            floats,
            mutable_globals,
            sign_extension,
            saturating_conversions,
            multi_value,
            bulk_memory,
            reference_types,
            tail_calls,
            extended_const,
            multi_memory,
            wide_arithmetic,
        }
    )
}

fn transaction_limits(revision: &Revision) -> Vec<Field> {
    fields!(
        &revision.transaction,
        TransactionLimits {
            input_bytes_max,
            memory_bytes_max,
            frame_memory_bytes,
            item_memory_bytes,
            table_element_memory_bytes,
            stack_bytes_max,
            frame_depth_max,
            logs_max,
            log_bytes_max,
        }
    )
}

fn limits(limits: &Limits) -> Vec<Field> {
    fields!(
        limits,
        Limits {
            code_bytes_max,
            created_code_bytes_max,
            functions_max,
            types_max,
            globals_max,
            imports_max,
            exports_max,
            parameters_max,
            results_max,
            locals_max,
            operands_max,
            module_parameters_max,
            module_locals_max,
            body_bytes_max,
            data_segments_max,
            element_segments_max,
            elements_max,
            br_table_targets_max,
            bytes_per_moved_value_min,
            locals_per_byte_max,
            bytes_per_function_min,
            const_operators_max,
            tables_max,
            table_elements_max,
            memory_pages_max,
            call_depth_max,
            storage_key_bytes_max,
            storage_value_bytes_max,
            input_bytes_max,
            output_bytes_max,
            revert_bytes_max,
            log_bytes_max,
        }
    )
}

fn transactions(revision: &Revision) -> Vec<Field> {
    fields!(
        &revision.schedule.transaction,
        TransactionPrices { base, create, zero_byte, nonzero_byte, deployed_code_byte, output_byte }
    )
}

fn frames(revision: &Revision) -> Vec<Field> {
    fields!(&revision.schedule.frame, FramePrices { base, first_use, first_use_byte, per_item, name_bytes_per_item })
}

fn accounts(revision: &Revision) -> Vec<Field> {
    fields!(
        &revision.schedule.account,
        AccountPrices {
            call_value,
            call_stipend,
            delegate_stipend,
            new_account,
            storage_set,
            code_deposit_byte,
            code_read_word,
        }
    )
}

fn refunds(revision: &Revision) -> Vec<Field> {
    fields!(&revision.schedule.refund, Refunds { storage_clear, self_destruct, quotient })
}

fn bulk(revision: &Revision) -> Vec<Field> {
    let prices = revision.schedule.instructions.as_ref();
    vec![
        ("bulk_bytes_per_gas", optional(prices.map(|prices| &prices.bulk_bytes_per_gas))),
        ("per_value", optional(prices.map(|prices| &prices.per_value))),
        ("call_values", optional(prices.map(|prices| &prices.call_values))),
        ("per_slot", optional(prices.map(|prices| &prices.per_slot))),
        ("frame_slots", optional(prices.map(|prices| &prices.frame_slots))),
    ]
}

fn operators() -> String {
    let price = |operator| {
        REVISIONS.iter().map(move |(_, revision)| match revision.schedule.operator(operator) {
            Some(price) => grouped(u64::from(price)),
            None => "forbidden".to_owned(),
        })
    };
    let rows =
        Operator::ALL.iter().map(|&operator| [code(operator.name())].into_iter().chain(price(operator)).collect());
    table(&heads(&["operator"], &[]), rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_has_a_row_and_every_field_a_meaning() {
        let text = text();
        for operator in Operator::ALL {
            assert!(text.contains(&format!("| `{}` |", operator.name())), "no row for {}", operator.name());
        }
        for line in text.lines() {
            assert!(!line.ends_with(" |  |"), "no comment found for the field of {line}");
        }
    }
}
