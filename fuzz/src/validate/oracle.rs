//! The verdict on a module, written down a second time: first wasmparser's, then a count of everything that a limit or a
//! rule speaks about, over a module that is known to be valid.

use super::{
    bounds::{Bound, LIMITS, bytes_for_each, limits_of, needed_for_each},
    moves::Moves,
};
use lockstep_gas::{Abi, Features, Limits, Operator, Revision, for_each_operator};
use lockstep_host::{
    HostImport, ImportTable, UnknownImport, ValueType,
    packed::{Descriptor, PackOrder, PackedAbi},
};
use lockstep_vm::module::ValidModule;
use std::collections::BTreeMap;
use wasmparser::{
    CompositeInnerType, ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody,
    GlobalType, Operator as Op, Parser, Payload, TypeRef, ValType, ValidPayload, Validator, WasmFeatures,
};

/// What is known of a module that is accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counted {
    items: u64,
    data_bytes: u64,
    table_elements: u64,
    frame_slots_max: u64,
    moved_values: u64,
    imports: u64,
    exports: Vec<String>,
}

impl Counted {
    pub(super) fn of(module: &ValidModule) -> Self {
        Self {
            items: module.items(),
            data_bytes: module.data_bytes(),
            table_elements: module.table_elements(),
            frame_slots_max: u64::from(module.frame_slots_max()),
            moved_values: module.moved_values(),
            imports: module.imports().len() as u64,
            exports: module.exports().map(|(name, _)| name.to_owned()).collect(),
        }
    }
}

/// wasmparser's words for the features of a revision.
pub(super) fn wasm_features(features: &Features) -> WasmFeatures {
    let on = [
        (features.floats, WasmFeatures::FLOATS),
        (features.mutable_globals, WasmFeatures::MUTABLE_GLOBAL),
        (features.sign_extension, WasmFeatures::SIGN_EXTENSION),
        (features.saturating_conversions, WasmFeatures::SATURATING_FLOAT_TO_INT),
        (features.multi_value, WasmFeatures::MULTI_VALUE),
        (features.bulk_memory, WasmFeatures::BULK_MEMORY),
        (features.reference_types, WasmFeatures::REFERENCE_TYPES.union(WasmFeatures::GC_TYPES)),
        (features.tail_calls, WasmFeatures::TAIL_CALL),
        (features.extended_const, WasmFeatures::EXTENDED_CONST),
        (features.multi_memory, WasmFeatures::MULTI_MEMORY),
        (features.wide_arithmetic, WasmFeatures::WIDE_ARITHMETIC),
    ];
    on.into_iter().filter(|(on, _)| *on).fold(WasmFeatures::empty(), |all, (_, feature)| all.union(feature))
}

/// A type of an export.
enum Exported {
    Function(FuncType),
    Memory,
    Global { ty: GlobalType, constant: Option<i32> },
    Table,
}

/// Everything that was counted.
#[derive(Default)]
struct Count {
    types: Vec<FuncType>,
    functions: Vec<u32>,
    imported_functions: u64,
    imports: u64,
    unknown_import: bool,
    imported: BTreeMap<(String, String), FuncType>,
    tables: Vec<(u64, Option<u64>)>,
    own_tables: u64,
    memories: Vec<u64>,
    globals: Vec<(GlobalType, Option<i32>)>,
    own_globals: u64,
    exports: BTreeMap<String, Exported>,
    start: bool,
    element_segments: u64,
    elements: u64,
    data_segments: u64,
    data_bytes: u64,
    const_operators_max: u64,
    bodies: Vec<Body>,
    refers_to_import: bool,
    tail_call_of_import: bool,
    indirect_tail_call: bool,
    forbidden: bool,
    packed_abi: Vec<Vec<u8>>,
    packed_order: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Body {
    bytes: u64,
    locals: u64,
    operands: u64,
    targets: u64,
    moved_values: u64,
}

macro_rules! define_priced {
    ($($name:ident $snake:ident $text:literal $price:expr,)*) => {
        fn priced(parsed: &Op<'_>) -> Option<Operator> {
            match parsed {
                $(Op::$name { .. } => Some(Operator::$name),)*
                _ => None,
            }
        }
    };
}
for_each_operator!(define_priced);

/// What is known of the module if it is to be accepted, otherwise a reason why not.
pub(super) fn verdict(code: &[u8], abi: Abi, revision: &Revision) -> Result<Counted, String> {
    if !revision.rules.abis.contains(abi) {
        return Err("the revision does not have the ABI".into());
    }
    let features = wasm_features(&revision.features);
    Validator::new_with_features(features).validate_all(code).map_err(|error| error.to_string())?;
    let count = Count::of(code, features, abi, revision);
    count.hold_to_limits(code, abi, revision)?;
    if abi != Abi::Linked {
        count.hold_to_abi(abi, revision)?;
    }
    Ok(count.known(revision))
}

/// What a module that the Wasm specification accepts asks of every limit.
pub(super) fn bounds(code: &[u8], abi: Abi, revision: &Revision) -> Option<[Bound; LIMITS]> {
    let features = wasm_features(&revision.features);
    Validator::new_with_features(features).validate_all(code).ok()?;
    Some(Count::of(code, features, abi, revision).bounds(code))
}

impl Count {
    fn of(code: &[u8], features: WasmFeatures, abi: Abi, revision: &Revision) -> Self {
        let mut count = Self::default();
        let mut validator = Validator::new_with_features(features);
        let mut parser = Parser::new(0);
        parser.set_features(features);
        for payload in parser.parse_all(code) {
            let payload = payload.expect("it is valid");
            if let ValidPayload::Func(function, body) = validator.payload(&payload).expect("it is valid") {
                let mut validator = function.into_validator(Default::default());
                let mut operands = 0;
                let mut reader = body.get_binary_reader();
                validator.read_locals(&mut reader).expect("it is valid");
                while !reader.eof() {
                    let offset = reader.original_position();
                    validator.op(offset, &reader.read_operator().expect("it is valid")).expect("it is valid");
                    operands = operands.max(u64::from(validator.operand_stack_height()));
                }
                count.body(&body, operands, revision);
            }
            count.declaration(payload, abi, revision);
        }
        count
    }

    fn declaration(&mut self, payload: Payload<'_>, abi: Abi, revision: &Revision) {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter().flat_map(|group| group.expect("valid").into_types()) {
                    match ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => self.types.push(ty),
                        _ => panic!("no revision has types of another form"),
                    }
                }
            }
            Payload::ImportSection(section) => {
                self.imports = u64::from(section.count());
                for import in section {
                    self.import(&import.expect("valid"), abi, revision);
                }
            }
            Payload::FunctionSection(section) => {
                self.functions.extend(section.into_iter().map(|ty| ty.expect("valid")))
            }
            Payload::TableSection(section) => {
                for table in section {
                    let ty = table.expect("valid").ty;
                    self.own_tables += ty.initial;
                    self.tables.push((ty.initial, ty.maximum));
                }
            }
            Payload::MemorySection(section) => {
                self.memories.extend(section.into_iter().map(|memory| memory.expect("valid").initial));
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global.expect("valid");
                    let constant = self.constant(&global.init_expr);
                    self.globals.push((global.ty, constant));
                    self.own_globals += 1;
                }
            }
            Payload::ExportSection(section) => self.exports(section),
            Payload::StartSection { .. } => self.start = true,
            Payload::ElementSection(section) => self.elements(section),
            Payload::DataSection(section) => {
                for segment in section {
                    let segment = segment.expect("valid");
                    self.data_segments += 1;
                    if let DataKind::Active { offset_expr, .. } = segment.kind {
                        self.data_bytes += segment.data.len() as u64;
                        self.constant(&offset_expr);
                    }
                }
            }
            Payload::CustomSection(section) if section.name() == "packed_abi" => {
                self.packed_abi.push(section.data().to_vec());
            }
            Payload::CustomSection(section) if section.name() == "packed_order" => {
                self.packed_order.push(section.data().to_vec());
            }
            _ => {}
        }
    }

    fn exports(&mut self, section: wasmparser::ExportSectionReader<'_>) {
        for export in section {
            let export = export.expect("valid");
            let index = export.index as usize;
            let exported = match export.kind {
                ExternalKind::Func => Exported::Function(self.types[self.functions[index] as usize].clone()),
                ExternalKind::Memory => Exported::Memory,
                ExternalKind::Global => {
                    let (ty, constant) = self.globals[index];
                    Exported::Global { ty, constant }
                }
                ExternalKind::Table | ExternalKind::Tag => Exported::Table,
            };
            self.exports.insert(export.name.to_owned(), exported);
        }
    }

    fn import(&mut self, import: &wasmparser::Import<'_>, abi: Abi, revision: &Revision) {
        let table = ImportTable::of(abi, revision);
        let rows: Vec<_> = table.find(import.module, import.name).collect();
        let is_there = match import.ty {
            TypeRef::Func(index) => {
                let ty = &self.types[index as usize];
                let name = (import.module.to_owned(), import.name.to_owned());
                let is_first = self.imported.entry(name).or_insert_with(|| ty.clone()) == ty;
                let is_of = |row: &&HostImport| {
                    types_are(ty.params(), row.parameters()) && types_are(ty.results(), row.result().as_slice())
                };
                let may_be_unknown = rows.is_empty() && table.unknown() == UnknownImport::Halts;
                is_first && (may_be_unknown || rows.iter().any(is_of))
            }
            _ => false,
        };
        self.unknown_import |= !is_there;
        match import.ty {
            TypeRef::Func(index) => {
                self.functions.push(index);
                self.imported_functions += 1;
            }
            // Sizes are those of whoever defines them.
            TypeRef::Table(_) => self.tables.push((0, None)),
            TypeRef::Memory(_) => self.memories.push(0),
            TypeRef::Global(ty) => self.globals.push((ty, None)),
            TypeRef::Tag(_) => {}
        }
    }

    fn elements(&mut self, section: wasmparser::ElementSectionReader<'_>) {
        for segment in section {
            let segment = segment.expect("valid");
            self.element_segments += 1;
            if let ElementKind::Active { offset_expr, .. } = segment.kind {
                self.constant(&offset_expr);
            }
            match segment.items {
                ElementItems::Functions(functions) => {
                    for index in functions {
                        self.elements += 1;
                        self.refer_to(index.expect("valid"));
                    }
                }
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions {
                        self.elements += 1;
                        self.constant(&expression.expect("valid"));
                    }
                }
            }
        }
    }

    fn refer_to(&mut self, function: u32) {
        self.refers_to_import |= u64::from(function) < self.imported_functions;
    }

    /// Counts a constant expression; returns its value if it is a constant of type i32.
    fn constant(&mut self, expression: &ConstExpr<'_>) -> Option<i32> {
        let operators: Vec<_> = expression.get_operators_reader().into_iter().map(|op| op.expect("valid")).collect();
        let (end, operators) = operators.split_last().expect("an end");
        assert_eq!(*end, Op::End);
        self.const_operators_max = self.const_operators_max.max(operators.len() as u64);
        for operator in operators {
            if let Op::RefFunc { function_index } = operator {
                self.refer_to(*function_index);
            }
        }
        match operators {
            [Op::I32Const { value }] => Some(*value),
            _ => None,
        }
    }

    fn body(&mut self, body: &FunctionBody<'_>, operands: u64, revision: &Revision) {
        let function = self.imported_functions as usize + self.bodies.len();
        let ty = &self.types[self.functions[function] as usize];
        let parameters = ty.params().len() as u64;
        let moved_values = Moves::of(&self.types, &self.functions, ty).by_all(body);
        let declared = body.get_locals_reader().expect("valid").into_iter();
        let locals = declared.map(|group| u64::from(group.expect("valid").0)).sum::<u64>() + parameters;
        let range = body.range();
        let mut counted = Body { bytes: (range.end - range.start) as u64, locals, operands, targets: 0, moved_values };
        for operator in body.get_operators_reader().expect("valid") {
            let operator = operator.expect("valid");
            let price = priced(&operator).and_then(|operator| revision.schedule.operator(operator));
            self.forbidden |= price.is_none();
            match operator {
                Op::BrTable { targets } => counted.targets = counted.targets.max(u64::from(targets.len())),
                Op::RefFunc { function_index } => self.refer_to(function_index),
                Op::ReturnCall { function_index } => {
                    self.tail_call_of_import |= u64::from(function_index) < self.imported_functions;
                }
                Op::ReturnCallIndirect { .. } => self.indirect_tail_call = true,
                _ => {}
            }
        }
        self.bodies.push(counted);
    }

    fn own_functions(&self) -> u64 {
        self.functions.len() as u64 - self.imported_functions
    }

    fn moved_values(&self) -> u64 {
        self.bodies.iter().map(|body| body.moved_values).sum()
    }

    /// What the module asks of the limits, in the order of [`limits_of`].
    fn bounds(&self, code: &[u8]) -> [Bound; LIMITS] {
        let bytes = code.len() as u64;
        let locals = self.bodies.iter().map(|body| body.locals).sum::<u64>();
        let most = |count: &dyn Fn(&Body) -> u64| self.bodies.iter().map(count).max().unwrap_or_default();
        let parameters = |ty: &FuncType| ty.params().len() as u64;
        let types_of_functions = self.functions.iter().map(|&ty| &self.types[ty as usize]);
        let elements = self.tables.iter().map(|(least, most)| (*least).max(most.unwrap_or_default()));
        let numbers = [
            bytes,
            self.types.len() as u64,
            self.types.iter().map(parameters).max().unwrap_or_default(),
            self.types.iter().map(|ty| ty.results().len() as u64).max().unwrap_or_default(),
            self.imports,
            self.functions.len() as u64,
            types_of_functions.map(parameters).sum(),
            self.tables.len() as u64,
            elements.max().unwrap_or_default(),
            self.memories.iter().copied().max().unwrap_or_default(),
            self.globals.len() as u64,
            self.exports.len() as u64,
            self.element_segments,
            self.elements,
            self.data_segments,
            self.const_operators_max,
            most(&|body| body.bytes),
            most(&|body| body.locals),
            locals,
            most(&|body| body.operands),
            most(&|body| body.targets),
            needed_for_each(locals.saturating_sub(Limits::FREE_OF_BYTES), bytes),
        ];
        let by_bytes = [
            bytes_for_each(bytes, self.moved_values().saturating_sub(Limits::FREE_OF_BYTES)),
            bytes_for_each(bytes, self.own_functions()),
        ];
        let mut bounds = numbers.into_iter().map(Bound::AtLeast).chain(by_bytes);
        core::array::from_fn(|_| bounds.next().expect("one for each limit"))
    }

    fn hold_to_limits(&self, code: &[u8], abi: Abi, revision: &Revision) -> Result<(), String> {
        let mut limits = revision.limits(abi).clone();
        for (bound, (what, limit)) in self.bounds(code).into_iter().zip(limits_of(&mut limits)) {
            if !bound.admits(*limit) {
                return Err(format!("the limit of {what} is {limit}, it would have to be {bound:?}"));
            }
        }
        if self.forbidden { Err("it has an operator without a price".into()) } else { Ok(()) }
    }

    fn hold_to_abi(&self, abi: Abi, revision: &Revision) -> Result<(), String> {
        let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
        check(!self.unknown_import, "it imports what the ABI does not have")?;
        check(!self.tail_call_of_import, "it has a tail call of an import")?;
        check(!(self.indirect_tail_call && self.refers_to_import), "a tail call can be of an import")?;
        let memory = self.exports.get("memory").map(|memory| matches!(memory, Exported::Memory));
        check(memory != Some(false), "its memory is none")?;
        check(memory == Some(true) || matches!(abi, Abi::Json | Abi::Packed), "it exports no memory")?;
        let may_start = matches!(abi, Abi::Json | Abi::Metashrew | Abi::MetashrewDocumented);
        check(!self.start || may_start, "it has a start function")?;
        check(!may_start || !self.exports.contains_key("(start)"), "an export is called like a start function")?;
        const I32: &[ValType] = &[ValType::I32];
        match abi {
            Abi::Ewasm => {
                check(self.exports.contains_key("main") && self.is("main", &[], &[&[]]), "main is not ()->()")?;
                check(!revision.rules.exact_exports || self.exports.len() == 2, "it exports more than two")
            }
            Abi::Wasi => {
                check(self.is("_start", &[], &[&[]]) && self.is("_initialize", &[], &[&[]]), "it begins otherwise")?;
                check(self.is("constructor", &[], &[&[], I32]), "its constructor is of another type")
            }
            Abi::Json => {
                check(self.is("_initialize", &[], &[&[]]) && self.is("constructor", &[], &[&[]]), "it begins otherwise")
            }
            Abi::Metashrew | Abi::MetashrewDocumented => {
                check(self.exports.contains_key("_start") && self.is("_start", &[], &[&[]]), "it indexes nothing")
            }
            Abi::Dela => {
                check(self.exports.contains_key("malloc") && self.is("malloc", I32, &[I32]), "it allocates nothing")?;
                check(self.exports.contains_key("free") && self.is("free", I32, &[&[]]), "it frees nothing")?;
                let begins = ["_initialize", "__wasm_call_ctors"].iter().all(|name| self.is(name, &[], &[&[]]));
                check(begins, "it begins otherwise")
            }
            Abi::Linked => Ok(()),
            Abi::Packed => {
                let is_main = self.is("main", &[], &[&[]]) || self.is("main", &[ValType::I64], &[&[ValType::I64]]);
                check(is_main, "main is of another type")?;
                let others = self.exports.iter().filter(|(name, _)| *name != "memory");
                let memories = others.filter(|(_, exported)| matches!(exported, Exported::Memory)).count();
                check(memories == 0, "it exports a memory by another name")?;
                self.hold_to_sections()?;
                check(self.input_area_holds(), "its input area is none")
            }
        }
    }

    /// Whether what is exported as `name`, if anything is, is a function of these parameters and one of these results.
    fn is(&self, name: &str, parameters: &[ValType], results: &[&[ValType]]) -> bool {
        match self.exports.get(name) {
            None => true,
            Some(Exported::Function(ty)) => ty.params() == parameters && results.contains(&ty.results()),
            Some(_) => false,
        }
    }

    fn hold_to_sections(&self) -> Result<(), String> {
        match self.packed_order.as_slice() {
            [] => {}
            [one] if PackOrder::parse(Some(one)).is_ok() => {}
            _ => return Err("packed_order".into()),
        }
        let abi = match self.packed_abi.as_slice() {
            [] => return Ok(()),
            [one] => PackedAbi::parse(one).map_err(|error| error.to_string())?,
            _ => return Err("two sections packed_abi".into()),
        };
        let fits = |name: &[u8], descriptor: &Descriptor| {
            let name = core::str::from_utf8(name).expect("names are UTF-8");
            match self.exports.get(name) {
                Some(Exported::Function(ty)) => {
                    let parameters: Vec<_> = descriptor.parameters().iter().map(|one| one.value_type()).collect();
                    types_are(ty.params(), &parameters)
                        && types_are(ty.results(), descriptor.result().value_type().as_slice())
                }
                _ => false,
            }
        };
        if abi.iter().all(|(name, descriptor)| fits(name, descriptor)) { Ok(()) } else { Err("packed_abi".into()) }
    }

    fn input_area_holds(&self) -> bool {
        let value = |name: &str| match self.exports.get(name) {
            None => Some(None),
            Some(Exported::Global { ty, constant: Some(value) }) if ty.content_type == ValType::I32 && !ty.mutable => {
                Some(Some(u64::from(value.cast_unsigned())))
            }
            Some(_) => None,
        };
        match (value("input_base"), value("input_capacity")) {
            (Some(None), Some(None)) => true,
            (Some(Some(base)), Some(Some(capacity))) => {
                self.memories.first().is_some_and(|pages| base + capacity <= pages * 65_536)
            }
            _ => false,
        }
    }

    fn known(self, revision: &Revision) -> Counted {
        Counted {
            items: self.own_functions()
                + self.own_globals
                + self.imports
                + self.exports.len() as u64
                + self.data_segments
                + self.element_segments
                + self.elements,
            data_bytes: self.data_bytes,
            table_elements: self.own_tables,
            frame_slots_max: self.bodies.iter().map(|body| body.locals + body.operands).max().unwrap_or_default(),
            moved_values: self.moved_values(),
            imports: if revision.rules.abis.contains(Abi::Linked) { 0 } else { self.imports },
            exports: self.exports.into_keys().collect(),
        }
    }
}

fn types_are(wasm: &[ValType], host: &[ValueType]) -> bool {
    let of = |value: &ValueType| if *value == ValueType::I32 { ValType::I32 } else { ValType::I64 };
    wasm.iter().copied().eq(host.iter().map(of))
}
