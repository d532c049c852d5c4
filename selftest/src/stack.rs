//! Every operator, so often between two returns of an engine that one which leaves something on the native stack for each
//! has no room for it: alone in a loop, and `memory.grow` in the longest region that validation admits.
//!
//! On a thread of [`STACK_BYTES`] this section finds what a stack of the usual size would hide.

use crate::{chain::Chain, numbers::NumberType, operators::Numeric};
use lockstep_gas::{Operator, Revision};
use lockstep_vm::{Fault, engine::Engine};

/// Bytes of native stack that are enough for any contract: the smallest that a thread of an embedder is expected to have.
pub const STACK_BYTES: usize = 512 * 1_024;

/// Times that a loop executes each operator: more than the gas of a slice of the production engine pays for.
const EXECUTIONS: u32 = 140_000;

/// Units in the body of a loop.
const UNROLLED: u32 = 32;

/// The items of a module beside its `main`: everything that an operator can refer to.
const ITEMS: &str = "(memory (export \"memory\") 1) (data $bytes \"0123456789abcdef\")
    (table $t 16 16 funcref) (elem $e func $next $next) (elem (i32.const 0) func $next $pass $swap)
    (type $unary (func (param i64) (result i64)))
    (global $g (mut i64) (i64.const 3)) (global $h (mut f64) (f64.const 3))
    (func $nothing) (func $returns (param i64) (result i64) (return (local.get 0)))
    (func $next (type $unary) (i64.add (local.get 0) (i64.const 1)))
    (func $pass (type $unary) (return_call $next (local.get 0)))
    (func $pass_on (type $unary) (return_call_indirect (type $unary) (local.get 0) (i32.const 1)))
    (func $swap (param i64 i32) (result i32 i64) (local.get 1) (local.get 0))";

/// A piece of code that executes an operator, in all forms that an engine may have for it, and leaves no operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The operator.
    pub operator: Operator,
    /// The code, in the text format. It uses the locals `$i`, `$l`, `$f` and `$d` of the four number types and the items
    /// of [`Unit::module`].
    pub code: String,
}

impl Unit {
    /// A unit for every operator of `V1` but `unreachable`, which executes once.
    pub fn all() -> impl Iterator<Item = Self> {
        let schedule = Revision::V1.schedule;
        let allowed = Operator::ALL.iter().filter(move |operator| schedule.operator(**operator).is_some());
        allowed.filter(|operator| **operator != Operator::Unreachable).map(|operator| Self::of(*operator))
    }

    fn of(operator: Operator) -> Self {
        let name = operator.name();
        let code = match Numeric::of(operator.name()) {
            Some(numeric) => numeric_code(&numeric),
            None => access_code(name).unwrap_or_else(|| other_code(operator)),
        };
        Self { operator, code }
    }

    /// A module whose export `main` executes `body`, with `imports` before its own items. The locals hold numbers that no
    /// translator can know.
    pub fn module(imports: &str, body: &str) -> String {
        format!(
            "(module {imports} {ITEMS}
             (func (export \"main\") (local $i i32) (local $l i64) (local $f f32) (local $d f64) (local $n i32)
                (local.set $i (i32.load (i32.const 64)))
                (local.set $l (i64.load (i32.const 64)))
                (local.set $f (f32.convert_i32_u (local.get $i)))
                (local.set $d (f64.convert_i64_u (local.get $l)))
                {body}) (data (i32.const 64) \"\\05\"))"
        )
    }

    /// The same as long as a module may be, by a custom section: the bytes of a module bound the growths and the values
    /// that its body can have.
    pub fn longest_module(body: &str) -> String {
        let limits = &Revision::V1.limits.contract;
        let padding = limits.code_bytes_max.saturating_sub(limits.body_bytes_max).saturating_sub(8_192);
        Self::module("", &format!("{body}) (@custom \"padding\" \"{}\"", repeated("0", padding)))
    }

    /// The unit `unrolled` times in a loop of `turns` turns.
    pub fn in_loop(&self, unrolled: u32, turns: u32) -> String {
        let units = repeated(&self.code, unrolled);
        format!(
            "(local.set $n (i32.const {turns}))
             (loop $turn {units} (br_if $turn (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
        )
    }
}

fn repeated(code: &str, times: u32) -> String {
    code.repeat(usize::try_from(times).unwrap_or(usize::MAX))
}

/// Operands in locals, in registers and as constants. Divisors are 5 and 3, what is converted fits.
fn numeric_code(numeric: &Numeric) -> String {
    let (name, local) = (numeric.name(), local_of(numeric.operand()));
    let computed = match numeric.operand() {
        NumberType::I32 => "(i32.or (local.get $i) (i32.const 1))",
        NumberType::I64 => "(i64.or (local.get $l) (i64.const 1))",
        NumberType::F32 => "(f32.abs (local.get $f))",
        NumberType::F64 => "(f64.abs (local.get $d))",
    };
    if !numeric.is_binary() {
        return format!("(drop ({name} (local.get {local}))) (drop ({name} {computed}))");
    }
    let constant = numeric.operand().constant(match numeric.operand() {
        NumberType::I32 | NumberType::I64 => 3,
        NumberType::F32 => 0x4040_0000,
        NumberType::F64 => 0x4008_0000_0000_0000,
    });
    let local = format!("(local.get {local})");
    let operands = [&local, computed, &constant];
    let pairs = operands.iter().flat_map(|left| operands.iter().map(move |right| (*left, *right)));
    let pairs = pairs.filter(|(left, right)| *left != constant || *right != constant);
    pairs.map(|(left, right)| format!("(drop ({name} {left} {right}))")).collect()
}

const fn local_of(number: NumberType) -> &'static str {
    match number {
        NumberType::I32 => "$i",
        NumberType::I64 => "$l",
        NumberType::F32 => "$f",
        NumberType::F64 => "$d",
    }
}

/// A load or a store by its name: addresses in a local, in a register and constant, offsets small and large.
fn access_code(name: &str) -> Option<String> {
    let (value, access) = name.split_once('.')?;
    let local = local_of(NumberType::of(value)?);
    let computed = "(i32.and (local.get $i) (i32.const 63))";
    let addresses = ["(local.get $i)", computed, "(i32.const 40)"];
    if access.starts_with("load") {
        let at = |address: &str| format!("(drop ({name} {address})) (drop ({name} offset=65000 {address}))");
        return Some(addresses.iter().map(|address| at(address)).collect());
    }
    if !access.starts_with("store") {
        return None;
    }
    let values =
        [format!("(local.get {local})"), format!("({value}.const 3)"), format!("({value}.load (local.get $i))")];
    let pairs = addresses.iter().flat_map(|address| values.iter().map(move |value| (address, value)));
    Some(pairs.map(|(at, value)| format!("({name} {at} {value}) ({name} offset=65000 {at} {value})")).collect())
}

/// An operator that is neither numeric nor an access.
fn other_code(operator: Operator) -> String {
    let code = match operator {
        Operator::Block | Operator::End => "(block (br_if 0 (i32.eqz (local.get $i))))",
        Operator::Loop => "(loop)",
        Operator::If | Operator::Else => "(if (local.get $i) (then (drop (local.get $i))) (else nop))",
        Operator::Br => "(block (br 0))",
        Operator::BrIf => {
            "(block (br_if 0 (local.get $i)) (br_if 0 (i32.eqz (local.get $i)))
                (br_if 0 (i64.lt_s (local.get $l) (i64.const 7))))"
        }
        Operator::BrTable => {
            "(block (block (br_table 0 1 (local.get $i))))
             (block (result i64) (block (result i64) (local.get $l) (local.get $i) (br_table 0 1)))
             (drop) (block (br_table 0 0 (i32.popcnt (local.get $i))))"
        }
        Operator::Return => "(local.set $l (call $returns (local.get $l)))",
        Operator::Call => "(call $nothing) (local.set $l (call $next (local.get $l)))",
        Operator::CallIndirect => {
            "(drop (call_indirect (type $unary) (local.get $l) (i32.const 0)))
             (drop (call_indirect (type $unary) (local.get $l) (i32.shr_u (local.get $i) (i32.const 8))))"
        }
        Operator::ReturnCall => "(drop (call $pass (local.get $l)))",
        Operator::ReturnCallIndirect => "(drop (call $pass_on (local.get $l)))",
        Operator::Select => {
            "(drop (select (local.get $i) (i32.const 3) (local.get $i)))
             (drop (select (local.get $l) (i64.const 3) (i32.eqz (local.get $i))))
             (drop (select (local.get $d) (f64.abs (local.get $d)) (i64.lt_u (local.get $l) (i64.const 9))))"
        }
        Operator::TypedSelect => "(drop (select (result f32) (local.get $f) (f32.neg (local.get $f)) (local.get $i)))",
        Operator::LocalSet => "(local.set $l (local.get $l)) (local.set $l (i64.load (local.get $i)))",
        Operator::LocalTee => "(drop (local.tee $d (f64.abs (local.get $d)))) (drop (local.tee $i (i32.const 5)))",
        Operator::GlobalGet => "(drop (global.get $g)) (drop (global.get $h))",
        Operator::GlobalSet => {
            "(global.set $g (local.get $l)) (global.set $g (i64.const 9)) (global.set $h (f64.neg (local.get $d)))"
        }
        Operator::MemorySize => "(drop (memory.size))",
        Operator::MemoryGrow => {
            "(drop (memory.grow (i32.const -1))) (drop (memory.grow (i32.and (local.get $i) (i32.const 0))))"
        }
        Operator::MemoryInit => "(memory.init $bytes (i32.const 0) (i32.const 0) (i32.const 8))",
        Operator::DataDrop => "(data.drop 1)",
        Operator::MemoryCopy => "(memory.copy (i32.const 0) (local.get $i) (i32.const 8))",
        Operator::MemoryFill => "(memory.fill (local.get $i) (i32.const 7) (i32.const 8))",
        Operator::TableInit => "(table.init $t $e (i32.const 8) (i32.const 0) (i32.const 1))",
        Operator::ElemDrop => "(elem.drop 1)",
        Operator::TableCopy => "(table.copy $t $t (i32.const 8) (i32.const 9) (i32.const 1))",
        Operator::TableFill => "(table.fill $t (local.get $i) (ref.func $next) (i32.const 1))",
        Operator::TableGet => "(drop (table.get $t (local.get $i))) (drop (table.get $t (i32.const 1)))",
        Operator::TableSet => {
            "(table.set $t (local.get $i) (ref.null func)) (table.set $t (i32.const 9) (ref.func $next))
             (table.set $t (i32.const 9) (table.get $t (local.get $i)))"
        }
        Operator::TableSize => "(drop (table.size $t))",
        Operator::RefIsNull => "(drop (ref.is_null (table.get $t (local.get $i))))",
        Operator::RefFunc => "(drop (ref.func $next))",
        Operator::RefNull => "(table.set $t (local.get $i) (ref.null func))",
        // `nop`, `drop`, `local.get` and constants.
        _ => {
            "(nop) (drop (local.get $i)) (drop (i32.const 1)) (drop (f64.const 1)) (drop (i64.const 1)) (drop (f32.const 1))"
        }
    };
    code.into()
}

/// The longest body of growths: one function of two bytes for each.
fn longest_growths() -> String {
    let growths = Revision::V1.limits.contract.body_bytes_max.saturating_sub(128).checked_div(2).unwrap_or_default();
    format!("(drop (i32.const -1) {})", repeated("(memory.grow) ", growths))
}

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for unit in Unit::all() {
        let turns = EXECUTIONS.checked_div(UNROLLED).unwrap_or_default();
        let contract = chain.put_text(&Unit::module("", &unit.in_loop(UNROLLED, turns)))?;
        chain.call(contract, &[])?;
        chain.end(format!("{}, again and again", unit.operator.name()));
    }
    let contract = chain.put_text(&Unit::longest_module(&longest_growths()))?;
    chain.call(contract, &[])?;
    chain.end("memory.grow, in the longest region");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{Parser, Payload};

    /// The names of the operators in `main`.
    fn operators(body: &str) -> Vec<String> {
        let code = wat::parse_str(Unit::module("", body)).unwrap();
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(&code) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                let text = |operator| format!("{operator:?}").split([' ', '(']).next().unwrap().to_owned();
                names.extend(body.get_operators_reader().unwrap().into_iter().map(|operator| text(operator.unwrap())));
            }
        }
        names
    }

    #[test]
    fn every_unit_executes_its_operator() {
        let without = operators("");
        let count = |names: &[String], name: &str| names.iter().filter(|other| *other == name).count();
        for unit in Unit::all() {
            let name = format!("{:?}", unit.operator);
            let in_functions = ["Return", "ReturnCall", "ReturnCallIndirect"].contains(&name.as_str());
            assert!(count(&operators(&unit.code), &name) > count(&without, &name) || in_functions, "{name}");
        }
        assert!(Unit::all().count() > 180);
    }
}
