//! The gas of `V1`: one line a case in `tests/golden/host_functions.txt`, in sections.

use crate::golden_sections::GoldenSections;
use std::sync::Mutex;

static FILE: GoldenSections = GoldenSections {
    path: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/host_functions.txt"),
    header: "Gas used under V1, by the tests of tests/host_functions. Written by LOCKSTEP_BLESS=1; do not edit.",
    names: &[
        "calculator",
        "call",
        "copies",
        "create",
        "create_ends",
        "crypto",
        "depth",
        "ends",
        "engine",
        "engine: tail calls",
        "environment",
        "export_ends",
        "export_order",
        "export_places",
        "export_values",
        "frame_kinds",
        "logs",
        "out_of_gas",
        "pointers",
        "precompiled_modules",
        "precompiles",
        "precompiles_by_name",
        "precompiles_code",
        "precompiles_return_data",
        "precompiles_reverted",
        "precompiles_straight",
        "precompiles_value",
        "refunds",
        "return_data",
        "self_destruct",
        "static_mode",
        "storage",
        "storage: long values",
    ],
    one_at_a_time: Mutex::new(()),
};

/// Compares a section with the file, or puts it there.
pub(crate) fn settle(name: &str, lines: Vec<String>) {
    FILE.settle(name, lines);
}

#[test]
fn the_file_has_the_sections_of_the_list() {
    FILE.check_names();
}
