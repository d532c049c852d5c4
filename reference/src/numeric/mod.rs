//! Numeric instructions: which function of the specification an operator is, and what it is applied to.

mod float;
mod integer;
mod wide;

use crate::value::{Executed, Operands, Value, broken, low};
use float::{Compared, Float, Rounding};
use integer::Width;
use lockstep_gas::Operator;

/// What a numeric operator is, in the words of the specification.
#[derive(Debug, Clone, Copy)]
enum Class {
    /// `iunop`
    IntegerUnary(Width, integer::Unary),
    /// `ibinop`
    IntegerBinary(Width, integer::Binary),
    /// `itestop`, of which there is one
    IntegerIsZero,
    /// `irelop`
    IntegerRelation(Width, integer::Relation),
    /// `funop`
    FloatUnary(Float, float::Unary),
    /// `fbinop`
    FloatBinary(Float, float::Binary),
    /// `frelop`
    FloatRelation(Float, Compared),
    /// `cvtop`
    Conversion(Conversion),
    /// Wide arithmetic.
    Wide(wide::Wide),
}

/// `cvtop`
#[derive(Debug, Clone, Copy)]
enum Conversion {
    /// `wrap`
    Wrap,
    /// `extend_i32`
    Extend { signed: bool },
    /// `trunc` and `trunc_sat`
    Truncate { from: Float, to: Width, signed: bool, rounding: Rounding },
    /// `convert`
    Convert { from: Width, to: Float, signed: bool },
    /// `demote`
    Demote,
    /// `promote`
    Promote,
    /// `reinterpret`
    Reinterpret { to: lockstep_vm::module::ValType },
}

/// Whether `operator` is a function of its operands and nothing else.
pub(crate) fn is_numeric(operator: Operator) -> bool {
    class(operator).is_some()
}

/// Takes the operands of `operator`, applies it and pushes its result.
///
/// # Errors
///
/// The trap of a partial operator.
pub(crate) fn apply(operator: Operator, operands: &mut Operands) -> Executed<()> {
    let class = class(operator).ok_or_else(|| broken("an operator that is not numeric"))?;
    let result = match class {
        Class::IntegerUnary(width, unary) => width.value(integer::unary(width, unary, operands.pop_bits()?)),
        Class::IntegerBinary(width, binary) => {
            let (second, first) = (operands.pop_bits()?, operands.pop_bits()?);
            width.value(integer::binary(width, binary, first, second)?)
        }
        Class::IntegerIsZero => truth(operands.pop_bits()? == 0),
        Class::IntegerRelation(width, relation) => {
            let (second, first) = (operands.pop_bits()?, operands.pop_bits()?);
            truth(integer::holds(width, relation, first, second))
        }
        Class::FloatUnary(float, unary) => float.value(float::unary(float, unary, operands.pop_bits()?)),
        Class::FloatBinary(float, binary) => {
            let (second, first) = (operands.pop_bits()?, operands.pop_bits()?);
            float.value(float::binary(float, binary, first, second))
        }
        Class::FloatRelation(float, compared) => {
            let (second, first) = (operands.pop_bits()?, operands.pop_bits()?);
            truth(float::holds(float, compared, first, second))
        }
        Class::Conversion(conversion) => convert(conversion, operands.pop_bits()?)?,
        Class::Wide(wide) => return wide::apply(wide, operands),
    };
    operands.push(result);
    Ok(())
}

fn truth(holds: bool) -> Value {
    Value::I32(u32::from(holds))
}

fn convert(conversion: Conversion, bits: u64) -> Executed<Value> {
    Ok(match conversion {
        Conversion::Wrap => Value::I32(low(bits)),
        Conversion::Extend { signed } => {
            Value::I64(if signed { Width::W32.signed(bits).cast_unsigned() } else { bits })
        }
        Conversion::Truncate { from, to, signed, rounding } => {
            to.value(float::truncate(from, to, signed, rounding, bits)?)
        }
        Conversion::Convert { from, to, signed } => to.value(float::convert(from, to, signed, bits)),
        Conversion::Demote => Value::F32(float::demote(bits)),
        Conversion::Promote => Value::F64(float::promote(low(bits))),
        Conversion::Reinterpret { to } => Value::of_bits(to, bits)?,
    })
}

fn class(operator: Operator) -> Option<Class> {
    let integer = integer_class(Width::W32, operator).or_else(|| integer_class(Width::W64, operator));
    let float = || float_class(operator);
    let conversion = || conversion_class(operator).map(Class::Conversion);
    integer.or_else(float).or_else(conversion).or_else(|| wide::of(operator).map(Class::Wide))
}

/// The operators of one width: of 32 bits in the first column, of 64 in the second.
fn integer_class(width: Width, operator: Operator) -> Option<Class> {
    use Operator as O;
    use integer::{Binary as B, Relation as R, Unary as U};
    macro_rules! columns {
        ($($narrow:ident $wide:ident: $class:expr,)*) => {
            match (width, operator) {
                $((Width::W32, O::$narrow) | (Width::W64, O::$wide) => Some($class),)*
                (Width::W64, O::I64Extend32S) => Some(Class::IntegerUnary(width, U::Extend(32))),
                _ => None,
            }
        };
    }
    let unary = |unary| Class::IntegerUnary(width, unary);
    let binary = |binary| Class::IntegerBinary(width, binary);
    let relation = |relation| Class::IntegerRelation(width, relation);
    columns! {
        I32Clz I64Clz: unary(U::Clz),
        I32Ctz I64Ctz: unary(U::Ctz),
        I32Popcnt I64Popcnt: unary(U::Popcnt),
        I32Extend8S I64Extend8S: unary(U::Extend(8)),
        I32Extend16S I64Extend16S: unary(U::Extend(16)),
        I32Add I64Add: binary(B::Add),
        I32Sub I64Sub: binary(B::Sub),
        I32Mul I64Mul: binary(B::Mul),
        I32DivS I64DivS: binary(B::DivS),
        I32DivU I64DivU: binary(B::DivU),
        I32RemS I64RemS: binary(B::RemS),
        I32RemU I64RemU: binary(B::RemU),
        I32And I64And: binary(B::And),
        I32Or I64Or: binary(B::Or),
        I32Xor I64Xor: binary(B::Xor),
        I32Shl I64Shl: binary(B::Shl),
        I32ShrS I64ShrS: binary(B::ShrS),
        I32ShrU I64ShrU: binary(B::ShrU),
        I32Rotl I64Rotl: binary(B::Rotl),
        I32Rotr I64Rotr: binary(B::Rotr),
        I32Eqz I64Eqz: Class::IntegerIsZero,
        I32Eq I64Eq: relation(R::Eq),
        I32Ne I64Ne: relation(R::Ne),
        I32LtS I64LtS: relation(R::LtS),
        I32LtU I64LtU: relation(R::LtU),
        I32GtS I64GtS: relation(R::GtS),
        I32GtU I64GtU: relation(R::GtU),
        I32LeS I64LeS: relation(R::LeS),
        I32LeU I64LeU: relation(R::LeU),
        I32GeS I64GeS: relation(R::GeS),
        I32GeU I64GeU: relation(R::GeU),
    }
}

fn float_class(operator: Operator) -> Option<Class> {
    use Operator as O;
    use float::{Binary as B, Unary as U};
    macro_rules! columns {
        ($($single:ident $double:ident: $class:ident $what:expr,)*) => {
            match operator {
                $(O::$single => Some(Class::$class(Float::Single, $what)),
                O::$double => Some(Class::$class(Float::Double, $what)),)*
                _ => None,
            }
        };
    }
    columns! {
        F32Abs F64Abs: FloatUnary U::Abs,
        F32Neg F64Neg: FloatUnary U::Neg,
        F32Ceil F64Ceil: FloatUnary U::Ceil,
        F32Floor F64Floor: FloatUnary U::Floor,
        F32Trunc F64Trunc: FloatUnary U::Trunc,
        F32Nearest F64Nearest: FloatUnary U::Nearest,
        F32Sqrt F64Sqrt: FloatUnary U::Sqrt,
        F32Add F64Add: FloatBinary B::Add,
        F32Sub F64Sub: FloatBinary B::Sub,
        F32Mul F64Mul: FloatBinary B::Mul,
        F32Div F64Div: FloatBinary B::Div,
        F32Min F64Min: FloatBinary B::Min,
        F32Max F64Max: FloatBinary B::Max,
        F32Copysign F64Copysign: FloatBinary B::Copysign,
        F32Eq F64Eq: FloatRelation Compared::Eq,
        F32Ne F64Ne: FloatRelation Compared::Ne,
        F32Lt F64Lt: FloatRelation Compared::Lt,
        F32Gt F64Gt: FloatRelation Compared::Gt,
        F32Le F64Le: FloatRelation Compared::Le,
        F32Ge F64Ge: FloatRelation Compared::Ge,
    }
}

fn conversion_class(operator: Operator) -> Option<Conversion> {
    use Float::{Double, Single};
    use Operator as O;
    use Width::{W32, W64};
    use lockstep_vm::module::ValType;
    let exact = |from, to, signed| Conversion::Truncate { from, to, signed, rounding: Rounding::Trapping };
    let saturating = |from, to, signed| Conversion::Truncate { from, to, signed, rounding: Rounding::Saturating };
    let converted = |from, to, signed| Conversion::Convert { from, to, signed };
    Some(match operator {
        O::I32WrapI64 => Conversion::Wrap,
        O::I64ExtendI32S => Conversion::Extend { signed: true },
        O::I64ExtendI32U => Conversion::Extend { signed: false },
        O::I32TruncF32S => exact(Single, W32, true),
        O::I32TruncF32U => exact(Single, W32, false),
        O::I32TruncF64S => exact(Double, W32, true),
        O::I32TruncF64U => exact(Double, W32, false),
        O::I64TruncF32S => exact(Single, W64, true),
        O::I64TruncF32U => exact(Single, W64, false),
        O::I64TruncF64S => exact(Double, W64, true),
        O::I64TruncF64U => exact(Double, W64, false),
        O::I32TruncSatF32S => saturating(Single, W32, true),
        O::I32TruncSatF32U => saturating(Single, W32, false),
        O::I32TruncSatF64S => saturating(Double, W32, true),
        O::I32TruncSatF64U => saturating(Double, W32, false),
        O::I64TruncSatF32S => saturating(Single, W64, true),
        O::I64TruncSatF32U => saturating(Single, W64, false),
        O::I64TruncSatF64S => saturating(Double, W64, true),
        O::I64TruncSatF64U => saturating(Double, W64, false),
        O::F32ConvertI32S => converted(W32, Single, true),
        O::F32ConvertI32U => converted(W32, Single, false),
        O::F32ConvertI64S => converted(W64, Single, true),
        O::F32ConvertI64U => converted(W64, Single, false),
        O::F64ConvertI32S => converted(W32, Double, true),
        O::F64ConvertI32U => converted(W32, Double, false),
        O::F64ConvertI64S => converted(W64, Double, true),
        O::F64ConvertI64U => converted(W64, Double, false),
        O::F32DemoteF64 => Conversion::Demote,
        O::F64PromoteF32 => Conversion::Promote,
        O::I32ReinterpretF32 => Conversion::Reinterpret { to: ValType::I32 },
        O::I64ReinterpretF64 => Conversion::Reinterpret { to: ValType::I64 },
        O::F32ReinterpretI32 => Conversion::Reinterpret { to: ValType::F32 },
        O::F64ReinterpretI64 => Conversion::Reinterpret { to: ValType::F64 },
        _ => return None,
    })
}
