//! Catch-up by state: from honest nodes, from nodes that lie in every way, and again after an end in the middle.

use super::{
    simulation::{CHAIN_ID, NODES, Simulation, application, chain_file, key, lossy, node, send, simulate},
    transactions::transaction,
};
use alloy_primitives::{Address, U256};
use bytes::Bytes;
use commonware_consensus::{
    simplex::{
        scheme::ed25519::Scheme,
        types::{Context as Placement, Finalization, Finalize, Proposal},
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Digestible as _, Signer as _, ed25519::PublicKey};
use commonware_parallel::Sequential;
use commonware_resolver::p2p::Producer;
use commonware_runtime::{Clock as _, Spawner as _, Supervisor as _, deterministic::Context};
use commonware_utils::{channel::oneshot, non_empty, ordered::Set};
use futures::future::join_all;
use lockstep_chain::{Archive, Chain, SignedBlock, transaction::SignedTx};
use lockstep_node::{
    Certificate, ChainFile, PlacedBlock, RawBlock,
    catch_up::{CaughtUp, begins_at, by_state},
    state_channel::{StateChannel, StateRequest, StateServer},
    validator::{Committee, Validator},
};
use lockstep_rpc::DevNode;
use lockstep_store::{ChunkOf, KeyRange, Store};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Accounts of the chain: more than three chunks have.
const ACCOUNTS: u64 = 700;

/// Bytes of a chunk: the state is small.
const CHUNK_BYTES: usize = 40 * 1_024;

/// A chain with three blocks, one account with code, and a certificate of its last block.
struct Origin {
    file: ChainFile,
    chain: Chain,
    certificate: Vec<u8>,
}

fn committee(chain: &Chain, keys: std::ops::Range<usize>) -> Committee {
    let genesis = chain.archive().block(0).unwrap().unwrap();
    Committee::new(RawBlock::from(genesis), Set::from_iter_dedup(keys.map(|number| key(number).public_key()))).unwrap()
}

/// The certificate of a block by the validators with these keys.
fn certificate(chain: &Chain, block: SignedBlock, keys: std::ops::Range<usize>) -> Vec<u8> {
    let committee = committee(chain, keys.clone());
    let round = Round::new(Epoch::zero(), View::new(9));
    let parent = (View::new(8), PlacedBlock::genesis(RawBlock::from(block.clone()), key(0).public_key()).digest());
    let placement = Placement { round, leader: key(1).public_key(), parent };
    let placed = PlacedBlock::new(placement, RawBlock::from(block));
    let proposal = Proposal::new(round, View::new(8), placed.digest());
    let votes: Vec<_> = keys
        .map(|number| {
            let scheme = Scheme::signer(committee.namespace(), committee.members().clone(), key(number)).unwrap();
            Finalize::sign(&scheme, proposal.clone()).unwrap()
        })
        .collect();
    let finalization = Finalization::from_finalizes(&committee.verifier(), non_empty![@&votes], &Sequential).unwrap();
    Certificate::new(&placed, finalization).to_bytes()
}

/// The next block, with the next transaction of the first account.
fn next(chain: &Chain) -> SignedBlock {
    let head = chain.head().unwrap();
    let env = chain.next_env(&head, head.timestamp + 1, Address::repeat_byte(0xa0));
    let signed = SignedTx::decode(transaction(0, head.number), CHAIN_ID).unwrap();
    let (proposal, invalid) = chain.propose(&[], &env, [signed]).unwrap();
    assert!(invalid.is_empty(), "{invalid:?}");
    chain.commit(&proposal).unwrap();
    proposal.block
}

impl Origin {
    fn new() -> Arc<Self> {
        let mut file = chain_file();
        for number in 0..ACCOUNTS {
            file.balances.insert(Address::from_word(U256::from(number + 1_000).into()), U256::from(number + 1));
        }
        let chain =
            Chain::open(file.spec().unwrap(), Store::memory().unwrap(), Archive::memory(CHAIN_ID).unwrap()).unwrap();
        let last = (0..3).map(|_| next(&chain)).last().unwrap();
        let certificate = certificate(&chain, last, 0..NODES);
        Arc::new(Self { file, chain, certificate })
    }

    fn open(&self, folder: &Path) -> Chain {
        let (store, archive) = (Store::open(folder).unwrap(), Archive::open(folder, CHAIN_ID).unwrap());
        Chain::open(self.file.spec().unwrap(), store, archive).unwrap()
    }

    /// Whether the chain in a folder has the state, and none of the older blocks.
    fn has_come_to(&self, folder: &Path) {
        let (chain, head) = (self.open(folder), self.chain.head().unwrap());
        assert_eq!(chain.head().unwrap(), head);
        assert_eq!(chain.store().root(head.number).unwrap(), head.state_root);
        assert!(chain.archive().block(1).unwrap().is_none(), "an older block is there");
        assert_eq!((chain.archive().begins().unwrap(), self.chain.archive().begins().unwrap()), (head.number, 0));
        // It goes on with blocks: the next one, which calls the contract, has the same root at both.
        let env = self.chain.next_env(&head, head.timestamp + 1, Address::ZERO);
        let signed = SignedTx::decode(transaction(0, head.number), CHAIN_ID).unwrap();
        let (proposal, _) = self.chain.propose(&[], &env, [signed]).unwrap();
        assert_eq!(proposal.block.transactions.len(), 1);
        chain.commit(&chain.verify(&[], proposal.block).unwrap()).unwrap();
        drop(chain);
        // And is opened again.
        assert_eq!(self.open(folder).head().unwrap().number, head.number + 1);
    }
}

/// Ways to lie, or to be of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// No answer at all.
    Silent,
    /// It says that there is no certificate yet.
    Nothing,
    /// The certificate of other validators.
    OtherCertificate,
    /// A certificate of bytes.
    NoCertificate,
    /// Another block than that of the certificate.
    OtherBlock,
    /// A byte of a chunk is another.
    Flipped(usize),
    /// Half a chunk.
    Half,
    /// Nothing.
    Empty,
    /// The chunk of another state.
    OtherState,
    /// A chunk of another part.
    OtherPart,
    /// A chunk of the part that is very small: one asks for ever.
    Small,
    /// The code of an account where accounts are asked for, and accounts where code is.
    OtherKind,
    /// More than a chunk may have.
    Huge,
}

/// Answers for a state, in its way.
#[derive(Clone)]
struct Server {
    origin: Arc<Origin>,
    me: PublicKey,
    /// `None` if it is honest.
    way: Option<Way>,
    /// Whether a lie was told. Before, those that are honest have no answer, so that the liar is asked.
    told: Arc<AtomicBool>,
    /// Chunks that were given.
    given: Arc<AtomicUsize>,
}

impl Server {
    fn chunk(&self, height: u64, part: &ChunkOf) -> Vec<u8> {
        borsh::to_vec(&self.origin.chain.view(height).unwrap().chunk(part, CHUNK_BYTES).unwrap()).unwrap()
    }

    fn block(&self, height: u64) -> Vec<u8> {
        self.origin.chain.archive().block(height).unwrap().unwrap().to_bytes().unwrap()
    }

    fn honest(&self, request: &StateRequest) -> Option<Vec<u8>> {
        match request {
            StateRequest::Certificate(of) => (*of == self.me).then(|| self.origin.certificate.clone()),
            StateRequest::Block(height) => Some(self.block(*height)),
            StateRequest::Chunk(height, part) => Some(self.chunk(*height, part)),
        }
    }

    /// The answer of a liar where it lies.
    fn lie(&self, way: Way, request: &StateRequest) -> Option<Option<Vec<u8>>> {
        let chain = &self.origin.chain;
        let height = chain.head().unwrap().number;
        let chunk = match request {
            StateRequest::Chunk(_, part) => Some(self.chunk(height, part)),
            _ => None,
        };
        let half = chunk.as_ref().map_or(0, Vec::len) / 2;
        let lie = match (way, request) {
            (Way::Silent, _) => return Some(None),
            (Way::Nothing, StateRequest::Certificate(_)) => Vec::new(),
            (Way::OtherCertificate, StateRequest::Certificate(_)) => {
                certificate(chain, chain.archive().block(height).unwrap().unwrap(), 1..NODES + 1)
            }
            (Way::NoCertificate, StateRequest::Certificate(_)) => vec![7; 400],
            (Way::OtherBlock, StateRequest::Block(height)) => self.block(height - 1),
            (Way::Flipped(at), StateRequest::Chunk(..)) => {
                let (mut chunk, at) = (chunk?, at % half.max(1) * 2);
                chunk[at] ^= 1;
                chunk
            }
            (Way::Half, StateRequest::Chunk(..)) => chunk?[..half].to_vec(),
            (Way::Empty, StateRequest::Chunk(..)) => Vec::new(),
            (Way::OtherState, StateRequest::Chunk(height, part)) => self.chunk(height - 1, part),
            (Way::OtherPart, StateRequest::Chunk(height, ChunkOf::Accounts(range))) => {
                let mut first = range.first;
                first[0] ^= 0x80;
                self.chunk(*height, &ChunkOf::Accounts(KeyRange { first, last: [0xff; 32] }))
            }
            (Way::Small, StateRequest::Chunk(height, ChunkOf::Accounts(range))) => {
                let mut last = range.first;
                last[1] |= 0x0f;
                self.chunk(*height, &ChunkOf::Accounts(KeyRange { last, ..*range }))
            }
            (Way::OtherKind, StateRequest::Chunk(height, ChunkOf::Accounts(_))) => {
                let contract = lockstep_rpc::dev_accounts()[0].address.create(0);
                self.chunk(*height, &ChunkOf::Code(contract))
            }
            (Way::OtherKind, StateRequest::Chunk(height, _)) => self.chunk(*height, &ChunkOf::Accounts(KeyRange::ALL)),
            (Way::Huge, StateRequest::Chunk(..)) => vec![0; lockstep_proof::CHUNK_BYTES_MAX],
            _ => return None,
        };
        Some(Some(lie))
    }
}

impl Producer for Server {
    type Key = StateRequest;

    fn produce(&mut self, request: StateRequest) -> oneshot::Receiver<Bytes> {
        let (sender, receiver) = oneshot::channel();
        let lie = self.way.and_then(|way| self.lie(way, &request));
        let is_asked = matches!(request, StateRequest::Certificate(_)) || self.told.load(Ordering::Relaxed);
        let answer = match (lie, self.way) {
            (Some(lie), _) => {
                self.told.store(true, Ordering::Relaxed);
                lie
            }
            (None, None) if !is_asked => None,
            (None, _) => self.honest(&request),
        };
        if let Some(bytes) = answer {
            if matches!(request, StateRequest::Chunk(..)) {
                self.given.fetch_add(1, Ordering::Relaxed);
            }
            sender.send(bytes.into()).unwrap();
        }
        receiver
    }
}

/// The validator that catches up.
const LATE: usize = 3;

/// The others, each with the way in which it answers, and the end of the channel of [`LATE`]. The other ends have to be there.
struct Others {
    channel: StateChannel,
    _channels: Vec<StateChannel>,
    given: Arc<AtomicUsize>,
}

impl Others {
    async fn start(simulation: &Simulation, origin: &Arc<Origin>, ways: [Option<Way>; LATE]) -> Self {
        let told =
            Arc::new(AtomicBool::new(!ways.iter().flatten().any(|way| !matches!(way, Way::Silent | Way::Nothing))));
        let given = Arc::new(AtomicUsize::new(0));
        let server = |number: usize, way| Server {
            origin: Arc::clone(origin),
            me: key(number).public_key(),
            way,
            told: Arc::clone(&told),
            given: Arc::clone(&given),
        };
        let mut channels = Vec::new();
        for (number, way) in ways.into_iter().enumerate() {
            channels.push(simulation.state_channel(number, server(number, way)).await);
        }
        let channel = simulation.state_channel(LATE, server(LATE, Some(Way::Silent))).await;
        Self { channel, _channels: channels, given }
    }

    async fn catch_up(
        &mut self,
        simulation: &Simulation,
        file: &ChainFile,
        folder: &Path,
    ) -> anyhow::Result<Option<CaughtUp>> {
        by_state(&simulation.context, folder, file, &mut self.channel, &key(LATE).public_key()).await
    }

    fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }
}

/// A catch-up from others that answer in these ways.
fn catch_up(
    origin: &Arc<Origin>,
    folder: &Path,
    ways: [Option<Way>; LATE],
) -> (anyhow::Result<Option<CaughtUp>>, usize) {
    let (_, result) = simulate(23, lossy(), async |simulation| {
        let mut others = Others::start(&simulation, origin, ways).await;
        let caught_up = others.catch_up(&simulation, &origin.file, folder).await;
        for (number, way) in ways.iter().enumerate() {
            let lies = way.is_some_and(|way| !matches!(way, Way::Silent | Way::Nothing));
            assert_eq!(simulation.has_cut_off(LATE, number).await, lies, "{way:?}");
        }
        (caught_up, others.given())
    });
    result
}

#[test]
fn a_node_without_blocks_is_there_without_executing_them() {
    let origin = Origin::new();
    let folder = tempfile::tempdir().unwrap();
    let (caught_up, all) = catch_up(&origin, folder.path(), [None; LATE]);
    assert_eq!(caught_up.unwrap().unwrap().header, origin.chain.head().unwrap());
    assert!(all > 3, "{all} chunks: the state is not large enough for this test");
    origin.has_come_to(folder.path());
    // A node that has blocks asks no other.
    assert_eq!(catch_up(&origin, folder.path(), [Some(Way::Silent); LATE]).0.unwrap(), None);

    // A chain is begun with block 0 if a quorum says that there is nothing else, and not because some are silent or lie.
    let (nothing, silent, liar) = (Some(Way::Nothing), Some(Way::Silent), Some(Way::NoCertificate));
    let of = |ways| catch_up(&origin, tempfile::tempdir().unwrap().path(), ways).0;
    for ways in [[nothing; LATE], [nothing, silent, nothing], [liar, nothing, nothing]] {
        assert_eq!(of(ways).unwrap(), None, "{ways:?}");
    }
    for ways in [[nothing, silent, silent], [silent; LATE], [nothing, liar, silent], [liar; LATE]] {
        let error = of(ways).unwrap_err();
        assert_eq!(error.to_string(), "no quorum of validators has an answer: a certificate", "{ways:?}");
    }
    // One certificate is enough: it is a quorum's.
    assert!(of([nothing, silent, None]).unwrap().is_some());
}

#[test]
fn validators_of_a_new_chain_tell_each_other_that_there_is_none() {
    let (_, begun) = simulate(31, lossy(), async |simulation| {
        let folders: Vec<_> = (0..NODES).map(|_| tempfile::tempdir().unwrap()).collect();
        let mut channels = Vec::new();
        // The last one is down.
        for number in 0..LATE {
            let server = StateServer::new(simulation.context.child("server"), key(number).public_key());
            channels.push(simulation.state_channel(number, server).await);
        }
        let (context, file) = (&simulation.context, chain_file());
        let all = channels.iter_mut().zip(&folders).enumerate().map(|(number, (channel, folder))| {
            let file = &file;
            async move { by_state(context, folder.path(), file, channel, &key(number).public_key()).await.unwrap() }
        });
        join_all(all).await
    });
    assert_eq!(begun, [None, None, None]);
}

#[test]
fn a_catch_up_that_is_ended_goes_on_with_what_is_missing() {
    let origin = Origin::new();
    let folder = tempfile::tempdir().unwrap();
    let (_, all) = catch_up(&origin, tempfile::tempdir().unwrap().path(), [None; LATE]);
    simulate(23, lossy(), async |simulation| {
        let mut others = Others::start(&simulation, &origin, [None; LATE]).await;
        let mut ends = 0;
        loop {
            let given = Arc::clone(&others.given);
            // Accounts and their code: one part more is there each time.
            let end = given.load(Ordering::Relaxed) + if ends == 0 { 1 } else { 3 };
            let ended = async {
                while given.load(Ordering::Relaxed) < end {
                    simulation.context.sleep(Duration::from_millis(1)).await;
                }
            };
            let caught_up = tokio::select! {
                biased;
                () = ended => None,
                caught_up = others.catch_up(&simulation, &origin.file, folder.path()) => Some(caught_up),
            };
            match caught_up {
                None => ends += 1,
                Some(caught_up) => {
                    assert!(caught_up.unwrap().is_some());
                    break;
                }
            }
            assert!(ends <= 2 * all, "it does not go on");
        }
        assert!(ends > 1, "it was ended {ends} times");
        let given = others.given();
        assert!(given <= 3 * all, "{given} chunks were asked for, and there are {all}");
    });
    origin.has_come_to(folder.path());
}

#[test]
fn a_validator_that_lies_is_cut_off_and_another_is_asked() {
    let origin = Origin::new();
    let mut seed = 3_usize;
    let flipped = (0..4).map(|_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Way::Flipped(seed >> 8)
    });
    let others = [
        Way::Silent,
        Way::Nothing,
        Way::OtherCertificate,
        Way::NoCertificate,
        Way::OtherBlock,
        Way::Half,
        Way::Empty,
        Way::OtherState,
        Way::OtherPart,
        Way::Small,
        Way::OtherKind,
        Way::Huge,
    ];
    for (number, way) in others.into_iter().chain(flipped).enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let mut ways = [None; LATE];
        ways[number % LATE] = Some(way);
        let (caught_up, _) = catch_up(&origin, folder.path(), ways);
        assert!(caught_up.unwrap().is_some(), "{way:?}");
        origin.has_come_to(folder.path());
    }
}

/// Answers by another. Who does not lie gives no chunk until the lie was found out: a link can lose it.
#[derive(Clone)]
struct Behind<P> {
    inner: P,
    lies: bool,
    found_out: Arc<AtomicBool>,
    context: Arc<Context>,
}

impl<P: Producer<Key = StateRequest>> Producer for Behind<P> {
    type Key = StateRequest;

    fn produce(&mut self, request: StateRequest) -> oneshot::Receiver<Bytes> {
        let (sender, receiver) = oneshot::channel();
        let (is_chunk, lies) = (matches!(request, StateRequest::Chunk(..)), self.lies);
        if is_chunk && !lies && !self.found_out.load(Ordering::Relaxed) {
            return receiver;
        }
        let answer = self.inner.produce(request);
        self.context.child("behind").spawn(move |_| async move {
            let Ok(bytes) = answer.await else { return };
            let mut bytes = bytes.to_vec();
            if is_chunk && lies {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }
            let _ = sender.send(bytes.into());
        });
        receiver
    }
}

#[test]
fn a_validator_that_lost_its_disk_takes_the_state_while_the_chain_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    simulate(29, lossy(), async |mut simulation| {
        let nodes: Vec<_> = (0..LATE).map(|number| node(number, None)).collect();
        let (found_out, context) = (Arc::new(AtomicBool::new(false)), Arc::new(simulation.context.child("behind")));
        let (mut running, mut channels) = (Vec::new(), Vec::new());
        for (number, node) in nodes.iter().enumerate() {
            let server = StateServer::new(simulation.context.child("server"), key(number).public_key());
            let (serving, served) = (server.clone(), Arc::clone(node));
            let then = move |validator: &Validator| serving.answer_from(&served, validator);
            running.push(simulation.start_at(number, Arc::new(application(node)), None, then).await);
            let behind = Behind {
                inner: server,
                lies: number == 0,
                found_out: Arc::clone(&found_out),
                context: Arc::clone(&context),
            };
            channels.push(simulation.state_channel(number, behind).await);
        }
        let others: Vec<_> = nodes.iter().collect();
        let submit = || nodes.iter().enumerate().for_each(|(account, node)| send(node, account));
        simulation.reach(&others, 30, submit).await;

        let server = StateServer::new(simulation.context.child("server"), key(LATE).public_key());
        let mut channel = simulation.state_channel(LATE, server).await;
        let file = chain_file();
        let me = key(LATE).public_key();
        let go_on = async {
            loop {
                submit();
                found_out.store(simulation.has_cut_off(LATE, 0).await, Ordering::Relaxed);
                simulation.context.sleep(Duration::from_millis(20)).await;
            }
        };
        let caught_up = tokio::select! {
            biased;
            caught_up = by_state(&simulation.context, folder.path(), &file, &mut channel, &me) => caught_up,
            () = go_on => unreachable!(),
        };
        let begins = caught_up.unwrap().unwrap().header.number;
        assert!(begins > 10, "it begins at block {begins}");
        assert!(simulation.has_cut_off(LATE, 0).await, "the liar was not found out");
        let height = nodes[1].chain().head().unwrap().number;
        assert!(height > begins, "the chain has not gone on");

        let certificate = begins_at(folder.path(), &simulation.committee).unwrap();
        let late = node(LATE, Some(folder.path()));
        assert_eq!(late.chain().head().unwrap().number, begins);
        running.push(simulation.start_at(LATE, Arc::new(application(&late)), certificate, |_| {}).await);
        let all: Vec<_> = nodes.iter().chain([&late]).collect();
        simulation.reach(&all, height + 30, submit).await;
        for height in begins..=height + 30 {
            let hash = |node: &DevNode| node.chain().archive().header(height).unwrap().unwrap().hash();
            assert!(nodes.iter().all(|node| hash(node) == hash(&late)), "block {height}");
        }
        assert!(late.chain().archive().block(begins - 1).unwrap().is_none(), "an older block is there");
        for (number, running) in running.iter_mut().enumerate() {
            assert_eq!(running.faults.try_recv().ok(), None, "validator {number} has failed");
        }
        println!("begun at {begins}, height {}", height + 30);
    });
}
