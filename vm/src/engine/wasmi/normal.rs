//! From a valid module to one of the same behaviour that a metering engine charges by the gas rule (`docs/spec.md`,
//! section 2; the reason is in `docs/decisions/0007`).
//!
//! The rule speaks about the text. An engine charges for what its translator emits, and the two agree as long as the
//! translator can neither compute a condition nor see that a `loop` or an `if` is never reached. Here such places are
//! found and rewritten, and with them the four that wasmi 2.0.0 translates wrongly or not at all. A `memory.grow`, which is
//! a region of its own, becomes a loop of one turn; what operators pay for values that they move, and functions for their
//! frames, is written as `nop`s. A module without them stays as it is, byte for byte. Owns the module around the bodies; what is found in a body
//! is in `flow`, how it is written anew in `encode`.

mod changes;
mod classes;
mod encode;
mod flow;
mod free;
mod moves;
mod operand;
mod shape;
#[cfg(test)]
mod tests;

use crate::module::{InvalidModule, ValidModule};
use alloy_primitives::Bytes;
use changes::Changes;
use encode::Encoder;
use free::Inserted;

pub(super) use encode::{leb128, section};
pub(super) use free::rewritten_price;
use lockstep_gas::{Operator, Revision};
use shape::Shape;
use wasmparser::{FunctionBody, Parser, Payload};

/// A module that can be metered by operators, each at its price.
#[derive(Debug)]
pub(super) struct NormalModule {
    code: Bytes,
    /// What can be in it that was not deployed; `None` if it is the module that was.
    inserted: Option<Inserted>,
}

impl NormalModule {
    /// The module for `revision`, which is the one that it is valid under.
    ///
    /// Work and memory are linear in the bytes of the module, times the largest price.
    ///
    /// # Errors
    ///
    /// None for a valid module: what cannot be read of it is reported as its validation would have.
    pub(super) fn new(module: &ValidModule, revision: &Revision) -> Result<Self, InvalidModule> {
        Self::build(module, revision, false)
    }

    /// The same, rewritten also where nothing would have to be: for modules that link with each other. They share one
    /// engine, which has one table of prices, and what is [inserted](Inserted) is free for all of them or for none.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(super) fn rewritten(module: &ValidModule, revision: &Revision) -> Result<Self, InvalidModule> {
        Self::build(module, revision, true)
    }

    fn build(module: &ValidModule, revision: &Revision, always: bool) -> Result<Self, InvalidModule> {
        let unchanged = Self { code: module.code().clone(), inserted: None };
        let prices = revision.schedule.instructions.as_ref();
        let code = module.code();
        let mut shape = Shape::new(module, revision);
        let mut bodies = Vec::new();
        for payload in Parser::new(0).parse_all(code) {
            let payload = payload?;
            shape.note(&payload)?;
            if let Payload::CodeSectionEntry(body) = payload {
                let slots = module.frame_slots().get(bodies.len()).copied().unwrap_or_default();
                let changes = flow::changes(&shape, &body, bodies.len(), slots)?;
                bodies.push((body, changes));
            }
        }
        if !always && bodies.iter().all(|(_, changes)| changes.is_empty()) {
            return Ok(unchanged);
        }
        let inserted = Inserted {
            reads: always || bodies.iter().any(|(_, changes)| !changes.hidden.is_empty()),
            branches: always || bodies.iter().any(|(_, changes)| !changes.tables.is_empty()),
        };
        let code = rewrite(&shape, &bodies, Encoder::new(&shape, prices, inserted))?;
        Ok(Self { code: code.into(), inserted: Some(inserted) })
    }

    /// The module in the binary format. Custom sections are not in it if it is rewritten.
    pub(super) fn code(&self) -> &[u8] {
        &self.code
    }

    /// Whether it is not the module that was deployed. Then a `nop` costs 1 and what can be inserted costs nothing; every
    /// other operator has its price in either case.
    #[cfg(test)]
    pub(super) const fn is_rewritten(&self) -> bool {
        self.inserted.is_some()
    }

    /// What an engine must charge for `operator`, whose price is `price`.
    pub(super) fn engine_price(&self, operator: Operator, price: u8) -> u8 {
        self.inserted.map_or(price, |inserted| inserted.price(operator, price))
    }
}

/// Identifiers of sections (Wasm specification, binary format of modules).
const CUSTOM: u8 = 0;
const TYPE: u8 = 1;
const GLOBAL: u8 = 6;
const CODE: u8 = 10;

/// The place of a section among the others: by its identifier, but for the data count, which is before the code.
const fn rank(id: u8) -> u8 {
    match id {
        12 => CODE,
        id if id >= CODE => id.saturating_add(1),
        id => id,
    }
}

/// The whole module, with hidden globals behind its own and the bodies changed.
fn rewrite<'a>(
    shape: &Shape<'a>,
    bodies: &[(FunctionBody<'_>, Changes<'a>)],
    mut encoder: Encoder<'_, 'a>,
) -> Result<Vec<u8>, InvalidModule> {
    let code = shape.code();
    let new_bodies = bodies.iter().map(|(body, changes)| encoder.body(body, changes));
    let new_bodies = new_bodies.collect::<Result<Vec<_>, _>>()?;
    let mut module = code.get(..8).unwrap_or_default().to_vec();
    let mut has_globals = false;
    for payload in Parser::new(0).parse_all(code) {
        let Some((id, range)) = payload?.as_section() else { continue };
        if rank(id) > GLOBAL && !has_globals {
            has_globals = true;
            encode::section(&mut module, GLOBAL, &encoder.globals(0, &[]));
        }
        let content = code.get(range).unwrap_or_default();
        match id {
            CUSTOM => {}
            TYPE => encode::section(&mut module, TYPE, &encoder.types()),
            GLOBAL => {
                has_globals = true;
                encode::section(&mut module, GLOBAL, &encoder.globals(shape.own_globals(), shape.own_globals_bytes()));
            }
            CODE => encode::section(&mut module, CODE, &encode::vector(&new_bodies)),
            id => encode::section(&mut module, id, content),
        }
    }
    Ok(module)
}
