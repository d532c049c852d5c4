//! The bytes of a file that a [`MemoryChain`] lies in.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `LOCKSTEP` |
//! | 4 | format version, little-endian |
//! | 8 | bytes of the body, little-endian |
//! | any | body: borsh of revision (u16), number (u64), hash of the last block (32 bytes), state ([`MemoryState`]) |
//! | 32 | sha3-256 of all before |
//!
//! Bytes that are not exactly what [`encode`] makes of some chain are refused.

use crate::memory::MemoryChain;
use borsh::BorshDeserialize;
use core::fmt;
use lockstep_vm::{B256, MemoryState, Revision, code_bytes};
use sha3::{Digest, Sha3_256};

const MAGIC: &[u8; 8] = b"LOCKSTEP";
const FORMAT_VERSION: u32 = 2;
const CHECKSUM_BYTES: usize = 32;
/// Magic, version and length.
const HEADER_BYTES: usize = 20;

/// Bytes of a state file; one that would be larger is not written.
pub const FILE_BYTES_MAX: u64 = 1_024 * 1_024 * 1_024;

/// Why bytes are no state file, or a chain cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidStateFile(String);

impl fmt::Display for InvalidStateFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for InvalidStateFile {}

/// What the file is about.
#[derive(BorshDeserialize)]
struct Body {
    /// The number of the revision that its blocks were executed under.
    revision: u16,
    /// The number of the last block.
    number: u64,
    /// The hash of the last block, zero if there is none.
    hash: B256,
    state: MemoryState,
}

fn refuse<T>(why: impl Into<String>) -> Result<T, InvalidStateFile> {
    Err(InvalidStateFile(why.into()))
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The bytes of the file.
///
/// # Errors
///
/// [`InvalidStateFile`] if there are more than [`FILE_BYTES_MAX`].
pub fn encode(chain: &MemoryChain) -> Result<Vec<u8>, InvalidStateFile> {
    // The fields of `Body`, without a copy of the state.
    let body = borsh::to_vec(&(Revision::V1.number, chain.number, chain.hash, &*chain.state));
    let body = body.map_err(|error| InvalidStateFile(error.to_string()))?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT_VERSION.to_le_bytes());
    bytes.extend(len(&body).to_le_bytes());
    bytes.extend(body);
    let checksum = Sha3_256::digest(&bytes);
    bytes.extend(checksum);
    let actual = len(&bytes);
    if actual > FILE_BYTES_MAX {
        return refuse(format!("{actual} bytes where a state file has at most {FILE_BYTES_MAX}"));
    }
    Ok(bytes)
}

/// The chain in the file.
///
/// # Errors
///
/// [`InvalidStateFile`] if it is not exactly what [`encode`] writes, or holds a state that no chain can be on.
pub fn decode(bytes: &[u8]) -> Result<MemoryChain, InvalidStateFile> {
    let body = body(bytes)?;
    let body = borsh::from_slice(body);
    let Body { revision, number, hash, state } =
        body.map_err(|error| InvalidStateFile(format!("not written by lockstep: bad encoding: {error}")))?;
    let current = Revision::V1.number;
    if revision != current {
        return refuse(format!("its blocks are of revision {revision}, this command executes revision {current}"));
    }
    for (address, id) in state.accounts.iter().filter_map(|(address, account)| Some((address, account.code?))) {
        let Some(code) = state.code.get(&id.hash) else { continue };
        let (actual, expected) = (code_bytes(code), id.bytes);
        if actual != expected {
            return refuse(format!("account {address} says {expected} bytes of code and has {actual}"));
        }
    }
    state.check().map_err(|error| InvalidStateFile(error.to_string()))?;
    let chain = MemoryChain { number, hash, state: state.into() };
    // One state, one encoding: keys out of order, for instance, were not written by a command.
    if encode(&chain)? != bytes {
        return refuse("not written by lockstep: another encoding of the same state");
    }
    Ok(chain)
}

/// The body of a file whose length and checksum are what it says.
fn body(bytes: &[u8]) -> Result<&[u8], InvalidStateFile> {
    if bytes.is_empty() {
        return refuse("not a state file: it is empty");
    }
    let truncated = || InvalidStateFile(format!("truncated: {} bytes", bytes.len()));
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        if MAGIC.starts_with(bytes) {
            return Err(truncated());
        }
        return refuse("not a state file of lockstep");
    };
    let (version, rest) = rest.split_first_chunk().ok_or_else(truncated)?;
    match u32::from_le_bytes(*version) {
        FORMAT_VERSION => {}
        newer if newer > FORMAT_VERSION => {
            return refuse(format!(
                "format version {newer}; this lockstep reads version {FORMAT_VERSION}, a newer one may read it"
            ));
        }
        unknown => return refuse(format!("unknown format version {unknown}")),
    }
    let (body_bytes, _) = rest.split_first_chunk().ok_or_else(truncated)?;
    let around = u64::try_from(HEADER_BYTES.saturating_add(CHECKSUM_BYTES)).unwrap_or(u64::MAX);
    let expected = u64::from_le_bytes(*body_bytes).saturating_add(around);
    let actual = len(bytes);
    if actual < expected {
        return refuse(format!("truncated or damaged: {actual} bytes where it says {expected}"));
    }
    if actual > expected {
        return refuse(format!("damaged: {actual} bytes where it says {expected}"));
    }
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or_else(truncated)?;
    if Sha3_256::digest(content).as_slice() != checksum {
        return refuse("damaged: the checksum does not match");
    }
    Ok(content.get(HEADER_BYTES..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_vm::{Account, Address, U256};

    fn sample() -> MemoryChain {
        let mut chain = MemoryChain { number: 7, hash: B256::repeat_byte(8), ..MemoryChain::default() };
        let address = Address::repeat_byte(1);
        let state = chain.prepare();
        state.accounts.insert(address, Account { nonce: 2, balance: U256::from(3), code: None });
        state.put_storage(address, vec![4], vec![5]);
        state.put_storage(address, vec![6], vec![7]);
        chain
    }

    fn refusal(bytes: &[u8]) -> String {
        decode(bytes).expect_err("accepted").to_string()
    }

    /// The same bytes under a checksum of their own.
    fn resealed(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = bytes.split_last_chunk::<CHECKSUM_BYTES>().unwrap().0.to_vec();
        change(&mut bytes);
        let body_bytes = len(&bytes[HEADER_BYTES..]);
        bytes[12..20].copy_from_slice(&body_bytes.to_le_bytes());
        let checksum = Sha3_256::digest(&bytes);
        bytes.extend(checksum);
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        for chain in [MemoryChain::default(), sample()] {
            assert_eq!(decode(&encode(&chain).unwrap()).unwrap(), chain);
        }
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_refused() {
        let bytes = encode(&sample()).unwrap();
        for length in 0..bytes.len() {
            refusal(&bytes[..length]);
        }
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                refusal(&flipped);
            }
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        let good = encode(&sample()).unwrap();
        let at = |position: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[position] = byte;
            bytes
        };
        let storage = good.windows(5).position(|window| window == [1, 0, 0, 0, 4]).unwrap();
        for (bytes, message) in [
            (Vec::new(), "not a state file: it is empty"),
            (b"LOCK".to_vec(), "truncated: 4 bytes"),
            (b"\0asm\x01\0\0\0".to_vec(), "not a state file of lockstep"),
            (good[..10].to_vec(), "truncated: 10 bytes"),
            (good[..good.len() - 1].to_vec(), "truncated or damaged: "),
            ([good.as_slice(), b"x"].concat(), "damaged: "),
            (at(8, 3), "format version 3; this lockstep reads version 2"),
            (at(8, 0), "unknown format version 0"),
            (at(30, 0xff), "damaged: the checksum does not match"),
            (resealed(&good, |bytes| bytes[20] = 9), "its blocks are of revision 9, this command executes revision 1"),
            (resealed(&good, |bytes| bytes.truncate(40)), "not written by lockstep: bad encoding"),
            (resealed(&good, |bytes| bytes.push(0)), "not written by lockstep: bad encoding"),
            (resealed(&good, |bytes| bytes[storage + 4] = 9), "not written by lockstep: "),
        ] {
            let refusal = refusal(&bytes);
            assert!(refusal.starts_with(message), "{refusal}, expected {message}");
        }
    }

    #[test]
    fn code_of_another_length_than_its_account_says_is_refused() {
        use lockstep_vm::{Abi, CodeId};
        let with = |change: &dyn Fn(&mut MemoryState)| {
            let mut chain = sample();
            let code = b"code";
            chain.prepare().put_code(Address::repeat_byte(2), CodeId::of(code, Abi::Ewasm), code);
            change(chain.prepare());
            encode(&chain).unwrap()
        };
        decode(&with(&|_| {})).unwrap();
        let refused = refusal(&with(&|state| state.code.values_mut().for_each(|code| code.push(0))));
        assert!(refused.ends_with("says 4 bytes of code and has 5"), "{refused}");
    }

    #[test]
    fn a_body_that_claims_a_huge_length_is_refused_without_taking_the_memory() {
        let good = encode(&sample()).unwrap();
        for position in 30..good.len() - CHECKSUM_BYTES - 4 {
            let bytes = resealed(&good, |bytes| bytes[position..position + 4].fill(0xff));
            // Where the four bytes are content, it is another state and no worse one.
            if let Ok(chain) = decode(&bytes) {
                assert_eq!(encode(&chain).unwrap(), bytes);
            }
        }
    }
}
