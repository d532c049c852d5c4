//! Out of gas at every charge: a program that is run with just what it has used until a charge is paid, and with one less.
//!
//! The reference interpreter says what is charged and when. With one less the frame halts at that charge, with all of it
//! paid it does not: it halts at the next one or ends as it ended. Where it halted shows in the memory, which must be the
//! reference's with the same gas.

use crate::{
    differential::{Case, Ended, Run, Seen, compare},
    input::Input,
};
use lockstep_gas::Gas;
use lockstep_host::HaltReason;
use lockstep_reference::{Event, Observer, Reference};
use lockstep_vm::engine::wasmi::Wasmi;
use std::sync::{Arc, Mutex};

/// Charges of one program that are looked at.
const POINTS: u32 = 4;

/// The charges of an execution: what had been used when each was paid, and its amount.
#[derive(Debug, Default)]
struct Charges {
    used: u64,
    points: Vec<(u64, u64)>,
}

impl Observer for Charges {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Charge { gas, gas_left } = event {
            if gas > gas_left {
                return;
            }
            self.used += gas.get();
            if *gas > Gas::ZERO {
                self.points.push((self.used, gas.get()));
            }
        }
    }
}

/// What running out of gas is held to.
///
/// # Panics
///
/// See the module.
pub fn gas_points(bytes: &[u8]) {
    against(bytes, |case| {
        let run = Run::<Wasmi>::new(case);
        Box::new(move |gas| run.with(gas))
    });
}

/// The same for an execution that need not be the production engine's.
///
/// # Panics
///
/// See the module.
pub fn against(bytes: &[u8], engine: impl for<'c> Fn(&'c Case) -> Box<dyn Fn(Gas) -> Seen + 'c>) {
    let mut input = Input::new(bytes);
    // Not a program that asks how much it has: it would not be the same program with less.
    let Some(case) = Case::out_of(&mut input, false) else { return };
    let charges = Arc::new(Mutex::new(Charges::default()));
    let watched = Reference::observed(Arc::clone(&case.revision), Arc::<Mutex<Charges>>::clone(&charges));
    let whole = Run::on(watched, &case).with(case.gas);
    let points = core::mem::take(&mut charges.lock().expect("nobody panicked").points);
    let (engine, reference) = (engine(&case), Run::<Reference>::new(&case));
    let count = u32::try_from(points.len()).expect("gas is limited");
    for point in 0..count.min(POINTS) {
        let point = if count <= POINTS { point } else { input.below(count) };
        let (used, charge) = points[point as usize];
        let next = points.get(point as usize + 1);
        let (enough, short) = (Gas::new(used), Gas::new(used - 1));
        let out_of_gas = engine(short);
        assert_eq!(out_of_gas.ended, Ended::Halted(HaltReason::OutOfGas), "{short} gas, charge {point} of {charge}");
        assert_eq!(out_of_gas.gas_used, short, "a halt takes all");
        compare(&case, short, &out_of_gas, &reference.with(short));
        let paid = engine(enough);
        match next {
            Some(_) => assert_eq!(paid.ended, Ended::Halted(HaltReason::OutOfGas), "{enough} gas, the next charge"),
            // No other charge was paid: it is the same execution, unless that ran out of gas at the next charge.
            None => assert_eq!(paid.ended, whole.ended, "{enough} gas, the last charge"),
        }
        compare(&case, enough, &paid, &reference.with(enough));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn smoke() {
        crate::runner::smoke("gas_points", super::gas_points);
    }
}
