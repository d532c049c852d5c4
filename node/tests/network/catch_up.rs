//! Catch-up by state: from honest nodes, from nodes that lie in every way, and again after an end in the middle.

use super::{
    simulation::{CHAIN_ID, NODES, chain_file, key},
    transactions::transaction,
};
use alloy_primitives::{Address, U256};
use anyhow::bail;
use commonware_consensus::{
    simplex::{
        scheme::ed25519::Scheme,
        types::{Context, Finalization, Finalize, Proposal},
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Digestible as _, Signer as _};
use commonware_parallel::Sequential;
use commonware_utils::{non_empty, ordered::Set};
use lockstep_chain::{Archive, Chain, SignedBlock, transaction::SignedTx};
use lockstep_node::{
    Certificate, ChainFile, PlacedBlock, RawBlock,
    catch_up::{StateSource, by_state},
    validator::Committee,
};
use lockstep_store::{ChunkOf, KeyRange, Store};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
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
    let placement = Context { round, leader: key(1).public_key(), parent };
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

/// A node that answers as it should.
struct Honest {
    origin: Arc<Origin>,
    /// Answers that were given, and the one at which the process is ended.
    answers: Arc<AtomicUsize>,
    ends_at: usize,
}

impl Honest {
    fn new(origin: &Arc<Origin>) -> Self {
        Self { origin: Arc::clone(origin), answers: Arc::default(), ends_at: usize::MAX }
    }
}

impl StateSource for Honest {
    fn name(&self) -> String {
        "honest".to_owned()
    }

    fn certificate(&self) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(Some(self.origin.certificate.clone()))
    }

    fn block(&self, height: u64) -> anyhow::Result<Vec<u8>> {
        Ok(self.origin.chain.archive().block(height)?.unwrap().to_bytes()?)
    }

    fn chunk(&self, height: u64, part: &ChunkOf) -> anyhow::Result<Vec<u8>> {
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        assert!(number != self.ends_at, "the process is ended");
        Ok(borsh::to_vec(&self.origin.chain.view(height)?.chunk(part, CHUNK_BYTES)?).unwrap())
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

struct Liar {
    honest: Honest,
    way: Way,
}

impl StateSource for Liar {
    fn name(&self) -> String {
        format!("{:?}", self.way)
    }

    fn certificate(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let chain = &self.honest.origin.chain;
        match self.way {
            Way::Silent => bail!("silent"),
            Way::Nothing => Ok(None),
            Way::OtherCertificate => Ok(Some(certificate(chain, chain.archive().block(3)?.unwrap(), 1..NODES + 1))),
            Way::NoCertificate => Ok(Some(vec![7; 400])),
            _ => self.honest.certificate(),
        }
    }

    fn block(&self, height: u64) -> anyhow::Result<Vec<u8>> {
        match self.way {
            Way::Silent => bail!("silent"),
            Way::OtherBlock => self.honest.block(height - 1),
            _ => self.honest.block(height),
        }
    }

    fn chunk(&self, height: u64, part: &ChunkOf) -> anyhow::Result<Vec<u8>> {
        let chunk = self.honest.chunk(height, part)?;
        let half = chunk.len() / 2;
        Ok(match (self.way, *part) {
            (Way::Silent, _) => bail!("silent"),
            (Way::Flipped(at), _) => {
                let (mut chunk, at) = (chunk, at % half.max(1) * 2);
                chunk[at] ^= 1;
                chunk
            }
            (Way::Half, _) => chunk[..half].to_vec(),
            (Way::Empty, _) => Vec::new(),
            (Way::OtherState, _) => self.honest.chunk(height - 1, part)?,
            (Way::OtherPart, ChunkOf::Accounts(mut range)) => {
                range.first[0] ^= 0x80;
                range.last = [0xff; 32];
                self.honest.chunk(height, &ChunkOf::Accounts(range))?
            }
            (Way::Small, ChunkOf::Accounts(range)) => {
                let mut last = range.first;
                last[1] |= 0x0f;
                self.honest.chunk(height, &ChunkOf::Accounts(KeyRange { last, ..range }))?
            }
            (Way::OtherKind, ChunkOf::Accounts(_)) => {
                let contract = lockstep_rpc::dev_accounts()[0].address.create(0);
                self.honest.chunk(height, &ChunkOf::Code(contract))?
            }
            (Way::OtherKind, _) => self.honest.chunk(height, &ChunkOf::Accounts(KeyRange::ALL))?,
            (Way::Huge, _) => vec![0; lockstep_proof::CHUNK_BYTES_MAX + 1],
            _ => chunk,
        })
    }
}

#[test]
fn a_node_without_blocks_is_there_without_executing_them() {
    let origin = Origin::new();
    let folder = tempfile::tempdir().unwrap();
    let honest = Honest::new(&origin);
    let answers = Arc::clone(&honest.answers);
    let caught_up = by_state(folder.path(), &origin.file, vec![Box::new(honest)], &|_| {}).unwrap().unwrap();
    assert_eq!(caught_up.header, origin.chain.head().unwrap());
    let all = answers.load(Ordering::Relaxed);
    assert!(all > 3, "{all} chunks: the state is not large enough for this test");
    origin.has_come_to(folder.path());
    // A node that has blocks asks no other.
    let silent = Liar { honest: Honest::new(&origin), way: Way::Silent };
    assert_eq!(by_state(folder.path(), &origin.file, vec![Box::new(silent)], &|_| {}).unwrap(), None);

    // A chain is begun with block 0 if all say that there is nothing else, and not because some are silent or lie.
    let of = |ways: &[Way]| {
        let liar = |way: &Way| Box::new(Liar { honest: Honest::new(&origin), way: *way }) as Box<dyn StateSource>;
        by_state(tempfile::tempdir().unwrap().path(), &origin.file, ways.iter().map(liar).collect(), &|_| {})
    };
    assert_eq!(of(&[Way::Nothing, Way::Nothing]).unwrap(), None);
    for ways in [&[Way::Nothing, Way::Silent][..], &[Way::NoCertificate], &[]] {
        let error = of(ways).unwrap_err();
        assert_eq!(error.to_string(), "no node has an answer: a certificate");
    }

    // It is ended at each chunk, and goes on with the next one.
    let folder = tempfile::tempdir().unwrap();
    let mut given = 0;
    for end in 0.. {
        let mut honest = Honest::new(&origin);
        // Accounts and their code: one part more is there each time.
        honest.ends_at = if end == 0 { 0 } else { 2 };
        let answers = Arc::clone(&honest.answers);
        let run = || by_state(folder.path(), &origin.file, vec![Box::new(honest)], &|_| {});
        let ended = catch_unwind(AssertUnwindSafe(run));
        given += answers.load(Ordering::Relaxed);
        match ended {
            Err(_) => assert!(end <= 2 * all, "it does not go on"),
            Ok(caught_up) => {
                assert!(caught_up.unwrap().is_some());
                break;
            }
        }
    }
    assert!(given <= 3 * all, "{given} chunks were asked for, and there are {all}");
    origin.has_come_to(folder.path());
}

#[test]
fn a_node_that_lies_is_found_out_and_another_is_asked() {
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
    for way in others.into_iter().chain(flipped) {
        let folder = tempfile::tempdir().unwrap();
        let said: Mutex<Vec<String>> = Mutex::default();
        let sources: Vec<Box<dyn StateSource>> =
            vec![Box::new(Liar { honest: Honest::new(&origin), way }), Box::new(Honest::new(&origin))];
        let caught_up = by_state(folder.path(), &origin.file, sources, &|text| said.lock().unwrap().push(text));
        let said = said.into_inner().unwrap();
        assert!(caught_up.unwrap().is_some(), "{way:?}: {said:?}");
        let found_out = said.iter().filter(|text| text.starts_with(&format!("{way:?} is asked no more: "))).count();
        let lies = !matches!(way, Way::Silent | Way::Nothing);
        assert_eq!(found_out, usize::from(lies), "{way:?}: {said:?}");
        assert!(!said.iter().any(|text| text.starts_with("honest is asked no more")), "{way:?}: {said:?}");
        origin.has_come_to(folder.path());
    }
}
