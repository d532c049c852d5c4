//! What function bodies are held to: bytes, locals, operands, targets, operators.
//!
//! The validator's stack heights are what `frame_slots_max` is made of: locals and operands of the function that has
//! the most.

use super::{
    invalid::{InvalidCode, InvalidModule},
    operators::{has_floats, priced_operator},
    pass::{Pass, Step},
    types::{FunctionType, ValType},
};
use lockstep_gas::Operator as Priced;
use std::collections::BTreeSet;
use wasmparser::{BinaryReader, FuncToValidate, FunctionBody, Operator, ValidatorResources};

/// What has been reported of one function: each kind once.
#[derive(Default)]
struct Reported {
    floats: bool,
    operands: bool,
    targets: bool,
}

/// The locals that a body declares.
#[derive(Default)]
struct Locals {
    /// How many, parameters included.
    count: u64,
    /// The first float among the declared ones.
    float: Option<ValType>,
}

impl Pass<'_> {
    pub(super) fn body(&mut self, body: &FunctionBody<'_>) -> Step {
        let function = self.validator.code_section_entry(body)?;
        // If this ends the pass, what ended it is still in the function.
        self.findings.in_function(Some(function.index));
        // The next body does not depend on this one.
        self.function(function, body).or_else(|invalid| self.findings.report(invalid))?;
        self.findings.in_function(None);
        Ok(())
    }

    fn function(&mut self, function: FuncToValidate<ValidatorResources>, body: &FunctionBody<'_>) -> Step {
        let limits = self.rules.limits;
        let range = body.range();
        self.at_most(InvalidCode::TooManyBodyBytes, range.start, range.len() as u64, limits.body_bytes_max)?;
        let ty = self.spaces.function(function.index).cloned().unwrap_or_default();
        let locals = declared_locals(&ty, body)?;
        self.at_most(InvalidCode::TooManyLocals, range.start, locals.count, limits.locals_max)?;
        self.bodies.locals = self.bodies.locals.saturating_add(locals.count);
        if self.bodies.locals > u64::from(limits.module_locals_max) && !self.bodies.has_too_many_locals {
            self.bodies.has_too_many_locals = true;
            let all = self.bodies.locals;
            self.at_most(InvalidCode::TooManyModuleLocals, range.start, all, limits.module_locals_max)?;
        }
        if !self.bodies.has_too_many_locals && !self.bodies.has_too_many_locals_by_bytes {
            let found = self.findings.len();
            self.locals_by_bytes(range.start, self.bodies.locals)?;
            self.bodies.has_too_many_locals_by_bytes = self.findings.len() > found;
        }
        let mut reported = Reported::default();
        if ty.has_floats() {
            self.float(&mut reported, range.start, &ty.to_string())?;
        }
        if let Some(float) = locals.float {
            self.float(&mut reported, range.start, &format!("a local of type {float}"))?;
        }
        // The validator keeps a byte for each local: with too many of them the function is not looked into.
        if locals.count > u64::from(limits.locals_max) {
            return Ok(());
        }
        let operands = self.operators(function, body, &mut reported)?;
        //= spec 2.15
        let slots = u32::try_from(locals.count).unwrap_or(u32::MAX).saturating_add(operands);
        self.facts.frame_slots.push(slots);
        self.facts.frame_slots_max = self.facts.frame_slots_max.max(slots);
        Ok(())
    }

    /// Goes through the operators. Gives the largest height of the operand stack.
    fn operators(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
        reported: &mut Reported,
    ) -> Result<u32, InvalidModule> {
        let mut validator = function.into_validator(core::mem::take(&mut self.bodies.allocations));
        let mut reader = body.get_binary_reader();
        if let Err(error) = validator.read_locals(&mut reader) {
            self.findings.report(error.into())?;
            self.forbidden_operators(None, body.get_operators_reader()?.get_binary_reader())?;
            return Ok(0);
        }
        let mut operands = 0;
        while !reader.eof() {
            let offset = reader.original_position();
            let operator = reader.read_operator()?;
            let priced = priced_operator(&operator);
            if let Some(forbidden) = self.forbidden(priced) {
                // The proposals of forbidden operators are off: the validator would take them for invalid.
                self.forbidden_operators(Some((offset, forbidden)), reader)?;
                return Ok(operands);
            }
            self.moved_values(&validator, offset, &operator)?;
            if let Err(error) = validator.op(offset, &operator) {
                self.findings.report(error.into())?;
                self.forbidden_operators(None, reader)?;
                return Ok(operands);
            }
            let height = validator.operand_stack_height();
            operands = operands.max(height);
            self.operator(reported, offset, &operator, priced, height)?;
            self.tail_call(offset, &operator)?;
        }
        validator.finish(reader.original_position())?;
        self.bodies.allocations = validator.into_allocations();
        Ok(operands)
    }

    /// The operator, if the revision's schedule forbids it.
    //= spec 2.21
    fn forbidden(&self, priced: Option<Priced>) -> Option<Priced> {
        priced.filter(|&priced| self.rules.revision.schedule.operator(priced).is_none())
    }

    /// Notes each forbidden operator of what is left of a body once, `first` before them. Nothing else is known of the
    /// rest: types are not.
    fn forbidden_operators(&mut self, first: Option<(usize, Priced)>, mut rest: BinaryReader<'_>) -> Step {
        let mut names = BTreeSet::new();
        let mut next = first;
        loop {
            if let Some((offset, forbidden)) = next
                && names.insert(forbidden.name())
            {
                let invalid = InvalidModule::rule(InvalidCode::ForbiddenOperator, offset, forbidden.name());
                self.findings.report(invalid)?;
            }
            let offset = rest.original_position();
            if rest.eof() {
                return Ok(());
            }
            let operator = rest.read_operator()?;
            next = self.forbidden(priced_operator(&operator)).map(|forbidden| (offset, forbidden));
        }
    }

    /// An operator that the specification allows, after which the operand stack is `height` values high.
    fn operator(
        &mut self,
        reported: &mut Reported,
        offset: usize,
        operator: &Operator<'_>,
        priced: Option<Priced>,
        height: u32,
    ) -> Step {
        let limits = self.rules.limits;
        if height > limits.operands_max && !reported.operands {
            reported.operands = true;
            self.at_most(InvalidCode::TooManyOperands, offset, u64::from(height), limits.operands_max)?;
        }
        if let Operator::BrTable { targets } = operator
            && targets.len() > limits.br_table_targets_max
            && !reported.targets
        {
            reported.targets = true;
            let actual = u64::from(targets.len());
            self.at_most(InvalidCode::TooManyBrTableTargets, offset, actual, limits.br_table_targets_max)?;
        }
        match priced {
            Some(priced) if !self.rules.revision.features.floats && has_floats(operator) => {
                self.float(reported, offset, priced.name())
            }
            Some(priced) => {
                self.facts.renewal.operator(priced);
                Ok(())
            }
            // Not in the price list, yet allowed by the specification with the revision's features: no such operator
            // exists as long as the two tables agree.
            None => Err(InvalidModule::rule(InvalidCode::ForbiddenOperator, offset, "operator without a price")),
        }
    }

    /// Notes the first float of a function, where the revision has none.
    fn float(&mut self, reported: &mut Reported, offset: usize, what: &str) -> Step {
        if self.rules.revision.features.floats || reported.floats {
            return Ok(());
        }
        reported.floats = true;
        self.findings.report(InvalidModule::rule(InvalidCode::FloatsForbidden, offset, what))
    }
}

/// Counts the locals without making room for them: a declaration of 6 bytes can be of 2^32 - 1.
fn declared_locals(ty: &FunctionType, body: &FunctionBody<'_>) -> Result<Locals, InvalidModule> {
    let mut locals = Locals { count: ty.parameters.len() as u64, float: None };
    for group in body.get_locals_reader()? {
        let (count, parsed) = group?;
        locals.count = locals.count.saturating_add(u64::from(count));
        locals.float = locals.float.or(ValType::of(parsed).filter(|value| value.is_float()));
    }
    Ok(locals)
}
