//! Descriptors: the types of an export in letters, where Wasm types alone do not tell a number from a buffer.
//!
//! Owns the letters and their relation to Wasm types. Knows nothing of names, modules or values.

use crate::value_type::ValueType;
use core::fmt;

/// The most parameters of a descriptor: as many as a function type of revision `V1` can have.
pub const PARAMETERS_MAX: u32 = 32;

/// What one parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// `i`: a number of 32 bits.
    I32,
    /// `l`: a number of 64 bits.
    I64,
    /// `b`: a buffer, packed as [`BufIn`](super::BufIn).
    BufIn,
}

impl Parameter {
    /// Every kind of parameter.
    pub const ALL: [Self; 3] = [Self::I32, Self::I64, Self::BufIn];

    /// The letter of a descriptor.
    pub const fn letter(self) -> u8 {
        match self {
            Self::I32 => b'i',
            Self::I64 => b'l',
            Self::BufIn => b'b',
        }
    }

    /// The Wasm type that carries it.
    pub const fn value_type(self) -> ValueType {
        match self {
            Self::I32 => ValueType::I32,
            Self::I64 | Self::BufIn => ValueType::I64,
        }
    }

    fn of_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|parameter| parameter.letter() == letter)
    }
}

/// What an export returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResultKind {
    /// `v`: nothing.
    Void,
    /// `i`: a number of 32 bits.
    I32,
    /// `l`: a number of 64 bits.
    I64,
    /// `r`: a buffer and a code, packed as [`BufOut`](super::BufOut).
    BufOut,
}

impl ResultKind {
    /// Every kind of result.
    pub const ALL: [Self; 4] = [Self::Void, Self::I32, Self::I64, Self::BufOut];

    /// The letter of a descriptor.
    pub const fn letter(self) -> u8 {
        match self {
            Self::Void => b'v',
            Self::I32 => b'i',
            Self::I64 => b'l',
            Self::BufOut => b'r',
        }
    }

    /// The Wasm type that carries it, `None` for nothing.
    pub const fn value_type(self) -> Option<ValueType> {
        match self {
            Self::Void => None,
            Self::I32 => Some(ValueType::I32),
            Self::I64 | Self::BufOut => Some(ValueType::I64),
        }
    }

    fn of_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.letter() == letter)
    }
}

/// The type of an export: at most [`PARAMETERS_MAX`] parameters and exactly one result.
///
/// It is written as one letter for each parameter, of `i l b`, and one for the result, of `v i l r`: `bir` takes a
/// buffer and a number and returns a buffer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Descriptor {
    parameters: Vec<Parameter>,
    result: ResultKind,
}

impl Descriptor {
    /// Reads the letters.
    ///
    /// # Errors
    ///
    /// [`InvalidDescriptor`] says the first thing that is wrong; the number of letters is looked at before the letters.
    //= spec 6.2.1
    pub fn parse(letters: &[u8]) -> Result<Self, InvalidDescriptor> {
        let (&result, parameters) = letters.split_last().ok_or(InvalidDescriptor::Empty)?;
        check_count(parameters.len())?;
        let parameters = (0..)
            .zip(parameters)
            .map(|(position, &letter)| {
                Parameter::of_letter(letter).ok_or(InvalidDescriptor::Parameter { position, letter })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let position = count(parameters.len());
        let result = ResultKind::of_letter(result).ok_or(InvalidDescriptor::Result { position, letter: result })?;
        Ok(Self { parameters, result })
    }

    /// The descriptor of an export that has no buffers: what Wasm types say by themselves.
    ///
    /// # Errors
    ///
    /// [`InvalidDescriptor::TooManyParameters`].
    pub fn from_wasm_types(parameters: &[ValueType], result: Option<ValueType>) -> Result<Self, InvalidDescriptor> {
        check_count(parameters.len())?;
        let parameters = parameters.iter().map(|parameter| match parameter {
            ValueType::I32 => Parameter::I32,
            ValueType::I64 => Parameter::I64,
        });
        let result = match result {
            None => ResultKind::Void,
            Some(ValueType::I32) => ResultKind::I32,
            Some(ValueType::I64) => ResultKind::I64,
        };
        Ok(Self { parameters: parameters.collect(), result })
    }

    /// The parameters, in order. At most [`PARAMETERS_MAX`].
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The result.
    pub const fn result(&self) -> ResultKind {
        self.result
    }

    /// Whether a function of that Wasm type can be called with this descriptor.
    pub fn matches(&self, parameters: &[ValueType], results: &[ValueType]) -> bool {
        self.parameters.iter().map(|parameter| parameter.value_type()).eq(parameters.iter().copied())
            && self.result.value_type().as_slice() == results
    }
}

impl fmt::Display for Descriptor {
    /// The letters that [`Descriptor::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = self.parameters.iter().map(|parameter| parameter.letter());
        parameters.chain([self.result.letter()]).try_for_each(|letter| fmt::Write::write_char(f, char::from(letter)))
    }
}

/// The count in 32 bits; a larger one is larger than every limit all the same.
fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

fn check_count(parameters: usize) -> Result<(), InvalidDescriptor> {
    let actual = count(parameters);
    if actual <= PARAMETERS_MAX { Ok(()) } else { Err(InvalidDescriptor::TooManyParameters { actual }) }
}

/// Why letters are not a descriptor. Positions count letters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidDescriptor {
    /// No letter at all: not even a result.
    Empty,
    /// More than [`PARAMETERS_MAX`] letters before the last.
    TooManyParameters {
        /// How many there are.
        actual: u32,
    },
    /// A letter before the last that is not one of `i l b`.
    Parameter {
        /// Its place.
        position: u32,
        /// The letter there.
        letter: u8,
    },
    /// The last letter is not one of `v i l r`.
    Result {
        /// Its place.
        position: u32,
        /// The letter there.
        letter: u8,
    },
}

impl fmt::Display for InvalidDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty descriptor: a result, one of v i l r, is expected"),
            Self::TooManyParameters { actual } => {
                write!(f, "a descriptor of {actual} parameters: at most {PARAMETERS_MAX}")
            }
            Self::Parameter { position, letter } => {
                write!(f, "'{}' at {position} is not a parameter, one of i l b", letter.escape_ascii())
            }
            Self::Result { position, letter } => {
                write!(f, "'{}' at {position} is not a result, one of v i l r", letter.escape_ascii())
            }
        }
    }
}

impl core::error::Error for InvalidDescriptor {}

#[cfg(test)]
mod tests {
    use super::{
        super::property,
        ValueType::{I32, I64},
        *,
    };
    use proptest::prelude::*;

    //= spec 6.2.1 test
    #[test]
    fn letters_mean_parameters_and_a_result() {
        use Parameter as P;
        use ResultKind as R;
        for (letters, parameters, result) in [
            ("v", &[][..], R::Void),
            ("i", &[], R::I32),
            ("l", &[], R::I64),
            ("r", &[], R::BufOut),
            ("ii", &[P::I32], R::I32),
            ("br", &[P::BufIn], R::BufOut),
            ("ilbv", &[P::I32, P::I64, P::BufIn], R::Void),
        ] {
            let descriptor = Descriptor::parse(letters.as_bytes()).unwrap();
            assert_eq!(descriptor.parameters(), parameters, "{letters}");
            assert_eq!(descriptor.result(), result, "{letters}");
            assert_eq!(descriptor.to_string(), letters);
        }
    }

    //= spec 6.2.1 test
    #[test]
    fn refusals_say_what_and_where() {
        use InvalidDescriptor as E;
        let (most, too_many) = ("l".repeat(32) + "r", "l".repeat(33) + "r");
        assert_eq!(Descriptor::parse(most.as_bytes()).unwrap().parameters().len(), 32);
        for (letters, expect, text) in [
            ("", E::Empty, "an empty descriptor: a result, one of v i l r, is expected"),
            ("b", E::Result { position: 0, letter: b'b' }, "'b' at 0 is not a result, one of v i l r"),
            ("iib", E::Result { position: 2, letter: b'b' }, "'b' at 2 is not a result, one of v i l r"),
            ("ivi", E::Parameter { position: 1, letter: b'v' }, "'v' at 1 is not a parameter, one of i l b"),
            ("rr", E::Parameter { position: 0, letter: b'r' }, "'r' at 0 is not a parameter, one of i l b"),
            ("Iv", E::Parameter { position: 0, letter: b'I' }, "'I' at 0 is not a parameter, one of i l b"),
            ("i\0v", E::Parameter { position: 1, letter: 0 }, "'\\x00' at 1 is not a parameter, one of i l b"),
            ("v ", E::Parameter { position: 0, letter: b'v' }, "'v' at 0 is not a parameter, one of i l b"),
            ("i\u{e9}", E::Parameter { position: 1, letter: 0xC3 }, "'\\xc3' at 1 is not a parameter, one of i l b"),
            (&too_many, E::TooManyParameters { actual: 33 }, "a descriptor of 33 parameters: at most 32"),
            (&"?".repeat(99), E::TooManyParameters { actual: 98 }, "a descriptor of 98 parameters: at most 32"),
        ] {
            let error = Descriptor::parse(letters.as_bytes()).unwrap_err();
            assert_eq!(error, expect, "{letters}");
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn descriptors_match_wasm_types() {
        for (letters, parameters, results, expect) in [
            ("v", &[][..], &[][..], true),
            ("v", &[], &[I32], false),
            ("i", &[], &[I32], true),
            ("i", &[], &[I64], false),
            ("i", &[], &[], false),
            ("l", &[], &[I64], true),
            ("r", &[], &[I64], true),
            ("r", &[], &[I32], false),
            ("r", &[], &[I64, I64], false),
            ("br", &[I64], &[I64], true),
            ("lr", &[I64], &[I64], true),
            ("ir", &[I64], &[I64], false),
            ("br", &[I32], &[I64], false),
            ("br", &[], &[I64], false),
            ("br", &[I64, I64], &[I64], false),
            ("ilbi", &[I32, I64, I64], &[I32], true),
            ("libi", &[I32, I64, I64], &[I32], false),
        ] {
            let descriptor = Descriptor::parse(letters.as_bytes()).unwrap();
            assert_eq!(descriptor.matches(parameters, results), expect, "{letters} {parameters:?} {results:?}");
        }
    }

    #[test]
    fn wasm_types_say_scalars_only() {
        for (parameters, result, letters) in [
            (&[][..], None, "v"),
            (&[], Some(I32), "i"),
            (&[I64], Some(I64), "ll"),
            (&[I32, I64, I32], None, "iliv"),
            (&[I32; 32], None, "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiv"),
        ] {
            assert_eq!(Descriptor::from_wasm_types(parameters, result).unwrap().to_string(), letters);
        }
        let too_many = InvalidDescriptor::TooManyParameters { actual: 33 };
        assert_eq!(Descriptor::from_wasm_types(&[I64; 33], None), Err(too_many));
    }

    #[test]
    fn parsing_and_display_are_inverse() {
        let letters = "[ilb]{0,32}[vilr]";
        property::check(&letters, |letters| {
            let descriptor = Descriptor::parse(letters.as_bytes()).unwrap();
            prop_assert_eq!(descriptor.to_string(), letters);
            let types: Vec<_> = descriptor.parameters().iter().map(|parameter| parameter.value_type()).collect();
            let result = descriptor.result().value_type();
            prop_assert!(descriptor.matches(&types, result.as_slice()));
            prop_assert!(Descriptor::from_wasm_types(&types, result).unwrap().matches(&types, result.as_slice()));
            Ok(())
        });
        property::check(&proptest::collection::vec(any::<u8>(), 0..40), |letters| {
            if let Ok(descriptor) = Descriptor::parse(&letters) {
                prop_assert_eq!(descriptor.to_string().into_bytes(), letters);
            }
            Ok(())
        });
    }
}
