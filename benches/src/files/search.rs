//! Looks for worse files than those that are listed: random shapes of states, of which the slowest by the byte of each kind
//! are kept and changed.

use super::{Kind, Measured, Shape, samples};
use crate::hostile::Dice;
use std::collections::BTreeMap;

/// Leaves of the largest state: what a candidate takes is some hundred milliseconds.
const LEAVES_MAX: u64 = 20_000;

/// The worst file of each kind, with the shape of its state.
pub type Found = BTreeMap<Kind, (Measured, Shape)>;

/// Measures the files of `candidates` random shapes, each once.
///
/// # Errors
///
/// If a state cannot be made, or a file of it not be read.
pub fn search(mut dice: Dice, candidates: u64) -> anyhow::Result<Found> {
    let mut worst = Found::new();
    for _ in 0..candidates {
        let kinds: Vec<Shape> = worst.values().map(|(_, shape)| *shape).collect();
        let parent = usize::try_from(dice.below(2 * Kind::ALL.len() as u64))?;
        let shape = match kinds.get(parent) {
            Some(shape) => changed(&mut dice, shape),
            None => random(&mut dice),
        };
        if shape.leaves() > LEAVES_MAX {
            continue;
        }
        for sample in samples(&shape)? {
            let row = sample.measure(2)?;
            let slower = |(than, _): &(Measured, Shape)| row.times_hashing() > than.times_hashing();
            if worst.get(&row.kind).is_none_or(slower) {
                worst.insert(row.kind, (row, shape));
            }
        }
    }
    Ok(worst)
}

/// A number from `least` on, its magnitude as random as its digits.
fn any(dice: &mut Dice, least: u64, magnitudes: u64) -> u64 {
    let magnitude = dice.below(magnitudes + 1);
    least + dice.below(1 << magnitude)
}

/// A shape of which each measure is random.
pub fn random(dice: &mut Dice) -> Shape {
    Shape {
        accounts: any(dice, 1, 13),
        keys: any(dice, 0, 13),
        key_bytes: any(dice, 0, 6) as usize,
        value_bytes: any(dice, 0, 7) as usize,
        codes: any(dice, 1, 13),
        code_bytes: any(dice, 0, 7) as usize,
        heights: any(dice, 1, 5),
    }
}

/// The same with one measure of another shape.
fn changed(dice: &mut Dice, shape: &Shape) -> Shape {
    let other = random(dice);
    match dice.below(7) {
        0 => Shape { accounts: other.accounts, ..*shape },
        1 => Shape { keys: other.keys, ..*shape },
        2 => Shape { key_bytes: other.key_bytes, ..*shape },
        3 => Shape { value_bytes: other.value_bytes, ..*shape },
        4 => Shape { codes: other.codes, ..*shape },
        5 => Shape { code_bytes: other.code_bytes, ..*shape },
        _ => Shape { heights: other.heights, ..*shape },
    }
}
