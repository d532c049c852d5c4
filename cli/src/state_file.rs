//! The file that a chain lies in between two commands.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `LOCKSTEP` |
//! | 4 | format version, little-endian |
//! | 8 | bytes of the body, little-endian |
//! | any | body: borsh of [`Body`] |
//! | 32 | sha3-256 of all before |
//!
//! A file is read whole and checked before anything is believed; one that is not exactly what a command wrote is
//! refused and left as it is. It is replaced in one step, so a crash leaves the old one or the new one. Commands that
//! write into the same folder wait for each other.

use crate::{
    chain::Chain,
    failure::{Class, Classify, Failure},
    files::{Source, len, refuse_dash},
};
use anyhow::{Context, Error, anyhow, ensure};
use borsh::BorshDeserialize;
use lockstep_vm::{B256, MemoryState, Revision, code_bytes};
use sha3::{Digest, Sha3_256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"LOCKSTEP";
const FORMAT_VERSION: u32 = 2;
const CHECKSUM_BYTES: usize = 32;
/// Magic, version and length.
const HEADER_BYTES: usize = 20;
/// Bytes of a state file; one that would be larger is not written.
const FILE_BYTES_MAX: u64 = 1_024 * 1_024 * 1_024;

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

/// What to do where there is no file yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfMissing {
    /// Begin with an empty state.
    Begin,
    /// Refuse.
    Refuse,
}

/// A state file that a command is going to write. Nobody else writes it until this value is gone.
pub(crate) struct Writing {
    path: PathBuf,
    folder: PathBuf,
    _lock: Option<File>,
}

/// The chain in a file, only to look at.
pub(crate) fn read(path: &Path) -> Result<Chain, Failure> {
    let name = path.display();
    refuse_dash(path, Class::StateFile)?;
    let exists = path.try_exists();
    if !exists.map_err(|error| Failure::io(Class::StateFile, error, format!("cannot look for {name}")))? {
        let failure = Failure::new(Class::StateFile, anyhow!("there is no state file {name}"));
        return Err(failure.remedy("`lockstep deploy` makes one"));
    }
    if path.is_dir() {
        let failure = Failure::new(Class::StateFile, anyhow!("{name} is a directory, and a state file is a file"));
        return Err(failure.remedy("give the state file; the folder of a database is given by --db"));
    }
    let limit = "the limit of a state file";
    let bytes = Source::open(path, Class::StateFile)?.read(FILE_BYTES_MAX, limit, Class::StateFile)?;
    decode(&bytes).with_context(|| format!("{name} is refused")).class(Class::StateFile)
}

/// The chain in a file that is going to be written.
pub(crate) fn write(path: &Path, if_missing: IfMissing) -> Result<(Writing, Chain), Failure> {
    let writing = Writing::begin(path)?;
    let missing = !writing.path.try_exists().unwrap_or(true);
    if missing && if_missing == IfMissing::Begin {
        return Ok((writing, Chain::default()));
    }
    let chain = read(path)?;
    let metadata = fs::metadata(&writing.path).context("cannot look at the state file").class(Class::StateFile)?;
    if metadata.permissions().readonly() {
        let failure = Failure::new(Class::StateFile, anyhow!("{} is read-only", path.display()));
        return Err(failure.remedy("make the file writable, or work on a copy"));
    }
    Ok((writing, chain))
}

impl Writing {
    fn begin(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        refuse_dash(path, Class::StateFile)?;
        // A link stays a link: the file behind it is what is replaced.
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(Failure::io(Class::StateFile, error, format!("cannot open {name}"))),
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new(".")).to_owned();
        if !folder.is_dir() {
            let failure = Failure::new(Class::StateFile, anyhow!("there is no folder {}", folder.display()));
            return Err(failure.remedy("make the folder first, or give a path in one that is there"));
        }
        let lock = lock(&folder);
        let lock =
            lock.map_err(|error| Failure::io(Class::StateFile, error, format!("cannot lock the folder of {name}")))?;
        Ok(Self { path, folder, _lock: lock })
    }

    /// Replaces the file by one with `chain` in it.
    pub(crate) fn save(self, chain: &Chain) -> Result<(), Failure> {
        let bytes = encode(chain).context("cannot write the state file: it is left as it is").class(Class::Fault)?;
        self.replace(&bytes).map_err(|error| {
            let what = format!("cannot write {}: it is left as it is", self.path.display());
            Failure::io(Class::StateFile, error, what)
        })
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let name = self.path.file_name().ok_or(ErrorKind::InvalidFilename)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".new");
        let new = self.folder.join(hidden);
        // The lock is ours, so a file of that name was left by a crash.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = self.fill(&new, bytes).and_then(|()| fs::rename(&new, &self.path));
        if let Err(error) = written {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        sync_folder(&self.folder)
    }

    fn fill(&self, new: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(new)?;
        if let Ok(metadata) = fs::metadata(&self.path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(bytes)?;
        file.sync_all()
    }
}

fn encode(chain: &Chain) -> anyhow::Result<Vec<u8>> {
    // The fields of `Body`, without a copy of the state.
    let body = borsh::to_vec(&(Revision::V1.number, chain.number, chain.hash, &*chain.state)).map_err(Error::msg)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT_VERSION.to_le_bytes());
    bytes.extend(len(&body).to_le_bytes());
    bytes.extend(body);
    let checksum = Sha3_256::digest(&bytes);
    bytes.extend(checksum);
    let actual = len(&bytes);
    ensure!(actual <= FILE_BYTES_MAX, "{actual} bytes where a state file has at most {FILE_BYTES_MAX}");
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> anyhow::Result<Chain> {
    ensure!(!bytes.is_empty(), "not a state file: it is empty");
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        ensure!(!MAGIC.starts_with(bytes), "truncated: {} bytes", bytes.len());
        return Err(anyhow!("not a state file of lockstep"));
    };
    let (version, rest) = rest.split_first_chunk().with_context(|| format!("truncated: {} bytes", bytes.len()))?;
    match u32::from_le_bytes(*version) {
        FORMAT_VERSION => {}
        newer if newer > FORMAT_VERSION => {
            return Err(anyhow!(
                "format version {newer}; this lockstep reads version {FORMAT_VERSION}, a newer one may read it"
            ));
        }
        unknown => return Err(anyhow!("unknown format version {unknown}")),
    }
    let (body_bytes, _) = rest.split_first_chunk().with_context(|| format!("truncated: {} bytes", bytes.len()))?;
    let around = u64::try_from(HEADER_BYTES.saturating_add(CHECKSUM_BYTES))?;
    let expected = u64::from_le_bytes(*body_bytes).saturating_add(around);
    let actual = len(bytes);
    ensure!(actual >= expected, "truncated or damaged: {actual} bytes where it says {expected}");
    ensure!(actual <= expected, "damaged: {actual} bytes where it says {expected}");
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().context("truncated")?;
    ensure!(Sha3_256::digest(content).as_slice() == checksum, "damaged: the checksum does not match");
    let body = content.get(HEADER_BYTES..).unwrap_or_default();
    let Body { revision, number, hash, state } =
        borsh::from_slice(body).map_err(Error::msg).context("not written by lockstep: bad encoding")?;
    let current = Revision::V1.number;
    ensure!(revision == current, "its blocks are of revision {revision}, this command executes revision {current}");
    for (address, id) in state.accounts.iter().filter_map(|(address, account)| Some((address, account.code?))) {
        let Some(code) = state.code.get(&id.hash) else { continue };
        let (actual, expected) = (code_bytes(code), id.bytes);
        ensure!(actual == expected, "account {address} says {expected} bytes of code and has {actual}");
    }
    state.check()?;
    let chain = Chain { number, hash, state: state.into() };
    // One state, one encoding: keys out of order, for instance, were not written by a command.
    ensure!(encode(&chain)? == bytes, "not written by lockstep: another encoding of the same state");
    Ok(chain)
}

/// Waits until no other command writes into the folder.
#[cfg(unix)]
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let handle = File::open(folder)?;
    handle.lock()?;
    Ok(Some(handle))
}

/// Makes a renaming outlast a power failure.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be locked here: two commands at once must not use the same file.
#[cfg(not(unix))]
fn lock(_folder: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// Folders cannot be opened here.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_vm::{Account, Address, U256};

    fn sample() -> Chain {
        let mut chain = Chain { number: 7, hash: B256::repeat_byte(8), ..Chain::default() };
        let address = Address::repeat_byte(1);
        let state = chain.prepare();
        state.accounts.insert(address, Account { nonce: 2, balance: U256::from(3), code: None });
        state.put_storage(address, vec![4], vec![5]);
        state.put_storage(address, vec![6], vec![7]);
        chain
    }

    fn refusal(bytes: &[u8]) -> String {
        format!("{:#}", decode(bytes).expect_err("accepted"))
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
        for chain in [Chain::default(), sample()] {
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
