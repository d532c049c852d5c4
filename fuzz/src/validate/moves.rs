//! Values that the operators of a body hand over, as `docs/spec.md` lists them.

use wasmparser::{BlockType, FuncType, FunctionBody, Operator as Op, ValType};

/// Goes through the operators of one body.
pub(super) struct Moves<'a> {
    types: &'a [FuncType],
    /// The type of each function, imports first.
    functions: &'a [u32],
    /// What a branch to each open block hands over: the body itself first, the innermost last.
    labels: Vec<u64>,
}

fn values(types: &[ValType]) -> u64 {
    types.len() as u64
}

impl<'a> Moves<'a> {
    /// At the start of a body of type `ty`.
    pub(super) fn of(types: &'a [FuncType], functions: &'a [u32], ty: &FuncType) -> Self {
        Self { types, functions, labels: vec![values(ty.results())] }
    }

    /// Parameters and results of a type.
    fn ends(&self, ty: u32) -> [u64; 2] {
        let ty = &self.types[ty as usize];
        [values(ty.params()), values(ty.results())]
    }

    fn ends_of_block(&self, ty: BlockType) -> [u64; 2] {
        match ty {
            BlockType::Empty => [0, 0],
            BlockType::Type(_) => [0, 1],
            BlockType::FuncType(ty) => self.ends(ty),
        }
    }

    fn branch(&self, depth: u32) -> u64 {
        self.labels[self.labels.len() - 1 - depth as usize]
    }

    /// What all operators of `body`, which is valid, hand over.
    pub(super) fn by_all(&mut self, body: &FunctionBody<'_>) -> u64 {
        let operators = body.get_operators_reader().expect("valid").into_iter();
        operators.map(|operator| self.by(&operator.expect("valid"))).sum()
    }

    fn by(&mut self, operator: &Op<'_>) -> u64 {
        match *operator {
            Op::Block { blockty } | Op::If { blockty } => {
                let [parameters, results] = self.ends_of_block(blockty);
                self.labels.push(results);
                parameters + results
            }
            Op::Loop { blockty } => {
                let [parameters, results] = self.ends_of_block(blockty);
                self.labels.push(parameters);
                parameters + results
            }
            Op::End => {
                self.labels.pop();
                0
            }
            Op::Br { relative_depth } | Op::BrIf { relative_depth } => self.branch(relative_depth),
            Op::BrTable { ref targets } => {
                let depths = targets.targets().map(|depth| depth.expect("valid"));
                depths.chain([targets.default()]).map(|depth| self.branch(depth)).sum()
            }
            Op::Return => self.labels[0],
            Op::Call { function_index } | Op::ReturnCall { function_index } => {
                self.ends(self.functions[function_index as usize]).iter().sum()
            }
            Op::CallIndirect { type_index, .. } | Op::ReturnCallIndirect { type_index, .. } => {
                self.ends(type_index).iter().sum()
            }
            Op::MemoryGrow { .. } => 4,
            _ => 0,
        }
    }
}
