//! Searches for worse programs than those that are listed: random statements on random values, of which the slowest for
//! their gas are kept and changed.
//!
//! Statements work on eight locals of each type, whose values evolve, and on a memory of 32 MiB. What could trap is
//! left out or masked.

use super::{Heap, Measured, Options, Recipe, measure, program::Subject, shape::Shape};
use core::fmt::Write as _;
use lockstep_gas::{Operator, Revision};

/// Locals of each type.
const LOCALS: u64 = 8;

/// Statements of a candidate, and candidates that are kept.
const STATEMENTS: u64 = 12;
const KEPT: usize = 8;

/// Gas of a run at least. A memory of 32 MiB costs ten million at its start, and the time of that is taken off: with less the
/// difference is mostly noise.
const GAS_MIN: u64 = 100_000_000;

/// Values that locals begin with.
const INTEGERS: [&str; 6] = ["0", "1", "-1", "0x55555555", "0x7fffffff", "65521"];
const FLOATS: [&str; 6] = ["0", "0x1p-126", "0x1.234568p-130", "1.0000001", "nan", "-0x1p+120"];

/// A linear congruential generator of 64 bits (Knuth's MMIX), of which the upper half is used.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that roll the same after the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`; 0 for none.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        choices.get(index).copied().unwrap_or_default()
    }

    fn local(&mut self, ty: &str) -> String {
        format!("${}{}", ty, self.below(LOCALS))
    }

    fn get(&mut self, ty: &str) -> String {
        format!("(local.get {})", self.local(ty))
    }

    /// An address in memory, aligned or not.
    fn address(&mut self) -> String {
        let mask = self.of(&["0x1fffff8", "0xffff", "0xff8", "0x1fffff7"]);
        format!("(i32.and {} (i32.const {mask}))", self.get("i32"))
    }

    /// A statement, with others inside it down to `depth`.
    fn statement(&mut self, depth: u32) -> String {
        match self.below(10) {
            0 => self.memory(),
            1 if depth > 0 => self.branch(depth - 1),
            2 => format!("(call $nothing {})", self.get("i64")),
            3 => format!("(global.set $g (i64.add (global.get $g) {}))", self.get("i64")),
            _ => self.number(),
        }
    }

    fn memory(&mut self) -> String {
        let address = self.address();
        match self.below(5) {
            0 => format!("(local.set {} (i32.load {address}))", self.local("i32")),
            1 => format!("(local.set {} (i64.load {address}))", self.local("i64")),
            2 => format!("(i64.store {address} {})", self.get("i64")),
            3 => format!("(i32.store8 {address} {})", self.get("i32")),
            _ => {
                let bytes = self.of(&["0", "1", "31"]);
                format!("(memory.copy {address} {} (i32.const {bytes}))", self.address())
            }
        }
    }

    fn branch(&mut self, depth: u32) -> String {
        let (condition, inner) = (self.get("i32"), self.statement(depth));
        match self.below(4) {
            0 => format!("(if {condition} (then {inner}))"),
            1 => format!("(block (br_if 0 (i32.and {condition} (i32.const 1))) {inner})"),
            2 => format!("(block (block (br_table 0 1 0 1 (i32.and {condition} (i32.const 3)))) {inner})"),
            _ => format!(
                "(local.set {} (select {} {} {condition}))",
                self.local("f64"),
                self.get("f64"),
                self.get("f64")
            ),
        }
    }

    /// A number made by an operator that cannot trap.
    fn number(&mut self) -> String {
        let index = usize::try_from(self.below(Operator::ALL.len() as u64)).unwrap_or_default();
        let Some(operator) = Operator::ALL.get(index) else { return String::new() };
        let priced = Revision::V1.schedule.operator(*operator).is_some();
        match signature(operator.name()).filter(|_| priced) {
            Some((parameters, result)) => {
                let divides = operator.name().contains("div_u") || operator.name().contains("rem_");
                let mut operands = String::new();
                for (parameter, position) in parameters.iter().zip(0..) {
                    let operand = self.get(parameter);
                    let _ = match divides && position == 1 {
                        true => write!(operands, "({parameter}.or {operand} ({parameter}.const 1))"),
                        false => write!(operands, "{operand}"),
                    };
                }
                format!("(local.set {} ({} {operands}))", self.local(result), operator.name())
            }
            None => self.number(),
        }
    }

    fn candidate(&mut self) -> Vec<String> {
        (0..=self.below(STATEMENTS)).map(|_| self.statement(2)).collect()
    }

    /// The same with a statement changed, added or left out.
    fn changed(&mut self, candidate: &[String]) -> Vec<String> {
        let mut changed = candidate.to_vec();
        let place = usize::try_from(self.below(changed.len() as u64)).unwrap_or_default();
        match self.below(4) {
            0 => changed.insert(place, self.statement(2)),
            1 if changed.len() > 1 => drop(changed.remove(place)),
            _ => changed.iter_mut().skip(place).take(1).for_each(|statement| *statement = self.statement(2)),
        }
        changed
    }
}

/// Parameters and result of an operator on numbers that cannot trap.
fn signature(name: &str) -> Option<(Vec<&str>, &str)> {
    let (ty, operation) = name.split_once('.')?;
    let known = ["i32", "i64", "f32", "f64"];
    let ty = known.into_iter().find(|known| *known == ty)?;
    let from = |suffix: &str| known.into_iter().find(|known| suffix.contains(known));
    match operation.split('_').next()? {
        "add" | "sub" | "mul" | "and" | "or" | "xor" | "shl" | "shr" | "rotl" | "rotr" | "min" | "max" | "copysign" => {
            (operation.len() < 9).then(|| (vec![ty, ty], ty))
        }
        "div" if operation != "div_s" => Some((vec![ty, ty], ty)),
        "rem" => Some((vec![ty, ty], ty)),
        "eq" | "ne" | "lt" | "gt" | "le" | "ge" => Some((vec![ty, ty], "i32")),
        "eqz" => Some((vec![ty], "i32")),
        "clz" | "ctz" | "popcnt" | "abs" | "neg" | "ceil" | "floor" | "nearest" | "sqrt" | "extend8" | "extend16"
        | "extend32" => Some((vec![ty], ty)),
        "trunc" if operation == "trunc" => Some((vec![ty], ty)),
        "trunc" if operation.starts_with("trunc_sat") => Some((vec![from(operation)?], ty)),
        "wrap" | "extend" | "convert" | "demote" | "promote" | "reinterpret" => Some((vec![from(operation)?], ty)),
        _ => None,
    }
}

/// The program of a candidate.
fn recipe(candidate: &[String], number: u64) -> Recipe {
    let mut setup = String::new();
    for (ty, values) in [("i32", INTEGERS), ("i64", INTEGERS), ("f32", FLOATS), ("f64", FLOATS)] {
        for (local, value) in (0..LOCALS).zip(values.iter().cycle()) {
            let _ = write!(setup, "(local.set ${ty}{local} ({ty}.const {value}))");
        }
    }
    let locals = ["i32", "i64", "f32", "f64"]
        .map(|ty| (0..LOCALS).fold(String::new(), |text, local| format!("{text} (local ${ty}{local} {ty})")));
    Shape::new(format!("candidate {number}"), candidate.concat())
        .fields("(func $nothing (param i64)) (global $g (mut i64) (i64.const 1))")
        .locals(locals.concat())
        .setup(setup)
        .pages(512)
        .copies(2)
        .of(Subject::Pattern("search"))
}

/// Measures `candidates` candidates and returns the worst, the worst first, each with its statements.
///
/// # Errors
///
/// As `measure`.
pub fn search(
    mut dice: Dice,
    candidates: u64,
    options: &Options,
    heap: &Heap,
) -> anyhow::Result<Vec<(Measured, Vec<String>)>> {
    let options = &Options { gas: options.gas.max(GAS_MIN), ..options.clone() };
    let mut kept: Vec<(Measured, Vec<String>)> = Vec::new();
    for number in 0..candidates {
        let parent = usize::try_from(dice.below(2 * KEPT as u64))?;
        let candidate = match kept.get(parent) {
            Some((_, candidate)) => dice.changed(&candidate.clone()),
            None => dice.candidate(),
        };
        let mut measured = None;
        measure(&[recipe(&candidate, number)], options, heap, |row| measured = Some(row))?;
        if let Some(row) = measured.transpose()? {
            kept.push((row, candidate));
            kept.sort_by(|(one, _), (other, _)| other.ratio().total_cmp(&one.ratio()));
            kept.truncate(KEPT);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_runs() {
        let mut dice = Dice::new(7);
        let mut candidate = dice.candidate();
        for number in 0..30 {
            recipe(&candidate, number).stage(1).unwrap().run().unwrap();
            candidate = dice.changed(&candidate);
        }
    }

    #[test]
    fn signatures_are_those_of_the_specification() {
        for (name, expected) in [
            ("i32.add", Some((vec!["i32", "i32"], "i32"))),
            ("f32.demote_f64", Some((vec!["f64"], "f32"))),
            ("i64.extend_i32_u", Some((vec!["i32"], "i64"))),
            ("i32.trunc_f32_s", None),
            ("i32.div_s", None),
            ("i64.trunc_sat_f32_u", Some((vec!["f32"], "i64"))),
            ("i64.lt_u", Some((vec!["i64", "i64"], "i32"))),
            ("memory.copy", None),
        ] {
            assert_eq!(signature(name), expected, "{name}");
        }
    }
}
