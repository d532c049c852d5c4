//! What the data of a creation says: a module to deploy with its constructor's input, or ewasm init code.
//!
//! Ethereum's tools append the constructor's arguments to the code, and a Wasm module does not say how long it is. So the
//! data of a deployment says it:
//!
//! | bytes | what |
//! |---|---|
//! | 3 | `0xEF 'L' 'S'`; Ethereum deploys nothing that begins with `0xEF` (EIP-3541) |
//! | 1 | version: 1 |
//! | 1 | ABI, by its number |
//! | 4 | bytes of the module, big-endian |
//! | any | the module |
//! | any | the constructor's input |

use super::invalid::InvalidEnvelope;
use lockstep_vm::{Abi, Address, TxKind};

/// What the data of a deployment begins with.
pub const DEPLOY_MAGIC: [u8; 3] = [0xef, b'L', b'S'];

/// The version of the data of a deployment.
pub const DEPLOY_VERSION: u8 = 1;

/// What a Wasm module begins with.
const WASM_MAGIC: &[u8] = b"\0asm";

/// The data of the creation that deploys `module` with `input`; `None` if the module has 4 GiB or more.
pub fn deploy_data(abi: Abi, module: &[u8], input: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(module.len()).ok()?.to_be_bytes();
    Some([&DEPLOY_MAGIC[..], &[DEPLOY_VERSION, abi as u8], &length, module, input].concat())
}

/// What a transaction to `to` with `data` is to the machine, and its input. Without `to` it is a creation.
///
/// # Errors
///
/// [`InvalidEnvelope::Creation`] or [`InvalidEnvelope::Deploy`].
pub fn machine_kind(to: Option<Address>, data: &[u8]) -> Result<(TxKind, Vec<u8>), InvalidEnvelope> {
    match to {
        Some(to) => Ok((TxKind::Call { to, export: None }, data.to_vec())),
        None => creation(data),
    }
}

fn creation(data: &[u8]) -> Result<(TxKind, Vec<u8>), InvalidEnvelope> {
    if data.starts_with(WASM_MAGIC) {
        return Ok((TxKind::Create { init_code: data.to_vec() }, Vec::new()));
    }
    let Some(rest) = data.strip_prefix(&DEPLOY_MAGIC) else {
        return Err(InvalidEnvelope::Creation { begins: data.iter().copied().take(4).collect() });
    };
    let refuse = |why| InvalidEnvelope::Deploy { why };
    let (&[version, abi], rest) = rest.split_first_chunk().ok_or(refuse("it ends before the ABI"))?;
    if version != DEPLOY_VERSION {
        return Err(refuse("its version is not 1"));
    }
    let abi: Abi = borsh::from_slice(&[abi]).map_err(|_| refuse("there is no ABI of that number"))?;
    let (length, rest) = rest.split_first_chunk().ok_or(refuse("it ends before the length of the module"))?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| refuse("the module is too long"))?;
    let (module, input) = rest.split_at_checked(length).ok_or(refuse("the module is shorter than it says"))?;
    Ok((TxKind::Deploy { abi, code: module.to_vec() }, input.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_what_its_data_says() {
        for &abi in Abi::CONTRACTS {
            for (module, input) in [(&b"\0asm"[..], &b""[..]), (b"", b"xy"), (b"module", b"\xef")] {
                let data = deploy_data(abi, module, input).unwrap();
                let expected = (TxKind::Deploy { abi, code: module.to_vec() }, input.to_vec());
                assert_eq!(creation(&data), Ok(expected));
                // No shorter one says something else.
                for length in 0..data.len() - input.len() {
                    creation(&data[..length]).unwrap_err();
                }
            }
        }
    }

    #[test]
    fn init_code_is_the_whole_data() {
        let kind = TxKind::Create { init_code: b"\0asm\x01\0\0\0rest".to_vec() };
        assert_eq!(creation(b"\0asm\x01\0\0\0rest"), Ok((kind, Vec::new())));
    }

    #[test]
    fn other_data_is_refused_with_what_it_is() {
        let good = deploy_data(Abi::Ewasm, b"m", b"").unwrap();
        let with = |position: usize, byte: u8| {
            let mut data = good.clone();
            data[position] = byte;
            data
        };
        for (data, why) in [
            (vec![], "begins with ,"),
            (vec![0x60, 0x80, 0x60, 0x40, 0x52], "begins with 60806040,"),
            (with(1, b'M'), "begins with ef4d5301,"),
            (with(3, 2), "its version is not 1"),
            (with(4, 0xff), "there is no ABI of that number"),
            (with(4, Abi::Linked as u8), "there is no ABI of that number"),
            (with(8, 2), "the module is shorter than it says"),
            (with(5, 0xff), "the module is shorter than it says"),
        ] {
            let error = creation(&data).unwrap_err().to_string();
            assert!(error.contains(why), "{error}, expected {why}");
        }
    }
}
