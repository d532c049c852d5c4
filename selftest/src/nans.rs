//! Payloads of NaNs on every way that a float can take through a program without being computed with.
//!
//! The ways keep all bits: an engine that canonicalises too much, or passes a float through a register of the host that
//! quiets it, differs here.

use crate::{
    chain::{Chain, data},
    numbers::NumberType::{self, F32, F64},
    operators::{call_mapping, put_mapping},
};
use lockstep_vm::{Fault, engine::Engine};

/// Ways of a float: a name, further fields of the module, and the way as an expression of `FLOAT`,
/// whose type is `TYPE`.
const WAYS: [(&str, &str, &str); 20] = [
    ("bits", "", "FLOAT"),
    ("a local", "", "(local $x TYPE) (local.set $x FLOAT) (local.get $x)"),
    ("local.tee", "", "(local $x TYPE) (local $y TYPE) (local.set $y (local.tee $x FLOAT)) (local.get $y)"),
    ("a global", "(global $g (mut TYPE) (TYPE.const 0))", "(global.set $g FLOAT) (global.get $g)"),
    ("memory", "", "(TYPE.store (i32.const 60000) FLOAT) (TYPE.load (i32.const 60000))"),
    (
        "memory, unaligned",
        "",
        "(TYPE.store offset=3 (i32.const 60000) FLOAT) (TYPE.load offset=3 align=1 (i32.const 60000))",
    ),
    (
        "memory that is copied",
        "",
        "(TYPE.store (i32.const 60000) FLOAT) (memory.copy (i32.const 61001) (i32.const 60000) (i32.const 8))
         (TYPE.load (i32.const 61001))",
    ),
    ("a call", "(func $f (param TYPE) (result TYPE) (local.get 0))", "(call $f FLOAT)"),
    (
        "several results",
        "(func $f (param TYPE TYPE i32) (result TYPE i32 TYPE) (local.get 1) (local.get 2) (local.get 0))",
        "(local $x TYPE) (call $f (TYPE.const 1) FLOAT (i32.const 3)) (drop) (drop)",
    ),
    (
        "a call through a table",
        "(type $t (func (param i32 TYPE) (result TYPE))) (table 1 1 funcref) (elem (i32.const 0) func $f)
         (func $f (type $t) (local.get 1))",
        "(call_indirect (type $t) (i32.const 9) FLOAT (i32.const 0))",
    ),
    (
        "a tail call",
        "(func $f (param TYPE) (result TYPE) (return_call $g (local.get 0) (i64.const 5)))
         (func $g (param TYPE i64) (result TYPE) (local.get 0))",
        "(call $f FLOAT)",
    ),
    ("return", "(func $f (param TYPE) (result TYPE) (return (local.get 0)) (unreachable))", "(call $f FLOAT)"),
    ("select", "", "(select FLOAT (TYPE.const 2) (i32.wrap_i64 (i64.or (local.get $a) (i64.const 1))))"),
    (
        "typed select",
        "",
        "(select (result TYPE) (TYPE.const 2) FLOAT (i32.wrap_i64 (i64.shr_u (local.get $b) (i64.const 63))))",
    ),
    ("the result of a block", "", "(block (result TYPE) (br 0 FLOAT))"),
    ("the result of an arm", "", "(if (result TYPE) (i64.eqz (local.get $b)) (then FLOAT) (else FLOAT))"),
    ("br_if with a value", "", "(block (result TYPE) (br_if 0 FLOAT (i32.wrap_i64 (local.get $a))) (drop) FLOAT)"),
    (
        "br_table with a value",
        "",
        "(block (result TYPE) (block (result TYPE) (br_table 0 1 FLOAT (i32.wrap_i64 (local.get $a)))))",
    ),
    ("the parameter of a loop", "", "FLOAT (loop (param TYPE) (result TYPE))"),
    ("below other operands", "", "FLOAT (i64.store (i32.const 60000) (i64.mul (local.get $a) (local.get $b)))"),
];

/// Operators that only touch the sign, or change the type: what they make of a payload is defined.
const SIGNS: [(&str, &str); 4] = [
    ("neg", "(TYPE.neg FLOAT)"),
    ("abs", "(TYPE.abs FLOAT)"),
    ("copysign onto a NaN", "(TYPE.copysign FLOAT (TYPE.const -1))"),
    ("copysign of a NaN", "(TYPE.copysign (TYPE.const 1) FLOAT)"),
];

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for number in [F32, F64] {
        let ways = WAYS.iter().copied().chain(SIGNS.iter().map(|(name, expression)| (*name, "", *expression)));
        for (name, items, expression) in ways {
            way(chain, number, (name, items, expression))?;
        }
        constants(chain, number)?;
    }
    Ok(())
}

fn way<E: Engine>(
    chain: &mut Chain<'_, E>,
    number: NumberType,
    (name, items, expression): (&str, &str, &str),
) -> Result<(), Fault> {
    let typed = |text: &str| text.replace("TYPE", number.name());
    let expression = typed(expression).replace("FLOAT", &number.of_bits("(local.get $a)"));
    // Locals come first in a function, so the way is a function of its own.
    let items =
        format!("{} (func $way (param $a i64) (param $b i64) (result {}) {expression})", typed(items), number.name());
    let call = number.to_bits("(call $way (local.get $a) (local.get $b))");
    let mapping = put_mapping(chain, &items, &[call])?;
    let pairs: Vec<_> = number.nans().flat_map(|nan| [(nan, 0), (nan, 1), (nan, u64::MAX)]).collect();
    call_mapping(chain, mapping, &pairs)?;
    chain.end(format!("{}, {name}", number.name()));
    Ok(())
}

/// NaNs that the module brings along: constants, initial values of globals, bytes of a segment.
fn constants<E: Engine>(chain: &mut Chain<'_, E>, number: NumberType) -> Result<(), Fault> {
    for (position, bits) in (0_u32..).zip(number.nans()) {
        let (name, constant) = (number.name(), number.constant(bits));
        let [direct, global, segment] =
            [constant.as_str(), "(global.get $g)", &format!("({name}.load (i32.const 60000))")]
                .map(|expression| number.to_bits(expression));
        let contract = chain.put_module(&format!(
            "{} (global $g {name} {constant})
             (func (export \"main\")
                (i64.store (i32.const 0) {direct})
                (i64.store (i32.const 8) {global})
                (i64.store (i32.const 16) {segment})
                ({name}.store (i32.const 24) {constant})
                (call $finish (i32.const 0) (i32.const 32)))",
            data(60_000, &bits.to_le_bytes())
        ))?;
        chain.call(contract, &[])?;
        chain.end(format!("{name}, constant {position}"));
    }
    Ok(())
}
