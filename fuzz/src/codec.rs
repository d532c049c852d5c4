//! Encodings: what is encoded decodes to itself, what is decoded encodes to the same bytes, and anything else is an error
//! and never a panic.
//!
//! The bits of packed values are computed a second time, with arithmetic where the codec moves bytes.

use crate::input::Input;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt::Debug;
use lockstep_gas::Gas;
use lockstep_host::{
    Errno,
    packed::{
        Argument, BufIn, BufOut, Descriptor, PARAMETERS_MAX, PackOrder, PackedAbi, Parameter, ResultKind, StructLayout,
    },
};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, BlockOutcome, CodeId, HaltReason, Log, Outcome, Receipt, StateDiff,
    StorageDiff, Tx, TxKind, U256,
};

/// The decoders that a codec can be wrong in.
#[derive(Debug, Clone, Copy)]
pub struct Codec {
    /// An input buffer from its bits.
    pub buffer: fn(i64, PackOrder) -> BufIn,
    /// A result from its bits.
    pub result: fn(i64) -> BufOut,
    /// A descriptor from its letters, `None` if they are none.
    pub descriptor: fn(&[u8]) -> Option<Descriptor>,
    /// The arguments in a struct, `None` if it is not of the layout's size.
    pub arguments: fn(&StructLayout, &[u8]) -> Option<Vec<Argument>>,
    /// A receipt, `None` if the bytes are none.
    pub receipt: fn(&[u8]) -> Option<Receipt>,
}

impl Codec {
    /// The machine's.
    pub const MACHINE: Self = Self {
        buffer: BufIn::unpack,
        result: BufOut::unpack,
        descriptor: |letters| Descriptor::parse(letters).ok(),
        arguments: |layout, bytes| layout.read(bytes).ok(),
        receipt: |bytes| borsh::from_slice(bytes).ok(),
    };
}

/// What encodings are held to.
///
/// # Panics
///
/// See the module.
pub fn codec(bytes: &[u8]) {
    against(bytes, &Codec::MACHINE);
}

/// The same for decoders that need not be the machine's.
///
/// # Panics
///
/// See the module.
pub fn against(bytes: &[u8], codec: &Codec) {
    let mut input = Input::new(bytes);
    match input.below(8) {
        0 => buffers(&mut input, codec),
        1 => descriptors(&mut input, codec),
        2 => sections(&mut input),
        3 => {
            let value = receipt(&mut input);
            borsh_value(&mut input, &value, codec.receipt);
        }
        4 => {
            let value = Block { env: env(&mut input), transactions: several(&mut input, tx) };
            borsh_value(&mut input, &value, |bytes| borsh::from_slice(bytes).ok());
        }
        5 => {
            let value = diff(&mut input);
            borsh_value(&mut input, &value, |bytes| borsh::from_slice(bytes).ok());
        }
        6 => {
            let value = tx(&mut input);
            borsh_value(&mut input, &value, |bytes| borsh::from_slice(bytes).ok());
        }
        _ => garbage(input.rest(), codec),
    }
}

fn buffers(input: &mut Input<'_>, codec: &Codec) {
    let bits = input.u64();
    let value = bits.cast_signed();
    for order in [PackOrder::LowOffset, PackOrder::HighOffset] {
        let (low, high) = (bits % (1 << 32), bits / (1 << 32));
        let (offset, length) = if order == PackOrder::LowOffset { (low, high) } else { (high, low) };
        let offset = if length == 0 { 0 } else { offset };
        let buffer = (codec.buffer)(value, order);
        assert_eq!((u64::from(buffer.offset()), u64::from(buffer.length())), (offset, length), "{bits:#x} {order:?}");
        assert_eq!((codec.buffer)(buffer.pack(order), order), buffer, "{bits:#x} {order:?}");
        let memory_bytes = u64::from(input.u32());
        assert_eq!(buffer.check(memory_bytes).is_ok(), offset + length <= memory_bytes, "{bits:#x} in {memory_bytes}");
    }
    let result = (codec.result)(value);
    let parts = (u64::from(result.offset()), u64::from(result.length()), u64::from(result.errno().code()));
    assert_eq!(parts, (bits % (1 << 24), (bits >> 24) % (1 << 24), bits >> 48), "{bits:#x}");
    assert_eq!(result.pack(), value);
    let (offset, length) = (input.u32(), input.u32());
    let made = BufOut::new(offset, length, Errno::new(7));
    assert_eq!(made.is_ok(), offset < 1 << 24 && length < 1 << 24);
    if let Ok(made) = made {
        assert_eq!((codec.result)(made.pack()), made);
    }
}

fn descriptors(input: &mut Input<'_>, codec: &Codec) {
    let letters: Vec<u8> = (0..input.below(40)).map(|_| input.choose(b"iiillbbbb")).collect();
    let letters = [letters, vec![input.choose(b"vilrb")]].concat();
    let parsed = (codec.descriptor)(&letters);
    let (last, others) = letters.split_last().expect("one at least");
    assert_eq!(
        parsed.is_some(),
        *last != b'b' && others.len() <= PARAMETERS_MAX as usize,
        "{}",
        letters.escape_ascii()
    );
    let Some(descriptor) = parsed else { return };
    assert_eq!(descriptor.to_string().as_bytes(), letters);
    assert_eq!(descriptor.result().letter(), *last);
    let layout = StructLayout::new(&descriptor);
    let arguments: Vec<_> = descriptor.parameters().iter().map(|one| argument(input, *one)).collect();
    // The struct once more, member by member.
    let (mut expected, mut alignment) = (Vec::new(), 1);
    for one in &arguments {
        let (bits, size) = match one {
            Argument::I32(value) => (u64::from(value.cast_unsigned()), 4),
            Argument::I64(value) | Argument::BufIn(value) => (value.cast_unsigned(), 8),
        };
        while expected.len() % size != 0 {
            expected.push(0);
        }
        expected.extend((0..size).map(|byte| (bits >> (8 * byte)).to_le_bytes()[0]));
        alignment = alignment.max(size);
    }
    while expected.len() % alignment != 0 {
        expected.push(0);
    }
    assert_eq!(layout.write(&arguments).as_ref(), Ok(&expected), "{descriptor}");
    assert_eq!((codec.arguments)(&layout, &expected).as_ref(), Some(&arguments), "{descriptor}");
    assert_eq!((codec.arguments)(&layout, &[&expected[..], &[0]].concat()), None, "a byte too many");
    if !expected.is_empty() {
        assert_eq!((codec.arguments)(&layout, &expected[1..]), None, "a byte too few");
    }
}

fn argument(input: &mut Input<'_>, parameter: Parameter) -> Argument {
    match parameter {
        Parameter::I32 => Argument::I32(input.u32().cast_signed()),
        Parameter::I64 => Argument::I64(input.u64().cast_signed()),
        Parameter::BufIn => Argument::BufIn(input.u64().cast_signed()),
    }
}

/// A section `packed_abi` out of names and descriptors, and what is read of it.
fn sections(input: &mut Input<'_>) {
    let entries: Vec<(Vec<u8>, Vec<u8>)> = several(input, |input| {
        let name = (0..input.below(4)).map(|_| input.choose(b"abz")).collect();
        let letters = (0..input.below(3)).map(|_| input.choose(b"ilb")).chain(*b"v").collect();
        (name, letters)
    });
    let short = |bytes: &[u8]| [&[u8::try_from(bytes.len()).expect("short")][..], bytes].concat();
    let mut section = vec![u8::try_from(entries.len()).expect("few")];
    section.extend(entries.iter().flat_map(|(name, letters)| [short(name), short(letters)].concat()));
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort();
    let unique = sorted.windows(2).all(|pair| pair[0].0 != pair[1].0);
    let parsed = PackedAbi::parse(&section);
    assert_eq!(parsed.is_ok(), unique, "{}", section.escape_ascii());
    if let Ok(parsed) = parsed {
        let read: Vec<_> = parsed.iter().map(|(name, letters)| (name.to_vec(), letters.to_string())).collect();
        let written = sorted.into_iter().map(|(name, letters)| (name.clone(), letters.escape_ascii().to_string()));
        assert!(read.iter().cloned().eq(written), "{read:?}");
        for length in 0..section.len() {
            assert!(PackedAbi::parse(&section[..length]).is_err(), "{length} bytes of {}", section.escape_ascii());
        }
    }
}

/// Encodes, decodes, cuts, and decodes what became of it after a change.
fn borsh_value<T>(input: &mut Input<'_>, value: &T, decode: impl Fn(&[u8]) -> Option<T>)
where
    T: BorshSerialize + PartialEq + Debug,
{
    let bytes = borsh::to_vec(value).expect("memory is enough");
    assert_eq!(decode(&bytes).as_ref(), Some(value), "decoded");
    let cut = input.index(bytes.len());
    assert_eq!(decode(&bytes[..cut]), None, "{cut} of {} bytes", bytes.len());
    assert_eq!(decode(&[&bytes[..], &[0]].concat()), None, "a byte too many");
    let mut changed = bytes;
    for _ in 0..=input.below(3) {
        let at = input.index(changed.len());
        changed[at] = input.choose(&[0, 1, 2, 0xff]);
    }
    if let Some(other) = decode(&changed) {
        assert_eq!(borsh::to_vec(&other).expect("memory is enough"), changed, "another encoding of {other:?}");
    }
}

/// Bytes that are no encoding of anything.
fn garbage(bytes: &[u8], codec: &Codec) {
    fn one<T: BorshSerialize + BorshDeserialize>(bytes: &[u8]) {
        if let Ok(value) = borsh::from_slice::<T>(bytes) {
            assert_eq!(borsh::to_vec(&value).expect("memory is enough"), bytes, "another encoding");
        }
    }
    one::<Tx>(bytes);
    one::<Block>(bytes);
    one::<BlockOutcome>(bytes);
    one::<StateDiff>(bytes);
    one::<Account>(bytes);
    one::<Outcome>(bytes);
    one::<Log>(bytes);
    if let Some(receipt) = (codec.receipt)(bytes) {
        assert_eq!(borsh::to_vec(&receipt).expect("memory is enough"), bytes, "another encoding");
    }
    if let Some(descriptor) = (codec.descriptor)(bytes) {
        assert_eq!(descriptor.to_string().as_bytes(), bytes);
        assert!(ResultKind::ALL.contains(&descriptor.result()));
    }
    let _ = PackedAbi::parse(bytes);
    assert_eq!(PackOrder::parse(Some(bytes)).is_ok(), matches!(bytes, [0] | [1]));
}

fn several<T>(input: &mut Input<'_>, mut one: impl FnMut(&mut Input<'_>) -> T) -> Vec<T> {
    (0..input.below(4)).map(|_| one(input)).collect()
}

fn u256(input: &mut Input<'_>) -> U256 {
    match input.below(4) {
        0 => U256::ZERO,
        1 => U256::MAX,
        2 => U256::from(input.u64()),
        _ => U256::from_le_bytes(input.array::<32>()),
    }
}

fn hash(input: &mut Input<'_>) -> B256 {
    B256::new(input.array())
}

fn address(input: &mut Input<'_>) -> Address {
    Address::new(input.array())
}

fn code_id(input: &mut Input<'_>) -> CodeId {
    CodeId { hash: hash(input), abi: input.choose(Abi::CONTRACTS), bytes: input.u32() }
}

fn env(input: &mut Input<'_>) -> BlockEnv {
    BlockEnv {
        number: input.u64(),
        timestamp: input.u64(),
        gas_limit: input.u64(),
        beneficiary: address(input),
        difficulty: u256(input),
        parent_hash: hash(input),
    }
}

fn tx(input: &mut Input<'_>) -> Tx {
    let kind = match input.below(4) {
        0 => TxKind::Call { to: address(input), export: None },
        1 => TxKind::Call { to: address(input), export: Some(input.bytes(9).to_vec()) },
        2 => TxKind::Create { init_code: input.bytes(30).to_vec() },
        _ => TxKind::Deploy { abi: input.choose(Abi::CONTRACTS), code: input.bytes(30).to_vec() },
    };
    Tx {
        sender: address(input),
        nonce: input.u64(),
        gas_limit: Gas::new(input.u64()),
        gas_price: u256(input),
        value: u256(input),
        kind,
        input: input.bytes(30).to_vec(),
    }
}

fn receipt(input: &mut Input<'_>) -> Receipt {
    let outcome = match input.below(3) {
        0 => Outcome::Return,
        1 => Outcome::Revert { errno: u16::from_le_bytes(input.array()) },
        _ => Outcome::Halt { reason: input.choose(HaltReason::ALL) },
    };
    let log = |input: &mut Input<'_>| Log {
        address: address(input),
        topics: several(input, hash),
        data: input.bytes(20).to_vec(),
    };
    Receipt {
        outcome,
        gas_used: Gas::new(input.u64()),
        output: input.bytes(20).to_vec(),
        logs: several(input, log),
        created: input.once_in(2).then(|| address(input)),
    }
}

fn diff(input: &mut Input<'_>) -> StateDiff {
    let account = |input: &mut Input<'_>| {
        let code = input.once_in(2).then(|| code_id(input));
        Account { nonce: input.u64(), balance: u256(input), code }
    };
    let value = |input: &mut Input<'_>| input.once_in(2).then(|| input.bytes(8).to_vec());
    let storage = |input: &mut Input<'_>| StorageDiff {
        cleared: input.once_in(2),
        values: several(input, |input| (input.bytes(8).to_vec(), value(input))).into_iter().collect(),
    };
    let some_account = |input: &mut Input<'_>| input.once_in(2).then(|| account(input));
    StateDiff {
        accounts: several(input, |input| (address(input), some_account(input))).into_iter().collect(),
        storage: several(input, |input| (address(input), storage(input))).into_iter().collect(),
        code: several(input, |input| (hash(input), input.bytes(9).to_vec())).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn smoke() {
        crate::runner::smoke("codec", super::codec);
    }
}
