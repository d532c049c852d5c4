//! Every numeric operator over a grid of special values: on operands that are loaded, and on constants, which a
//! translator may fold or build into the instruction.

use crate::{
    chain::Chain,
    numbers::NumberType::{self, F32, F64, I32},
};
use lockstep_gas::Operator;
use lockstep_vm::{Address, Fault, engine::Engine};

/// A numeric operator with its types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numeric {
    name: &'static str,
    operand: NumberType,
    /// Two operands or one.
    is_binary: bool,
    result: NumberType,
    /// Whether there are operands that it traps on.
    traps: bool,
}

const BINARY: [&str; 19] = [
    "add", "sub", "mul", "div", "div_s", "div_u", "rem_s", "rem_u", "and", "or", "xor", "shl", "shr_s", "shr_u",
    "rotl", "rotr", "min", "max", "copysign",
];
const COMPARISONS: [&str; 14] =
    ["eq", "ne", "lt", "gt", "le", "ge", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"];
const UNARY: [&str; 13] = [
    "clz",
    "ctz",
    "popcnt",
    "abs",
    "neg",
    "ceil",
    "floor",
    "trunc",
    "nearest",
    "sqrt",
    "extend8_s",
    "extend16_s",
    "extend32_s",
];

impl Numeric {
    /// The types of an operator, which its name says; `None` if it is not numeric.
    fn of(name: &'static str) -> Option<Self> {
        let (before, after) = name.split_once('.')?;
        let subject = NumberType::of(before)?;
        let traps = after.starts_with("div_") || after.starts_with("rem_");
        let of = |operand, is_binary, result| Some(Self { name, operand, is_binary, result, traps });
        if after == "eqz" {
            return of(subject, false, I32);
        }
        if COMPARISONS.contains(&after) {
            return of(subject, true, I32);
        }
        if BINARY.contains(&after) {
            return of(subject, true, subject);
        }
        if UNARY.contains(&after) {
            return of(subject, false, subject);
        }
        let operand = after.split('_').find_map(NumberType::of)?;
        let traps = after.starts_with("trunc_f");
        Some(Self { name, operand, is_binary: false, result: subject, traps })
    }

    fn is_float(&self) -> bool {
        [self.operand, self.result].iter().any(|number| matches!(number, F32 | F64))
    }

    /// Every numeric operator that `V1` has.
    fn all() -> impl Iterator<Item = Self> {
        let schedule = lockstep_gas::Revision::V1.schedule;
        let allowed = Operator::ALL.iter().filter(move |operator| schedule.operator(**operator).is_some());
        allowed.filter_map(|operator| Self::of(operator.name()))
    }

    /// The bits of the result on these operands, as an expression.
    fn apply(&self, left: &str, right: &str) -> String {
        let right = if self.is_binary { right } else { "" };
        self.result.to_bits(&format!("({} {left} {right})", self.name))
    }

    /// Pairs of operands; where there is one, the second is 0.
    fn pairs(&self) -> Vec<(u64, u64)> {
        let grid = self.operand.grid();
        let right = if self.is_binary { grid } else { &[0] };
        grid.iter().flat_map(|left| right.iter().map(|right| (*left, *right))).collect()
    }
}

/// A contract that replaces the first number of each 16 bytes of its input by `expression` of both (`$a` and `$b`, bits
/// as i64), and finishes with them.
pub(crate) fn put_mapping<E: Engine>(
    chain: &mut Chain<'_, E>,
    items: &str,
    expression: &str,
) -> Result<Address, Fault> {
    chain.put_module(&format!(
        "{items}
        (func $of (param $a i64) (param $b i64) (result i64) {expression})
        (func (export \"main\") (local $at i32) (local $size i32)
            (local.set $size (call $getCallDataSize))
            (call $callDataCopy (i32.const 0) (i32.const 0) (local.get $size))
            (loop $next
                (i64.store (local.get $at) (call $of (i64.load (local.get $at)) (i64.load offset=8 (local.get $at))))
                (br_if $next
                    (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $size))))
            (call $finish (i32.const 0) (local.get $size)))"
    ))
}

/// The input of such a contract.
pub(crate) fn records(pairs: &[(u64, u64)]) -> Vec<u8> {
    pairs.iter().flat_map(|(a, b)| a.to_le_bytes().into_iter().chain(b.to_le_bytes())).collect()
}

pub(crate) fn run_integers<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    Numeric::all().filter(|operator| !operator.is_float()).try_for_each(|operator| run(chain, operator))
}

pub(crate) fn run_floats<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    Numeric::all().filter(Numeric::is_float).try_for_each(|operator| run(chain, operator))
}

fn run<E: Engine>(chain: &mut Chain<'_, E>, operator: Numeric) -> Result<(), Fault> {
    let [a, b] = ["(local.get $a)", "(local.get $b)"].map(|bits| operator.operand.from_bits(bits));
    let contract = put_mapping(chain, "", &operator.apply(&a, &b))?;
    call(chain, contract, operator, &operator.pairs())?;
    chain.end(operator.name);
    // One of two operands a constant: a contract for each constant.
    if operator.is_binary {
        for (case, left) in [("a constant on the right", false), ("a constant on the left", true)] {
            for bits in operator.operand.grid() {
                let constant = operator.operand.constant(*bits);
                let expression = if left { operator.apply(&constant, &b) } else { operator.apply(&a, &constant) };
                let contract = put_mapping(chain, "", &expression)?;
                let pairs: Vec<_> = operator.operand.grid().iter().map(|other| (*other, *other)).collect();
                call(chain, contract, operator, &pairs)?;
            }
            chain.end(format!("{}, {case}", operator.name));
        }
    }
    constants(chain, operator)
}

/// Calls with all pairs at once, or, where one may trap, with each for itself.
fn call<E: Engine>(
    chain: &mut Chain<'_, E>,
    contract: Address,
    operator: Numeric,
    pairs: &[(u64, u64)],
) -> Result<(), Fault> {
    let together = if operator.traps { 1 } else { pairs.len().max(1) };
    pairs.chunks(together).try_for_each(|pairs| chain.call(contract, &records(pairs)).map(|_| ()))
}

/// All operands constants: a contract of one store for each pair, or, where one may trap, with a way to choose the pair.
fn constants<E: Engine>(chain: &mut Chain<'_, E>, operator: Numeric) -> Result<(), Fault> {
    let pairs = operator.pairs();
    let values = pairs.iter().map(|(a, b)| {
        let [a, b] = [a, b].map(|bits| operator.operand.constant(*bits));
        operator.apply(&a, &b)
    });
    let numbered = (0_u32..).zip(values);
    if operator.traps {
        let body: String = numbered
            .map(|(number, value)| format!("(if (i64.eq (local.get $a) (i64.const {number})) (then (return {value})))"))
            .collect();
        let contract = put_mapping(chain, "", &format!("{body} (i64.const -1)"))?;
        for (number, _) in (0..).zip(&pairs) {
            chain.call(contract, &records(&[(number, 0)]))?;
        }
    } else {
        let stores: String = numbered
            .map(|(number, value)| format!("(i64.store (i32.const {}) {value})", number.saturating_mul(8)))
            .collect();
        let size = pairs.len().saturating_mul(8);
        let main = format!("(func (export \"main\") {stores} (call $finish (i32.const 0) (i32.const {size})))");
        let contract = chain.put_module(&main)?;
        chain.call(contract, &[])?;
    }
    chain.end(format!("{}, constants", operator.name));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_types() {
        let check = |name, operand, is_binary, result, traps| {
            assert_eq!(Numeric::of(name), Some(Numeric { name, operand, is_binary, result, traps }));
        };
        use NumberType::I64;
        check("f32.add", F32, true, F32, false);
        check("i64.rem_s", I64, true, I64, true);
        check("f64.le", F64, true, I32, false);
        check("i64.eqz", I64, false, I32, false);
        check("f64.trunc", F64, false, F64, false);
        check("i32.trunc_f64_s", F64, false, I32, true);
        check("i64.trunc_sat_f32_u", F32, false, I64, false);
        check("f64.promote_f32", F32, false, F64, false);
        check("i64.extend_i32_u", I32, false, I64, false);
        check("i64.extend32_s", I64, false, I64, false);
        check("f32.reinterpret_i32", I32, false, F32, false);
        for name in ["i32.load", "i64.store8", "i32.const", "local.get", "memory.grow", "i64.add128", "if"] {
            assert_eq!(Numeric::of(name), None);
        }
    }

    /// What the table of operators has between the comparisons and the reference types is numeric.
    #[test]
    fn no_operator_is_left_out() {
        let names: Vec<_> = Operator::ALL.iter().map(|operator| operator.name()).collect();
        let at = |name| names.iter().position(|other| *other == name).unwrap();
        let expected = &names[at("i32.eqz")..at("ref.null")];
        assert_eq!(Numeric::all().map(|operator| operator.name).collect::<Vec<_>>(), expected);
        assert_eq!(Numeric::all().filter(Numeric::is_float).count(), 70);
    }
}
