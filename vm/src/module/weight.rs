//! What translating a module takes beyond its bytes: values that operators hand over, locals, functions.
//!
//! The first use of a code is paid for by the byte, so no byte may stand for much more work than others
//! (`docs/decisions/0013`). Each of these is bounded by the bytes of the module.

use super::{
    facts::Import,
    invalid::{InvalidCode, InvalidModule},
    pass::{Pass, Step},
    seen::and_free,
    size::{COPY, preserves, translated_bytes},
    types::FunctionType,
};
use wasmparser::{BlockType, FrameKind, FuncValidator, Operator, ValidatorResources};

/// Values that a `memory.grow` counts as, and a direct call of a tick: the normal form of a module (`normal`) makes a region of each.
const REGION_VALUES: u64 = 4;

/// Values that an operator hands over, and how many of them are parameters of the block that it begins.
struct Moved {
    values: u64,
    parameters: u64,
}

impl Moved {
    /// Parameters and results of a type.
    fn by(ty: Option<&FunctionType>) -> Self {
        let [parameters, results] = ty.map_or([0; 2], |ty| [ty.parameters.len() as u64, ty.results.len() as u64]);
        Self { values: parameters.saturating_add(results), parameters }
    }
}

impl Pass<'_> {
    /// Compares the number of functions that the function section announces with the bytes of the module.
    //= spec 5.1.9
    pub(super) fn functions_by_bytes(&mut self, offset: usize, functions: u32) -> Step {
        let bytes_min = u64::from(self.rules.limits.bytes_per_function_min);
        let limit = (self.code.len() as u64).checked_div(bytes_min).unwrap_or(u64::MAX);
        let remedy = "merge functions that do almost nothing";
        self.by_bytes(InvalidCode::TooManyFunctionsByBytes, offset, u64::from(functions), limit, remedy)
    }

    /// Compares the locals of all functions so far with the bytes of the module.
    //= spec 5.1.8
    pub(super) fn locals_by_bytes(&mut self, offset: usize, locals: u64) -> Step {
        let limit = and_free(u64::from(self.rules.limits.locals_per_byte_max).saturating_mul(self.code.len() as u64));
        self.by_bytes(InvalidCode::TooManyLocalsByBytes, offset, locals, limit, "declare only locals that are used")
    }

    /// Counts the values that `operator`, which has not been validated yet, hands over.
    //= spec 5.1.7
    pub(super) fn moved_values(
        &mut self,
        validator: &FuncValidator<ValidatorResources>,
        offset: usize,
        operator: &Operator<'_>,
    ) -> Step {
        let Moved { values, parameters } = self.moved(validator, operator)?;
        self.weight.moved_values = self.weight.moved_values.saturating_add(values);
        let actual = self.weight.moved_values;
        self.facts.moved_values = actual;
        let is_tick = self.is_tick(operator);
        // The charge of a region takes the place of a tick.
        let mut bytes = if is_tick { COPY } else { translated_bytes(operator, values, parameters) };
        let height = validator.operand_stack_height();
        self.weight.preserved = self.weight.preserved.min(height);
        let taken = if is_tick { Some(0) } else { preserves(operator) };
        if let Some(taken) = taken {
            let height = height.saturating_sub(taken);
            let copies = height.saturating_sub(core::mem::replace(&mut self.weight.preserved, height));
            bytes = bytes.saturating_add(u64::from(copies).saturating_mul(COPY));
        }
        self.facts.translated_bytes = self.facts.translated_bytes.saturating_add(bytes);
        if actual <= self.weight.moved_values_max || self.weight.is_reported {
            return Ok(());
        }
        self.weight.is_reported = true;
        let remedy = "hand over fewer values, or keep them in locals";
        self.by_bytes(InvalidCode::TooManyMovedValues, offset, actual, self.weight.moved_values_max, remedy)
    }

    /// Whether `operator` is a direct call of a tick.
    fn is_tick(&self, operator: &Operator<'_>) -> bool {
        let Operator::Call { function_index } = operator else { return false };
        let import = usize::try_from(*function_index).ok().and_then(|index| self.facts.imports.get(index));
        import.is_some_and(Import::is_tick)
    }

    fn by_bytes(&mut self, code: InvalidCode, offset: usize, actual: u64, limit: u64, remedy: &str) -> Step {
        if actual <= limit {
            return Ok(());
        }
        let detail = format!("in a module of {} bytes: {remedy}", self.code.len());
        self.findings.report(InvalidModule { detail, ..InvalidModule::limit(code, offset, actual, limit) })
    }

    /// Values that a branch hands over at each of its targets, those that enter and leave a block, and those that a call
    /// takes and returns; a `memory.grow` and a direct call of a tick count as [`REGION_VALUES`]. None for every other operator, and for what is not valid.
    //= spec 5.1.7
    fn moved(
        &self,
        validator: &FuncValidator<ValidatorResources>,
        operator: &Operator<'_>,
    ) -> Result<Moved, InvalidModule> {
        let label = |depth: u32| self.label_values(validator, depth);
        let values = match operator {
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => label(*relative_depth),
            Operator::BrTable { targets } => {
                let mut sum = label(targets.default());
                for target in targets.targets() {
                    sum = sum.saturating_add(label(target?));
                }
                sum
            }
            Operator::Return => label(validator.control_stack_height().saturating_sub(1)),
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => match blockty {
                BlockType::Empty => 0,
                BlockType::Type(_) => 1,
                BlockType::FuncType(index) => return Ok(Moved::by(self.spaces.function_type(*index))),
            },
            Operator::Call { .. } if self.is_tick(operator) => REGION_VALUES,
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                Moved::by(self.spaces.function(*function_index)).values
            }
            Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
                Moved::by(self.spaces.function_type(*type_index)).values
            }
            Operator::MemoryGrow { .. } => REGION_VALUES,
            _ => 0,
        };
        Ok(Moved { values, parameters: 0 })
    }

    /// Values that a branch to the label `depth` hands over.
    fn label_values(&self, validator: &FuncValidator<ValidatorResources>, depth: u32) -> u64 {
        let frame = usize::try_from(depth).ok().and_then(|depth| validator.get_control_frame(depth));
        frame.map_or(0, |frame| match (frame.block_type, frame.kind) {
            (BlockType::FuncType(index), kind) => {
                let ty = self.spaces.function_type(index);
                ty.map_or(0, |ty| if kind == FrameKind::Loop { ty.parameters.len() } else { ty.results.len() }) as u64
            }
            (BlockType::Type(_), FrameKind::Loop) | (BlockType::Empty, _) => 0,
            (BlockType::Type(_), _) => 1,
        })
    }
}
