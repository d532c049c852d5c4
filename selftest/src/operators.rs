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
pub(crate) struct Numeric {
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
    pub(crate) fn of(name: &'static str) -> Option<Self> {
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

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn operand(&self) -> NumberType {
        self.operand
    }

    pub(crate) const fn is_binary(&self) -> bool {
        self.is_binary
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
    fn pairs(&self) -> Vec<Pair> {
        let grid = self.operand.grid();
        let right = if self.is_binary { grid } else { &[0] };
        grid.iter().flat_map(|left| right.iter().map(|right| (*left, *right))).collect()
    }

    /// Whether it may trap on these operands: a division by 0 or -1 (which overflows for one dividend), a conversion.
    const fn may_trap(&self, (_, right): Pair) -> bool {
        let minus_one = if matches!(self.operand, I32) { 0xffff_ffff } else { u64::MAX };
        self.traps && (!self.is_binary || right == 0 || right == minus_one)
    }
}

/// The bits of two operands.
pub(crate) type Pair = (u64, u64);

/// Where the results of a mapping lie; the records lie below.
const RESULTS: u32 = 32_768;

/// A contract that finishes with the values of `expressions`, i64, for each pair of its input. They find the pair in the
/// locals `$a` and `$b`.
pub(crate) fn put_mapping<E: Engine>(
    chain: &mut Chain<'_, E>,
    items: &str,
    expressions: &[String],
) -> Result<Address, Fault> {
    let store = |expression: &String| {
        format!("(i64.store (local.get $to) {expression}) (local.set $to (i32.add (local.get $to) (i32.const 8)))")
    };
    let stores: String = expressions.iter().map(store).collect();
    chain.put_module(&format!(
        "{items}
        (func (export \"main\") (local $at i32) (local $to i32) (local $a i64) (local $b i64)
            (call $callDataCopy (i32.const 0) (i32.const 0) (call $getCallDataSize))
            (local.set $to (i32.const {RESULTS}))
            (loop $next
                (local.set $a (i64.load (local.get $at)))
                (local.set $b (i64.load offset=8 (local.get $at)))
                {stores}
                (br_if $next (i32.lt_u
                    (local.tee $at (i32.add (local.get $at) (i32.const 16))) (call $getCallDataSize))))
            (call $finish (i32.const {RESULTS}) (i32.sub (local.get $to) (i32.const {RESULTS}))))"
    ))
}

/// Calls such a contract with `pairs`.
pub(crate) fn call_mapping<E: Engine>(chain: &mut Chain<'_, E>, mapping: Address, pairs: &[Pair]) -> Result<(), Fault> {
    let input: Vec<u8> = pairs.iter().flat_map(|(a, b)| a.to_le_bytes().into_iter().chain(b.to_le_bytes())).collect();
    chain.call(mapping, &input).map(|_| ())
}

pub(crate) fn run_integers<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    Numeric::all().filter(|operator| !operator.is_float()).try_for_each(|operator| run(chain, operator))
}

pub(crate) fn run_floats<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    Numeric::all().filter(Numeric::is_float).try_for_each(|operator| run(chain, operator))
}

fn run<E: Engine>(chain: &mut Chain<'_, E>, operator: Numeric) -> Result<(), Fault> {
    let number = operator.operand;
    let [a, b] = ["(local.get $a)", "(local.get $b)"].map(|bits| number.of_bits(bits));
    let mapping = put_mapping(chain, "", &[operator.apply(&a, &b)])?;
    call(chain, mapping, operator, &operator.pairs())?;
    chain.end(operator.name);
    if operator.is_binary {
        let (alone, together): (Vec<u64>, Vec<u64>) =
            number.grid().iter().partition(|bits| operator.may_trap((0, **bits)));
        let alone: Vec<Vec<u64>> = alone.into_iter().map(|bits| vec![bits]).collect();
        for constants in [vec![together], alone].concat() {
            let apply = |bits: &u64| operator.apply(&a, &number.constant(*bits));
            let mapping = put_mapping(chain, "", &constants.iter().map(apply).collect::<Vec<_>>())?;
            let right = constants.first().copied().unwrap_or_default();
            call(chain, mapping, operator, &number.grid().iter().map(|left| (*left, right)).collect::<Vec<_>>())?;
        }
        chain.end(format!("{}, constants on the right", operator.name));
        let apply = |bits: &u64| operator.apply(&number.constant(*bits), &b);
        let mapping = put_mapping(chain, "", &number.grid().iter().map(apply).collect::<Vec<_>>())?;
        call(chain, mapping, operator, &number.grid().iter().map(|right| (0, *right)).collect::<Vec<_>>())?;
        chain.end(format!("{}, constants on the left", operator.name));
    }
    constants(chain, operator)
}

/// Calls with all pairs at once, but with each that it may trap on alone.
fn call<E: Engine>(chain: &mut Chain<'_, E>, mapping: Address, operator: Numeric, pairs: &[Pair]) -> Result<(), Fault> {
    let (alone, together): (Vec<Pair>, Vec<Pair>) = pairs.iter().partition(|pair| operator.may_trap(**pair));
    if !together.is_empty() {
        call_mapping(chain, mapping, &together)?;
    }
    alone.into_iter().try_for_each(|pair| call_mapping(chain, mapping, &[pair]))
}

/// All operands constants: an expression for each pair, and a choice among those that may trap.
fn constants<E: Engine>(chain: &mut Chain<'_, E>, operator: Numeric) -> Result<(), Fault> {
    let (alone, together): (Vec<Pair>, Vec<Pair>) = operator.pairs().iter().partition(|pair| operator.may_trap(**pair));
    let apply = |(a, b): &Pair| operator.apply(&operator.operand.constant(*a), &operator.operand.constant(*b));
    if !together.is_empty() {
        let mapping = put_mapping(chain, "", &together.iter().map(apply).collect::<Vec<_>>())?;
        call_mapping(chain, mapping, &[(0, 0)])?;
    }
    if !alone.is_empty() {
        let numbered = (0_u32..).zip(&alone);
        let arm = |(number, pair)| {
            format!("(if (i64.eq (local.get 0) (i64.const {number})) (then (return {})))", apply(pair))
        };
        let choose: String = numbered.map(arm).collect();
        let items = format!("(func $choose (param i64) (result i64) {choose} (i64.const -1))");
        let mapping = put_mapping(chain, &items, &["(call $choose (local.get $a))".to_owned()])?;
        (0..).zip(&alone).try_for_each(|(number, _)| call_mapping(chain, mapping, &[(number, 0)]))?;
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

    #[test]
    fn what_may_trap_is_told() {
        let of = |name| Numeric::of(name).unwrap();
        assert!(of("i32.div_s").may_trap((0x8000_0000, 0xffff_ffff)) && of("i64.rem_u").may_trap((1, 0)));
        assert!(!of("i64.div_s").may_trap((1, 0xffff_ffff)) && !of("f32.div").may_trap((1, 0)));
        assert!(of("i32.trunc_f32_s").may_trap((0, 0)) && !of("i32.trunc_sat_f32_s").may_trap((0, 0)));
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
