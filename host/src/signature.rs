//! The types that a host function can have, each named once: an engine has one piece of glue for each and the compiler
//! demands it, so that no row of an import table can lack its own.

use crate::value_type::ValueType;

/// Hands every type of a host function to the macro `$apply`: a name, the parameters, the result (`()` for none).
///
/// The letters of a name are the parameters, `I` for i32 and `L` for i64; what follows `To` is the result. A row of
/// a type that is missing here does not compile.
#[macro_export]
macro_rules! for_each_signature {
    ($apply:ident) => {
        $apply! {
            To () -> (),
            ToI () -> I32,
            ToL () -> I64,
            I (a: I32) -> (),
            IToI (a: I32) -> I32,
            L (a: I64) -> (),
            II (a: I32, b: I32) -> (),
            IIToI (a: I32, b: I32) -> I32,
            LIToI (a: I64, b: I32) -> I32,
            III (a: I32, b: I32, c: I32) -> (),
            IIIToI (a: I32, b: I32, c: I32) -> I32,
            IIII (a: I32, b: I32, c: I32, d: I32) -> (),
            IIIIToI (a: I32, b: I32, c: I32, d: I32) -> I32,
            IIIIILToI (a: I32, b: I32, c: I32, d: I32, e: I32, f: I64) -> I32,
            LIIIToI (a: I64, b: I32, c: I32, d: I32) -> I32,
            LIIIIToI (a: I64, b: I32, c: I32, d: I32, e: I32) -> I32,
            IIIIIII (a: I32, b: I32, c: I32, d: I32, e: I32, f: I32, g: I32) -> (),
            ILToI (a: I32, b: I64) -> I32,
            ILIToI (a: I32, b: I64, c: I32) -> I32,
            ILLToI (a: I32, b: I64, c: I64) -> I32,
            ILIIToI (a: I32, b: I64, c: I32, d: I32) -> I32,
            ILLIToI (a: I32, b: I64, c: I64, d: I32) -> I32,
            IIIIIToI (a: I32, b: I32, c: I32, d: I32, e: I32) -> I32,
            IIILIToI (a: I32, b: I32, c: I32, d: I64, e: I32) -> I32,
            IIIIIIToI (a: I32, b: I32, c: I32, d: I32, e: I32, f: I32) -> I32,
            IIIIIIIToI (a: I32, b: I32, c: I32, d: I32, e: I32, f: I32, g: I32) -> I32,
            IIIILLIToI (a: I32, b: I32, c: I32, d: I32, e: I64, f: I64, g: I32) -> I32,
            LIIIIIIToI (a: I64, b: I32, c: I32, d: I32, e: I32, f: I32, g: I32) -> I32,
            IIIIILLIIToI (a: I32, b: I32, c: I32, d: I32, e: I32, f: I64, g: I64, h: I32, i: I32) -> I32,
            LIIIIIIIIToL (a: I64, b: I32, c: I32, d: I32, e: I32, f: I32, g: I32, h: I32, i: I32) -> I64,
        }
    };
}

macro_rules! result_type {
    (()) => {
        None
    };
    ($result:ident) => {
        Some(ValueType::$result)
    };
}

macro_rules! signatures {
    ($($name:ident ($($parameter:ident: $type:ident),*) -> $result:tt,)*) => {
        /// The type of a host function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Signature {
            $(#[doc = concat!("(", $(stringify!($type), " ",)* ") -> ", stringify!($result))] $name,)*
        }

        impl Signature {
            /// Every type, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The types of the parameters.
            pub const fn parameters(self) -> &'static [ValueType] {
                match self {
                    $(Self::$name => &[$(ValueType::$type),*],)*
                }
            }

            /// The type of the result, if there is one.
            pub const fn result(self) -> Option<ValueType> {
                match self {
                    $(Self::$name => result_type!($result),)*
                }
            }

            /// The signature with these types. For rows of import tables, which are constants: there a type that the
            /// list lacks is an error of compilation.
            pub(crate) const fn of(parameters: &[ValueType], result: Option<ValueType>) -> Self {
                let mut rest = Self::ALL;
                while let [first, others @ ..] = rest {
                    if same(first.parameters(), parameters) && same_result(first.result(), result) {
                        return *first;
                    }
                    rest = others;
                }
                panic!("no signature of that type: add it to for_each_signature")
            }
        }
    };
}
for_each_signature!(signatures);

const fn same(mut left: &[ValueType], mut right: &[ValueType]) -> bool {
    while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
        if *a as u8 != *b as u8 {
            return false;
        }
        (left, right) = (left_rest, right_rest);
    }
    left.is_empty() && right.is_empty()
}

const fn same_result(left: Option<ValueType>, right: Option<ValueType>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(a), Some(b)) => a as u8 == b as u8,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_stands_in_the_list_once_and_is_named_by_its_letters() {
        let letter = |value: &ValueType| if *value == ValueType::I32 { 'I' } else { 'L' };
        for &signature in Signature::ALL {
            assert_eq!(Signature::of(signature.parameters(), signature.result()), signature);
            let mut name: String = signature.parameters().iter().map(letter).collect();
            if signature.result().is_some() || name.is_empty() {
                name.push_str("To");
            }
            name.extend(signature.result().map(|result| letter(&result)));
            assert_eq!(format!("{signature:?}"), name);
        }
    }
}
