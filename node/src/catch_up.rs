//! Catch-up by state: a node without blocks takes the state after a final block in chunks from other validators, and begins there.
//! It executes no older block.
//!
//! A certificate of the validators names the block and its root; each chunk is held against that root as it comes. So no validator
//! that is asked is believed: one whose answer is false is cut off, and another one asked. What was verified is on disk, and a
//! node that was ended in the middle goes on from there.

use crate::{
    chain_file::ChainFile,
    finality::Certificate,
    state_channel::{Answer, StateChannel, StateRequest},
    validator::Committee,
};
use anyhow::{Context as _, anyhow, bail, ensure};
use commonware_cryptography::ed25519::PublicKey;
use commonware_resolver::{Outcome, Resolution, Resolver as _, TargetedResolver as _};
use commonware_runtime::Clock;
use commonware_utils::{Faults as _, N3f1, non_empty_vec};
use lockstep_chain::{Archive, Header, SignedBlock};
use lockstep_proof::{CHUNK_BYTES_MAX, Chunk};
use lockstep_store::{ChunkOf, Expected, Import, Missing, SnapshotHead, Store, StoreError};
use lockstep_vm::Address;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
    path::Path,
    pin::pin,
    time::Duration,
};

/// The file with the certificate that a chain begins with, in the folder of the chain.
pub const CERTIFICATE_NAME: &str = "begins.certificate";

/// How long it asks for one thing before it gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it waits for the certificates of slow validators once it knows of one.
const CERTIFICATES_TIME: Duration = Duration::from_secs(5);

/// How long peers have to connect before they are asked: a question to one that is not there is lost, and asked again late.
const CONNECT_TIME: Duration = Duration::from_secs(1);

/// Bytes of a chunk that is not the last one of its part, at least: whoever sends less makes us ask without end.
const CHUNK_BYTES_MIN: usize = 16 * 1_024;

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

/// Whoever asks the other validators.
struct Asker<'a, E> {
    context: &'a E,
    channel: &'a mut StateChannel,
    me: &'a PublicKey,
    committee: &'a Committee,
}

/// Says of an answer that it is right.
fn accept(answer: Answer) {
    // The resolver is gone if the node is stopping.
    let _ = answer.verdict.send(Outcome::Resolved(Resolution::Complete));
}

/// Says of an answer that it is false. Whoever sent it is cut off.
fn refuse(answer: Answer, why: &str) {
    tracing::warn!(request = %answer.request, why, "a false answer");
    let _ = answer.verdict.send(Outcome::Invalid);
}

impl<E: Clock> Asker<'_, E> {
    /// Asks one validator after the other until an answer passes `check`.
    async fn ask<T>(
        &mut self,
        request: StateRequest,
        mut check: impl FnMut(&[u8]) -> Result<T, Wrong>,
    ) -> anyhow::Result<T> {
        let mut patience = pin!(self.context.sleep(PATIENCE));
        self.channel.mailbox.fetch(request.clone());
        loop {
            let answer = tokio::select! {
                biased;
                answer = self.channel.answers.recv() => answer.context("the network has stopped")?,
                () = &mut patience => {
                    self.channel.mailbox.retain(|_, ()| false);
                    bail!("no validator has an answer within {} s: {request}", PATIENCE.as_secs());
                }
            };
            if answer.request != request {
                // It was given up.
                continue;
            }
            match check(&answer.bytes) {
                Ok(found) => {
                    accept(answer);
                    return Ok(found);
                }
                Err(Wrong::Lie(why)) => refuse(answer, &why),
                Err(Wrong::Fault(error)) => return Err(error),
            }
        }
    }

    /// The certificate of the highest block that another validator has one of. `None` if those that have none are a quorum,
    /// together with this one: the chain has hardly begun.
    async fn certificate(&mut self) -> anyhow::Result<Option<Certificate>> {
        let members = self.committee.members();
        let quorum = N3f1::quorum(members.iter().count());
        self.context.sleep(CONNECT_TIME).await;
        let mut awaited: BTreeSet<StateRequest> = BTreeSet::new();
        for other in members.iter().filter(|member| *member != self.me) {
            let request = StateRequest::Certificate(other.clone());
            self.channel.mailbox.fetch_targeted(request.clone(), non_empty_vec![other.clone()]);
            awaited.insert(request);
        }
        let (mut best, mut without): (Option<Certificate>, u32) = (None, 1);
        let (mut soon, mut late) = (pin!(self.context.sleep(CERTIFICATES_TIME)), pin!(self.context.sleep(PATIENCE)));
        let mut is_late = false;
        while !awaited.is_empty() && !(is_late && (best.is_some() || without >= quorum)) {
            let answer = tokio::select! {
                biased;
                answer = self.channel.answers.recv() => answer.context("the network has stopped")?,
                () = &mut soon, if !is_late => {
                    is_late = true;
                    continue;
                }
                () = &mut late => break,
            };
            if !awaited.remove(&answer.request) {
                continue;
            }
            if answer.bytes.is_empty() {
                without = without.saturating_add(1);
                accept(answer);
                continue;
            }
            match Certificate::read_verified(&answer.bytes, self.committee) {
                Ok(found) => {
                    accept(answer);
                    if best.as_ref().is_none_or(|best| best.header().number < found.header().number) {
                        best = Some(found);
                    }
                }
                Err(why) => refuse(answer, &why.to_string()),
            }
        }
        self.channel.mailbox.retain(|_, ()| false);
        // Block 0 is everybody's, and needs no votes.
        let best = best.filter(|best| best.header().number > 0);
        ensure!(best.is_some() || without >= quorum, "no quorum of validators has an answer: a certificate");
        Ok(best)
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

/// Gives a chain without blocks in `folder` the state after a final block of the validators of `file`, from those that
/// `channel` leads to; this one is `me`. Returns `None` if it has blocks, or there is no block that is final.
///
/// It writes to the disk, and has to be run where that may take its time. Memory is bounded, however large the state is: a
/// few chunks, and the hashes of codes.
///
/// # Errors
///
/// That no validator answers, that all have lied, or that this node failed. It can be called again, and goes on.
pub async fn by_state<E: Clock>(
    context: &E,
    folder: &Path,
    file: &ChainFile,
    channel: &mut StateChannel,
    me: &PublicKey,
) -> anyhow::Result<Option<CaughtUp>> {
    let store = Store::open(folder)?;
    if store.tip()?.is_some() {
        return Ok(None);
    }
    let archive = Archive::open(folder, file.chain_id)?;
    let (beginning, committee) = file.begin()?;
    let genesis = beginning.archive().block(0)?.context("the chain has no block 0")?;
    let mut asker = Asker { context, channel, me, committee: &committee };
    // A catch-up that was begun is finished, unless no node has that state any more.
    let path = folder.join(CERTIFICATE_NAME);
    let begun = begins_at(folder, &committee)?;
    let mut failed = None;
    for certificate in begun.map(Some).into_iter().chain([None]) {
        let certificate = match certificate {
            Some(certificate) => certificate,
            None => match asker.certificate().await? {
                Some(certificate) => certificate,
                None => return Ok(None),
            },
        };
        write_whole(&path, &certificate.to_bytes())?;
        let header = certificate.header().clone();
        tracing::info!(height = header.number, hash = %header.hash(), "the state after a block is taken in");
        match take_in(&header, (&store, &archive), (file, &genesis), &mut asker).await {
            Ok(chunks) => return Ok(Some(CaughtUp { header, chunks })),
            Err(error) => {
                tracing::warn!(height = header.number, error = format!("{error:#}"), "that state cannot be taken in");
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
async fn take_in<E: Clock>(
    header: &Header,
    (store, archive): (&Store, &Archive),
    (file, genesis): (&ChainFile, &SignedBlock),
    asker: &mut Asker<'_, E>,
) -> anyhow::Result<u64> {
    let (height, hash) = (header.number, header.hash());
    let check = |bytes: &[u8]| {
        let block = SignedBlock::from_bytes(bytes, file.chain_id).map_err(lie)?;
        let hashes: Vec<[u8; 32]> = block.transactions.iter().map(|signed| signed.hash().0).collect();
        let transactions_root = lockstep_proof::transactions_root(&hashes);
        let is_it = block.header.hash() == hash && header.transactions_root.0 == transactions_root;
        if is_it { Ok(block) } else { Err(lie("it is another block")) }
    };
    let block = asker.ask(StateRequest::Block(height), check).await?;
    archive.begin_at(genesis, &block)?;
    let head = SnapshotHead { height, hash, root: header.state_root };
    let expected = Expected { root: Some(head.root), hash: Some(hash), height: Some(height) };
    let import = store.begin_import(&head, &expected)?;
    let mut taking = Taking { import, asker, codes: BTreeSet::new(), chunks: 0 };
    while let Some(missing) = taking.import.missing() {
        taking.part(missing).await?;
    }
    let Taking { import, chunks, .. } = taking;
    import.finish()?;
    Ok(chunks)
}

/// An import that goes on.
struct Taking<'a, 'b, E> {
    import: Import<'a>,
    asker: &'a mut Asker<'b, E>,
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

impl<E: Clock> Taking<'_, '_, E> {
    /// Takes in a chunk of what is missing, after the codes of its accounts: what is there is never without its code.
    async fn part(&mut self, missing: Missing) -> anyhow::Result<()> {
        let (height, root) = (self.import.head().height, self.import.head().root);
        let request = StateRequest::Chunk(height, ChunkOf::from(missing));
        let check = |bytes: &[u8]| {
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
        };
        let chunk = self.asker.ask(request.clone(), check).await?;
        if let Chunk::Accounts(chunk) = &chunk {
            for (address, leaf, _) in chunk.accounts() {
                if let Some(id) = leaf.account.code
                    && !self.codes.contains(&id.hash)
                {
                    self.code(Address::from(*address), id.hash).await?;
                }
            }
        }
        let before = self.import.missing();
        // It was verified: what is refused now is refused from everybody.
        put(&mut self.import, &chunk).map_err(|wrong| match wrong {
            Wrong::Lie(why) => anyhow!(why),
            Wrong::Fault(error) => error,
        })?;
        ensure!(self.import.missing() != before, "a chunk was taken in and nothing came of it: {request}");
        self.chunks = self.chunks.saturating_add(1);
        Ok(())
    }

    async fn code(&mut self, address: Address, hash: [u8; 32]) -> anyhow::Result<()> {
        let request = StateRequest::Chunk(self.import.head().height, ChunkOf::Code(address));
        let import = &mut self.import;
        let check = |bytes: &[u8]| match decode(bytes)? {
            Chunk::Code(code) if Address::from(code.address) == address => put(import, &Chunk::Code(code)),
            _ => Err(lie("it is another chunk than was asked for")),
        };
        self.asker.ask(request, check).await?;
        self.codes.insert(hash);
        self.chunks = self.chunks.saturating_add(1);
        Ok(())
    }
}
