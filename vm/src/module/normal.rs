//! From a valid module to one of the same behaviour that a metering engine charges by the gas rule (`docs/spec.md`,
//! section 2; the reason is in `docs/decisions/0007`).
//!
//! The rule speaks about the text. An engine charges for what its translator emits, and the two agree as long as the
//! translator can neither compute a condition nor see that a `loop` or an `if` is never reached. Here such places are
//! found and rewritten, and with them the two that wasmi 2.0.0 translates wrongly or not at all. A module without them stays as it is,
//! byte for byte; compilers hardly ever write one with them. Owns the module around the bodies; what is found in a body
//! is in `flow`, how it is written anew in `encode`.

mod encode;
mod flow;

use super::{ValidModule, invalid::InvalidModule};
use alloy_primitives::Bytes;
use encode::Encoder;
use flow::{Changes, Shape};
use lockstep_gas::{InstructionPrices, Operator, Revision};
use wasmparser::{FunctionBody, Parser, Payload};

/// A module that can be metered by operators, each at its price.
#[derive(Debug)]
pub struct NormalModule {
    code: Bytes,
    is_rewritten: bool,
}

impl NormalModule {
    /// Operators that are free in a rewritten module, where so many `nop` stand behind each as it costs. They are what
    /// rewriting puts in, so whatever they stand for can have its own price.
    pub const FREE: [Operator; 4] = [Operator::GlobalGet, Operator::Unreachable, Operator::Block, Operator::End];

    /// The module for `revision`, which is the one that it is valid under.
    ///
    /// Work and memory are linear in the bytes of the module, times the largest price.
    ///
    /// # Errors
    ///
    /// None for a valid module: what cannot be read of it is reported as its validation would have.
    pub fn new(module: &ValidModule, revision: &Revision) -> Result<Self, InvalidModule> {
        Self::build(module, revision, false)
    }

    /// The same, rewritten also where nothing would have to be: for modules that link with each other. They share one
    /// engine, which has one table of prices, and [`FREE`](Self::FREE) operators are free for all of them or for none.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn rewritten(module: &ValidModule, revision: &Revision) -> Result<Self, InvalidModule> {
        Self::build(module, revision, true)
    }

    fn build(module: &ValidModule, revision: &Revision, always: bool) -> Result<Self, InvalidModule> {
        let unchanged = Self { code: module.code().clone(), is_rewritten: false };
        let prices = revision.schedule.instructions.as_ref();
        let code = module.code();
        let mut shape = Shape::new(code, module.memory());
        let mut bodies = Vec::new();
        for payload in Parser::new(0).parse_all(code) {
            let payload = payload?;
            shape.note(&payload)?;
            if let Payload::CodeSectionEntry(body) = payload {
                let changes = flow::changes(&shape, &body)?;
                bodies.push((body, changes));
            }
        }
        if !always && bodies.iter().all(|(_, changes)| changes.is_empty()) {
            return Ok(unchanged);
        }
        Ok(Self { code: rewrite(code, &shape, &bodies, prices)?.into(), is_rewritten: true })
    }

    /// The module in the binary format. Custom sections are not in it if it is rewritten.
    pub fn code(&self) -> &[u8] {
        &self.code
    }

    /// Whether it is not the module that was deployed. Then [`FREE`](Self::FREE) operators cost nothing and a `nop`
    /// costs 1; every other operator has its price in either case.
    pub const fn is_rewritten(&self) -> bool {
        self.is_rewritten
    }

    /// What an engine must charge for `operator`, whose price is `price`.
    pub fn engine_price(&self, operator: Operator, price: u8) -> u8 {
        if self.is_rewritten { Self::rewritten_price(operator, price) } else { price }
    }

    /// What an engine must charge for `operator` in any rewritten module.
    pub fn rewritten_price(operator: Operator, price: u8) -> u8 {
        match operator {
            Operator::Nop => 1,
            operator if Self::FREE.contains(&operator) => 0,
            _ => price,
        }
    }
}

/// Identifiers of sections (Wasm specification, binary format of modules).
const CUSTOM: u8 = 0;
const GLOBAL: u8 = 6;
const CODE: u8 = 10;

/// Where a section stands among the others: by its identifier, but for the data count, which stands before the code.
const fn rank(id: u8) -> u8 {
    match id {
        12 => CODE,
        id if id >= CODE => id.saturating_add(1),
        id => id,
    }
}

/// The whole module, with hidden globals behind its own and the bodies changed.
fn rewrite(
    code: &[u8],
    shape: &Shape<'_>,
    bodies: &[(FunctionBody<'_>, Changes<'_>)],
    prices: Option<&InstructionPrices>,
) -> Result<Vec<u8>, InvalidModule> {
    let mut encoder = Encoder::new(code, shape.globals_count(), prices);
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
