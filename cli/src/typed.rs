//! Typed arguments of a call by export name (packed convention): from values as people write them to the bytes of an input,
//! and from an output to a number. Knows descriptors and no ledger.

use crate::{
    args::EntryArguments,
    bytes::parse_input,
    failure::{Class, Failure},
    files,
    report::Report,
    value::Value,
};
use anyhow::anyhow;
use lockstep_host::{
    ValueType,
    packed::{Argument, BufIn, Descriptor, PackOrder, Parameter, ResultKind, StructLayout},
};
use lockstep_vm::{Outcome, Revision, ValidModule, module::FunctionType};

/// The input of a call, and what is known of its result.
pub(crate) struct TypedInput {
    pub(crate) bytes: Vec<u8>,
    result: Option<ResultKind>,
}

/// Parameters and result of a function that can be called by name.
fn values(ty: &FunctionType) -> Option<(Vec<ValueType>, Option<ValueType>)> {
    let parameters: Option<Vec<_>> = ty.parameters.iter().map(|value| value.integer()).collect();
    let result = match ty.results[..] {
        [] => None,
        [result] => Some(result.integer()?),
        _ => return None,
    };
    Some((parameters?, result))
}

/// The descriptor of the export `name`: that of the module's section, else the scalars of its type.
pub(crate) fn descriptor(module: &ValidModule, name: &str) -> Option<Descriptor> {
    let packed = module.abi_facts().packed()?;
    let declared = packed.descriptors.as_ref().and_then(|section| section.get(name.as_bytes())).cloned();
    let of_types = || {
        let (parameters, result) = values(module.export_type(name)?)?;
        Descriptor::from_wasm_types(&parameters, result).ok()
    };
    declared.or_else(of_types)
}

/// The input of a call of `module`: as it is given, or made of the values behind the export's name.
pub(crate) fn input(
    entry: &EntryArguments,
    revision: &Revision,
    module: Option<&ValidModule>,
) -> Result<TypedInput, Failure> {
    let descriptor = entry.export().zip(module).and_then(|(name, module)| descriptor(module, name));
    let result = descriptor.as_ref().map(Descriptor::result);
    if entry.values().is_empty() {
        return Ok(TypedInput { bytes: files::input(entry.input.clone(), revision)?, result });
    }
    if entry.input.is_some() {
        return Err(usage("both --input and arguments behind --call".to_owned(), "give one of them"));
    }
    let name = entry.export().unwrap_or_default();
    let Some(descriptor) = descriptor else {
        let what = format!("arguments for `{name}`, whose types are not known");
        return Err(usage(what, "typed arguments are for exports of ABI packed; give bytes by --input"));
    };
    Ok(TypedInput { bytes: encode(&descriptor, name, entry.values(), revision)?, result })
}

fn usage(what: String, remedy: &str) -> Failure {
    Failure::new(Class::Usage, anyhow!(what)).remedy(remedy)
}

/// The struct of `values`, with the buffers behind it.
fn encode(descriptor: &Descriptor, name: &str, values: &[String], revision: &Revision) -> Result<Vec<u8>, Failure> {
    let parameters = descriptor.parameters();
    if parameters.len() != values.len() {
        let what = format!(
            "`{name}` (descriptor {descriptor}) takes {} arguments; {} are given",
            parameters.len(),
            values.len()
        );
        return Err(usage(what, "give one value for each letter of the descriptor but the last, which is the result"));
    }
    let layout = StructLayout::new(descriptor);
    let (mut arguments, mut buffers) = (Vec::new(), Vec::new());
    for (parameter, text) in parameters.iter().zip(values) {
        arguments.push(match parameter {
            Parameter::I32 => {
                let bits = u32::try_from(number(text, 32)?).map_err(|_| range(text, 32))?;
                Argument::I32(bits.cast_signed())
            }
            Parameter::I64 => Argument::I64(number(text, 64)?.cast_signed()),
            Parameter::BufIn => {
                let source = parse_input(text)
                    .map_err(|error| usage(format!("the buffer {text:?}: {error}"), "give hex, or @FILE"))?;
                let bytes = files::input(Some(source), revision)?;
                let offset = u64::from(layout.size()).saturating_add(files::len(&buffers));
                let (offset, length) = (u32::try_from(offset), u32::try_from(bytes.len()));
                let (Ok(offset), Ok(length)) = (offset, length) else {
                    return Err(usage("buffers of more than 4 GiB".to_owned(), "give smaller buffers"));
                };
                buffers.extend(bytes);
                Argument::BufIn(BufIn::new(offset, length).pack(PackOrder::default()))
            }
        });
    }
    let mut bytes = layout.write(&arguments).map_err(|error| Failure::new(Class::Fault, anyhow!("{error}")))?;
    bytes.extend(buffers);
    Ok(bytes)
}

/// A number of `bits` bits as people write it, signed or unsigned.
fn number(text: &str, bits: u32) -> Result<u64, Failure> {
    let (digits, is_negative) = text.strip_prefix('-').map_or((text, false), |digits| (digits, true));
    let parsed = digits.strip_prefix("0x").map_or_else(|| digits.parse(), |hex| u64::from_str_radix(hex, 16));
    let not_one = || usage(format!("{text:?} is not a number"), "give decimal digits, or 0x and hex digits");
    // The standard library reads a sign of its own.
    let value = parsed.ok().filter(|_| !digits.contains('+')).ok_or_else(not_one)?;
    let mask = u64::MAX.checked_shr(64_u32.saturating_sub(bits)).unwrap_or(0);
    // The most negative number has the highest bit and no other.
    let least = mask.wrapping_shr(1).saturating_add(1);
    match is_negative {
        false if value <= mask => Ok(value),
        true if value <= least => Ok(value.wrapping_neg() & mask),
        _ => Err(range(text, bits)),
    }
}

fn range(text: &str, bits: u32) -> Failure {
    usage(format!("{text} does not fit into {bits} bits"), "give a smaller number")
}

impl TypedInput {
    /// Adds the number that an output is, if the descriptor says one.
    pub(crate) fn add_result(&self, report: &mut Report, outcome: Outcome, output: &[u8]) {
        let number = match (outcome, self.result) {
            (Outcome::Return, Some(ResultKind::I32)) => {
                <[u8; 4]>::try_from(output).ok().map(|bytes| i64::from(i32::from_le_bytes(bytes)))
            }
            (Outcome::Return, Some(ResultKind::I64)) => <[u8; 8]>::try_from(output).ok().map(i64::from_le_bytes),
            _ => None,
        };
        if let Some(number) = number {
            report.add("result", Value::text(number.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_signed_or_unsigned() {
        for (text, bits, expected) in [
            ("0", 32, Some(0)),
            ("-1", 32, Some(0xffff_ffff)),
            ("4294967295", 32, Some(0xffff_ffff)),
            ("-2147483648", 32, Some(0x8000_0000)),
            ("-2147483649", 32, None),
            ("4294967296", 32, None),
            ("-1", 64, Some(u64::MAX)),
            ("18446744073709551615", 64, Some(u64::MAX)),
            ("18446744073709551616", 64, None),
            ("-9223372036854775808", 64, Some(1 << 63)),
            ("-9223372036854775809", 64, None),
            ("0x10", 64, Some(16)),
            ("0x", 64, None),
            ("", 64, None),
            ("+1", 64, None),
            ("--1", 64, None),
            ("1.5", 64, None),
        ] {
            assert_eq!(number(text, bits).ok(), expected, "{text} in {bits} bits");
        }
    }

    #[test]
    fn buffers_follow_the_struct() {
        let descriptor = Descriptor::parse(b"ibbr").unwrap();
        let values = ["-1", "0x6162", "636465"].map(str::to_owned);
        let input = encode(&descriptor, "f", &values, &Revision::V1).unwrap();
        let expected = [
            &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0][..],
            &[24, 0, 0, 0, 2, 0, 0, 0],
            &[26, 0, 0, 0, 3, 0, 0, 0],
            b"abcde",
        ];
        assert_eq!(input, expected.concat());
        assert!(encode(&descriptor, "f", &values.map(|_| "1".to_owned()), &Revision::V1).is_err());
    }
}
