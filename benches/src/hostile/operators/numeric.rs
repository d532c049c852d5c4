//! Operators on numbers, with operands that processors are slow at: large quotients, denormals, infinities, NaN.

use super::Shape;

/// A type of numbers: its name, two locals of it, and operands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    name: &'static str,
    locals: [&'static str; 2],
    pairs: &'static [[&'static str; 2]],
}

pub(super) const I32: Type = Type {
    name: "i32",
    locals: ["$i", "$j"],
    pairs: &[["0x7fffffff", "3"], ["-1", "7"], ["0x80000000", "1"], ["0x9abcdef1", "0x10001"], ["1", "31"]],
};

pub(super) const I64: Type = Type {
    name: "i64",
    locals: ["$k", "$l"],
    pairs: &[
        ["0x7fffffffffffffff", "3"],
        ["-1", "7"],
        ["0x8000000000000000", "1"],
        ["0x9abcdef012345671", "0x100000001"],
        ["1", "63"],
    ],
};

pub(super) const F32: Type = Type {
    name: "f32",
    locals: ["$f", "$g"],
    pairs: &[
        ["1.7", "1.0000001"],
        ["0x1p-126", "0.6"],
        ["0x1.234568p-130", "1.5"],
        ["0x1p-149", "0x1p-149"],
        ["nan", "1"],
        ["inf", "-inf"],
        ["0x1.fffffep+127", "2"],
        ["123456.5", "-0.3"],
    ],
};

pub(super) const F64: Type = Type {
    name: "f64",
    locals: ["$d", "$e"],
    pairs: &[
        ["1.7", "1.0000001"],
        ["0x1p-1022", "0.6"],
        ["0x1.23456789abcdp-1030", "1.5"],
        ["0x1p-1074", "0x1p-1074"],
        ["nan", "1"],
        ["inf", "-inf"],
        ["0x1.fffffffffffffp+1023", "2"],
        ["123456.5", "-0.3"],
    ],
};

impl Type {
    /// Sets both locals.
    fn set(self, [first, second]: [&str; 2]) -> String {
        let Self { name, locals: [one, other], .. } = self;
        format!("(local.set {one} ({name}.const {first})) (local.set {other} ({name}.const {second}))")
    }
}

/// `operator` on two operands of `ty`: dropped, and where its result is of that type, in a chain.
pub(super) fn binary(operator: &str, ty: Type) -> Vec<Shape> {
    let [one, other] = ty.locals;
    let dropped = format!("(drop ({operator} (local.get {one}) (local.get {other})))");
    let chain =
        (0..16).fold(format!("(local.get {one})"), |inner, _| format!("({operator} {inner} (local.get {other}))"));
    let compares = ["eq", "ne", "lt", "gt", "le", "ge"]
        .iter()
        .any(|end| operator.split('.').nth(1).is_some_and(|name| name.split('_').next() == Some(end)));
    let shapes = ty.pairs.iter().flat_map(|pair| {
        let [first, second] = pair;
        let what = format!("{first} and {second}");
        let dropped = Shape::new(what.clone(), dropped.as_str()).setup(ty.set(*pair));
        let chained =
            Shape::new(format!("{what}, in a chain"), format!("(drop {chain})")).copies(4).setup(ty.set(*pair));
        [Some(dropped), (!compares).then_some(chained)]
    });
    shapes.flatten().collect()
}

/// `operator` on an operand of `ty`, dropped.
pub(super) fn unary(operator: &str, ty: Type) -> Vec<Shape> {
    let [one, _] = ty.locals;
    let shape = |pair: &[&'static str; 2]| {
        let [first, _] = pair;
        Shape::new(*first, format!("(drop ({operator} (local.get {one})))")).setup(ty.set(*pair))
    };
    ty.pairs.iter().map(shape).collect()
}

/// Conversions that trap where there is no integer.
pub(super) fn truncations(operator: &str, ty: Type) -> Vec<Shape> {
    let [one, _] = ty.locals;
    let shape =
        |value: &str| Shape::new(value, format!("(drop ({operator} (local.get {one})))")).setup(ty.set([value, "0"]));
    ["1.7", "1000000000", "0x1p-100", "-0.3"].map(shape).into()
}

/// Constants, dropped.
pub(super) fn constants(operator: &str) -> Vec<Shape> {
    ["0", "1", "0x7fffffff"].map(|value| Shape::new(value, format!("(drop ({operator} {value}))"))).into()
}
