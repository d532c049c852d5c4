//! Catch-up by state: a node without blocks takes the state after a final block in chunks from other nodes, and begins there. It
//! executes no older block.
//!
//! A certificate of the validators names the block and its root; each chunk is held against that root as it comes. So no node
//! that is asked is believed. What was verified is on disk, and a node that was ended in the middle goes on from there.

use crate::{block::RawBlock, chain_file::ChainFile, finality::Certificate, source::Source, validator::Committee};
use anyhow::{Context as _, anyhow, bail, ensure};
use lockstep_chain::{Archive, Chain, Header, SignedBlock};
use lockstep_proof::{CHUNK_BYTES_MAX, Chunk};
use lockstep_store::{ChunkOf, Expected, Import, Missing, SnapshotHead, Store, StoreError};
use lockstep_vm::{Address, B256};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Duration,
};

/// The file with the certificate that a chain begins with, in the folder of the chain.
pub const CERTIFICATE_NAME: &str = "begins.certificate";

/// How often each node is asked for the same before it is given up.
const ROUNDS: usize = 5;

/// How long it waits before it asks all again.
const PAUSE: Duration = Duration::from_millis(500);

/// Blocks below the last one of a node among which one is looked for that has a certificate.
const UNCERTIFIED_MAX: u64 = 16;

/// Bytes of a chunk that is not the last one of its part, at least: whoever sends less makes us ask without end.
const CHUNK_BYTES_MIN: usize = 16 * 1_024;

/// Bytes of an answer: a block or a chunk in hex, and what is around it.
const ANSWER_BYTES_MAX: u64 = 32 * 1_024 * 1_024;

/// A node that is asked, and not believed.
pub trait StateSource {
    /// What it is called in messages.
    fn name(&self) -> String;

    /// A certificate of one of its last blocks, if it has one.
    ///
    /// # Errors
    ///
    /// That it does not answer.
    fn certificate(&self) -> anyhow::Result<Option<Vec<u8>>>;

    /// The block of that height in borsh.
    ///
    /// # Errors
    ///
    /// That it does not answer.
    fn block(&self, height: u64) -> anyhow::Result<Vec<u8>>;

    /// A chunk of the state after the block of that height in borsh.
    ///
    /// # Errors
    ///
    /// That it does not answer.
    fn chunk(&self, height: u64, part: &ChunkOf) -> anyhow::Result<Vec<u8>>;
}

/// A node that is asked over JSON-RPC.
struct RpcSource {
    source: Source,
    url: String,
}

/// The nodes whose JSON-RPC is at `urls`.
pub fn rpc_sources(urls: &[String]) -> Vec<Box<dyn StateSource>> {
    let source = |url: &String| {
        Box::new(RpcSource { source: Source::with_answers(url, ANSWER_BYTES_MAX), url: url.clone() })
            as Box<dyn StateSource>
    };
    urls.iter().map(source).collect()
}

impl StateSource for RpcSource {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn certificate(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let last = self.source.height()?;
        for height in (last.saturating_sub(UNCERTIFIED_MAX).max(1)..=last).rev() {
            let answer = self.source.ask_bytes("lockstep_getFinality", json!([format!("{height:#x}")]))?;
            if let Some(bytes) = answer {
                return Ok(Some(bytes.to_vec()));
            }
        }
        Ok(None)
    }

    fn block(&self, height: u64) -> anyhow::Result<Vec<u8>> {
        let answer = self.source.ask_bytes("lockstep_getBlock", json!([format!("{height:#x}")]))?;
        Ok(answer.context("it has no such block")?.to_vec())
    }

    fn chunk(&self, height: u64, part: &ChunkOf) -> anyhow::Result<Vec<u8>> {
        let range = |first: [u8; 32], last: [u8; 32]| (B256::new(first), B256::new(last));
        let part: Value = match part {
            ChunkOf::Accounts(keys) => {
                let (first, last) = range(keys.first, keys.last);
                json!({ "accounts": { "first": first, "last": last } })
            }
            ChunkOf::Storage(address, keys) => {
                let (first, last) = range(keys.first, keys.last);
                json!({ "storage": { "address": address, "first": first, "last": last } })
            }
            ChunkOf::Code(address) => json!({ "code": { "address": address } }),
        };
        let answer = self.source.ask_bytes("lockstep_getChunk", json!([format!("{height:#x}"), part]))?;
        Ok(answer.context("it has no such chunk")?.to_vec())
    }
}

/// What is wrong with an answer.
enum Wrong {
    /// It is none: whoever sent it lies.
    Lie(String),
    /// This node failed.
    Fault(anyhow::Error),
}

fn lie(why: impl ToString) -> Wrong {
    Wrong::Lie(why.to_string())
}

/// The nodes that are asked, those that lied left out.
struct Sources<'a> {
    sources: Vec<Box<dyn StateSource>>,
    /// The one that is asked first.
    next: usize,
    tell: &'a dyn Fn(String),
}

impl Sources<'_> {
    /// Asks one after the other until an answer passes `check`.
    fn ask<T>(
        &mut self,
        what: &str,
        ask: impl Fn(&dyn StateSource) -> anyhow::Result<Vec<u8>>,
        mut check: impl FnMut(&[u8]) -> Result<T, Wrong>,
    ) -> anyhow::Result<T> {
        let mut last = anyhow!("no node is left to ask");
        for round in 0..ROUNDS {
            if round > 0 {
                std::thread::sleep(PAUSE);
            }
            for _ in 0..self.sources.len() {
                self.next = self.next.checked_rem(self.sources.len()).unwrap_or(0);
                let Some(source) = self.sources.get(self.next) else { break };
                match ask(&**source).map(|bytes| check(&bytes)) {
                    Ok(Ok(answer)) => return Ok(answer),
                    Ok(Err(Wrong::Fault(error))) => return Err(error),
                    Ok(Err(Wrong::Lie(why))) => {
                        let liar = self.sources.remove(self.next);
                        (self.tell)(format!("{} is asked no more: {what}: {why}", liar.name()));
                        last = anyhow!("{}: {why}", liar.name());
                    }
                    Err(error) => {
                        (self.tell)(format!("{} has no answer: {what}: {error:#}", source.name()));
                        last = error;
                        self.next = self.next.saturating_add(1);
                    }
                }
            }
        }
        Err(last.context(format!("no node has an answer: {what}")))
    }

    /// The certificate of the highest block that one of them has; `None` if all say that there is none yet.
    fn certificate(&mut self, committee: &Committee) -> anyhow::Result<Option<Certificate>> {
        for round in 0..ROUNDS {
            if round > 0 {
                std::thread::sleep(PAUSE);
            }
            let (mut best, mut is_silent, mut liars): (Option<Certificate>, _, _) = (None, false, Vec::new());
            for (number, source) in self.sources.iter().enumerate() {
                let found = match source.certificate() {
                    Ok(Some(bytes)) => Certificate::read_verified(&bytes, committee),
                    Ok(None) => continue,
                    Err(error) => {
                        (self.tell)(format!("{} has no answer: a certificate: {error:#}", source.name()));
                        is_silent = true;
                        continue;
                    }
                };
                match found {
                    Ok(found) if best.as_ref().is_none_or(|best| best.header().number < found.header().number) => {
                        best = Some(found);
                    }
                    Ok(_) => {}
                    Err(why) => liars.push((number, why)),
                }
            }
            for (number, why) in liars.into_iter().rev() {
                let liar = self.sources.remove(number);
                (self.tell)(format!("{} is asked no more: a certificate: {why}", liar.name()));
            }
            // Block 0 is everybody's, and needs no votes.
            let best = best.filter(|best| best.header().number > 0);
            if best.is_some() || !(is_silent || self.sources.is_empty()) {
                return Ok(best);
            }
        }
        bail!("no node has an answer: a certificate")
    }
}

/// What the catch-up came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtUp {
    /// The header of the block whose state is there.
    pub header: Header,
    /// Chunks that were taken in by this process.
    pub chunks: u64,
}

/// Gives a chain without blocks in `folder` the state after a final block of the validators of `file`, from `sources`. Returns
/// `None` if it has blocks, or no node has a block that is final. `tell` hears what happens.
///
/// Memory is bounded, however large the state is: a few chunks, and the hashes of codes.
///
/// # Errors
///
/// That no node answers, that all have lied, or that this node failed. It can be called again, and goes on.
pub fn by_state(
    folder: &Path,
    file: &ChainFile,
    sources: Vec<Box<dyn StateSource>>,
    tell: &dyn Fn(String),
) -> anyhow::Result<Option<CaughtUp>> {
    let store = Store::open(folder)?;
    if store.tip()?.is_some() {
        return Ok(None);
    }
    let archive = Archive::open(folder, file.chain_id)?;
    let beginning = Chain::open(file.spec()?, Store::memory()?, Archive::memory(file.chain_id)?)?;
    let genesis = beginning.archive().block(0)?.context("the chain has no block 0")?;
    let committee = Committee::new(RawBlock::from(genesis.clone()), file.members()?)?;
    let mut sources = Sources { sources, next: 0, tell };
    // A catch-up that was begun is finished, unless no node has that state any more.
    let path = folder.join(CERTIFICATE_NAME);
    let begun = begins_at(folder, &committee)?;
    let mut failed = None;
    for certificate in begun.map(Some).into_iter().chain([None]) {
        let certificate = match certificate {
            Some(certificate) => certificate,
            None => match sources.certificate(&committee)? {
                Some(certificate) => certificate,
                None => return Ok(None),
            },
        };
        write_whole(&path, &certificate.to_bytes())?;
        let header = certificate.header().clone();
        tell(format!("the state after block {} {} is taken in", header.number, header.hash()));
        match take_in(&header, (&store, &archive), (file, &genesis), &mut sources) {
            Ok(chunks) => return Ok(Some(CaughtUp { header, chunks })),
            Err(error) => {
                tell(format!("the state after block {} cannot be taken in: {error:#}", header.number));
                failed = Some(error);
            }
        }
    }
    Err(failed.unwrap_or_else(|| anyhow!("there is nothing to begin with")))
}

/// The certificate of the block whose state the chain in `folder` begins with, if it does not begin with block 0.
///
/// # Errors
///
/// That its file cannot be read, or is none of this committee.
pub fn begins_at(folder: &Path, committee: &Committee) -> anyhow::Result<Option<Certificate>> {
    let path = folder.join(CERTIFICATE_NAME);
    if !path.try_exists()? {
        return Ok(None);
    }
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let certificate = Certificate::read_verified(&bytes, committee);
    certificate.map(Some).with_context(|| format!("{} is no certificate of this chain", path.display()))
}

/// Writes a file that is there as a whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let writing = || -> std::io::Result<()> {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    writing().with_context(|| format!("cannot write {}", path.display()))
}

/// Takes in the state after the block of `header`. Returns the number of chunks.
fn take_in(
    header: &Header,
    (store, archive): (&Store, &Archive),
    (file, genesis): (&ChainFile, &SignedBlock),
    sources: &mut Sources<'_>,
) -> anyhow::Result<u64> {
    let (height, hash) = (header.number, header.hash());
    let block = sources.ask(
        &format!("block {height}"),
        |source| source.block(height),
        |bytes| {
            let block = SignedBlock::from_bytes(bytes, file.chain_id).map_err(lie)?;
            let hashes: Vec<[u8; 32]> = block.transactions.iter().map(|signed| signed.hash().0).collect();
            let is_it =
                block.header.hash() == hash && header.transactions_root.0 == lockstep_proof::transactions_root(&hashes);
            if is_it { Ok(block) } else { Err(lie("it is another block")) }
        },
    )?;
    archive.begin_at(genesis, &block)?;
    let head = SnapshotHead { height, hash, root: header.state_root };
    let expected = Expected { root: Some(head.root), hash: Some(hash), height: Some(height) };
    let mut taking =
        Taking { import: store.begin_import(&head, &expected)?, sources, codes: BTreeSet::new(), chunks: 0 };
    while let Some(missing) = taking.import.missing() {
        taking.part(missing)?;
    }
    let Taking { import, chunks, .. } = taking;
    import.finish()?;
    Ok(chunks)
}

/// An import that goes on.
struct Taking<'a, 'b> {
    import: Import<'a>,
    sources: &'a mut Sources<'b>,
    /// Hashes of codes that are there.
    codes: BTreeSet<[u8; 32]>,
    chunks: u64,
}

/// The chunk in `bytes`.
fn decode(bytes: &[u8]) -> Result<Chunk, Wrong> {
    if bytes.len() > CHUNK_BYTES_MAX {
        return Err(lie(format!("a chunk of {} bytes, and the limit is {CHUNK_BYTES_MAX}", bytes.len())));
    }
    borsh::from_slice(bytes).map_err(|_| lie("it cannot be decoded"))
}

/// Takes a chunk in and puts it on the disk.
fn put(import: &mut Import<'_>, chunk: &Chunk) -> Result<(), Wrong> {
    match import.put(chunk) {
        Ok(()) => import.write().map_err(|error| Wrong::Fault(error.into())),
        Err(StoreError::Refused(why)) => Err(Wrong::Lie(why)),
        Err(error) => Err(Wrong::Fault(error.into())),
    }
}

impl Taking<'_, '_> {
    /// Takes in a chunk of what is missing, after the codes of its accounts: what is there is never without its code.
    fn part(&mut self, missing: Missing) -> anyhow::Result<()> {
        let (height, root) = (self.import.head().height, self.import.head().root);
        let part = ChunkOf::from(missing);
        let what = match missing {
            Missing::Accounts(range) => format!("accounts from key hash {} on", B256::new(range.first)),
            Missing::Storage(address, range) => format!("storage of {address} from {} on", B256::new(range.first)),
        };
        let chunk = self.sources.ask(
            &what,
            |source| source.chunk(height, &part),
            |bytes| {
                let chunk = decode(bytes)?;
                let is_wanted = match (&chunk, missing) {
                    (Chunk::Accounts(chunk), Missing::Accounts(range)) => Some((chunk.range, range)),
                    (Chunk::Storage(chunk), Missing::Storage(address, range)) => {
                        (Address::from(chunk.address) == address).then_some((chunk.range, range))
                    }
                    _ => None,
                };
                let is_wanted = is_wanted.is_some_and(|(actual, wanted)| {
                    actual.first == wanted.first && (actual.last >= wanted.last || bytes.len() >= CHUNK_BYTES_MIN)
                });
                if !is_wanted {
                    return Err(lie("it is another chunk than was asked for, or a small part of it"));
                }
                chunk.verify(&root).map_err(|_| lie("it is no part of the state"))?;
                Ok(chunk)
            },
        )?;
        if let Chunk::Accounts(chunk) = &chunk {
            for (address, leaf, _) in chunk.accounts() {
                if let Some(id) = leaf.account.code
                    && !self.codes.contains(&id.hash)
                {
                    self.code(Address::from(*address), id.hash)?;
                }
            }
        }
        let before = self.import.missing();
        // It was verified: what is refused now is refused from everybody.
        put(&mut self.import, &chunk).map_err(|wrong| match wrong {
            Wrong::Lie(why) => anyhow!(why),
            Wrong::Fault(error) => error,
        })?;
        ensure!(self.import.missing() != before, "a chunk was taken in and nothing came of it: {what}");
        self.chunks = self.chunks.saturating_add(1);
        Ok(())
    }

    fn code(&mut self, address: Address, hash: [u8; 32]) -> anyhow::Result<()> {
        let height = self.import.head().height;
        let import = &mut self.import;
        self.sources.ask(
            &format!("the code of {address}"),
            |source| source.chunk(height, &ChunkOf::Code(address)),
            |bytes| match decode(bytes)? {
                chunk @ Chunk::Code(_) => match &chunk {
                    Chunk::Code(code) if Address::from(code.address) == address => put(import, &chunk),
                    _ => Err(lie("it is the code of another account")),
                },
                _ => Err(lie("it is another chunk than was asked for")),
            },
        )?;
        self.codes.insert(hash);
        self.chunks = self.chunks.saturating_add(1);
        Ok(())
    }
}
