//! Forged snapshots, each with a checksum of its own head.

use crate::{
    honest::{Chain, Random, Scene},
    tally::Tally,
};
use lockstep_proof::{AccountsChunk, Chunk, ChunkStorage, CodeChunk, KeyValue, RangeStep, StorageChunk};
use lockstep_store::{Expected, SNAPSHOT_VERSION, SnapshotHead, Store};
use lockstep_vm::{Account, Address, Revision, StateDiff, StorageDiff, Vm};
use sha3::{Digest, Sha3_256};

/// A snapshot as its bytes say it.
#[derive(Clone)]
struct Parts {
    head: SnapshotHead,
    chunks: Vec<Chunk>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let head = borsh::from_slice(&bytes[12..84]).unwrap();
        let (mut chunks, mut rest) = (Vec::new(), &bytes[116..]);
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (chunk, after) = after.split_at(u32::from_le_bytes(*length) as usize);
            chunks.push(borsh::from_slice(chunk).unwrap());
            rest = after;
        }
        Self { head, chunks }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let head = borsh::to_vec(&self.head).unwrap();
        let mut bytes = [b"LOCKSNAP".as_slice(), &SNAPSHOT_VERSION.to_le_bytes(), &head].concat();
        bytes.extend(Sha3_256::digest(&bytes));
        for chunk in &self.chunks {
            let chunk = borsh::to_vec(chunk).unwrap();
            bytes.extend((chunk.len() as u32).to_le_bytes());
            bytes.extend(chunk);
        }
        bytes
    }
}

/// What a store says that began with a snapshot: the snapshot that it makes itself.
fn imported(snapshot: &[u8], expected: &Expected) -> Option<Vec<u8>> {
    let store = Store::memory().unwrap();
    match store.import(snapshot, expected) {
        Ok(head) => Some(store.export(head.height).unwrap().1),
        Err(error) => {
            assert!(error.is_invalid(), "{error}");
            assert_eq!(store.tip().unwrap(), None, "a refused snapshot makes no block");
            None
        }
    }
}

type Forgeries = Vec<(&'static str, Parts)>;

fn forgeries(honest: &Parts, random: &mut Random) -> Forgeries {
    let mut forged = Vec::new();
    let mut put = |class, change: &dyn Fn(&mut Parts)| {
        let mut parts = honest.clone();
        change(&mut parts);
        forged.push((class, parts));
    };
    put("the height", &|parts| parts.head.height += 1);
    put("the hash", &|parts| parts.head.hash.0[5] ^= 1);
    put("the root", &|parts| parts.head.root.0[5] ^= 1);
    put("no chunk", &|parts| parts.chunks.clear());
    put("chunks in another order", &|parts| parts.chunks.reverse());
    for at in 0..honest.chunks.len() {
        put("a chunk dropped", &|parts| drop(parts.chunks.remove(at)));
        put("a chunk twice", &|parts| parts.chunks.push(parts.chunks[at].clone()));
    }
    for (at, chunk) in honest.chunks.iter().enumerate() {
        match chunk {
            Chunk::Accounts(chunk) => accounts(honest, at, chunk, random, &mut forged),
            Chunk::Storage(chunk) => storage(honest, at, chunk, &mut forged),
            Chunk::Code(chunk) => code(honest, at, chunk, &mut forged),
        }
    }
    forged
}

fn accounts(honest: &Parts, at: usize, chunk: &AccountsChunk, random: &mut Random, forged: &mut Forgeries) {
    let mut put = |class, change: &dyn Fn(&mut AccountsChunk)| {
        let (mut parts, mut chunk) = (honest.clone(), chunk.clone());
        change(&mut chunk);
        parts.chunks[at] = Chunk::Accounts(chunk);
        forged.push((class, parts));
    };
    put("the beginning of a range", &|chunk| chunk.range.first[31] ^= 1);
    put("the end of a range", &|chunk| chunk.range.last[3] ^= 1);
    put("a step added", &|chunk| chunk.accounts.steps.push(RangeStep::Few));
    put("no accounts", &|chunk| {
        chunk.accounts.accounts.clear();
        chunk.storages.clear();
    });
    put("accounts in another order", &|chunk| chunk.accounts.accounts.reverse());
    put("storages in another order", &|chunk| chunk.storages.reverse());
    put("a storage added", &|chunk| chunk.storages.push(ChunkStorage::Here(vec![(vec![9], vec![9])])));
    put("an account added", &|chunk| {
        let (_, leaf) = chunk.accounts.accounts[0].clone();
        chunk.accounts.accounts.push(([0x99; 20], leaf));
    });
    for number in 0..chunk.accounts.accounts.len() {
        let leaf = |chunk: &mut AccountsChunk, change: fn(&mut lockstep_proof::AccountLeaf)| {
            change(&mut chunk.accounts.accounts[number].1);
        };
        put("a nonce", &|chunk| leaf(chunk, |leaf| leaf.account.nonce += 1));
        put("a balance", &|chunk| leaf(chunk, |leaf| leaf.account.balance[0] ^= 1));
        put("an ABI", &|chunk| leaf(chunk, |leaf| leaf.account.code.iter_mut().for_each(|id| id.abi ^= 1)));
        put("a length of code", &|chunk| leaf(chunk, |leaf| leaf.account.code.iter_mut().for_each(|id| id.bytes += 1)));
        put("a storage root", &|chunk| leaf(chunk, |leaf| leaf.storage_root[7] ^= 1));
        put("an address", &|chunk| chunk.accounts.accounts[number].0[2] ^= 1);
        put("an account dropped", &|chunk| {
            chunk.accounts.accounts.remove(number);
        });
        put("an account twice", &|chunk| {
            let account = chunk.accounts.accounts[number].clone();
            chunk.accounts.accounts.insert(number, account);
        });
    }
    for number in 0..chunk.storages.len() {
        let values = |chunk: &mut AccountsChunk, change: &dyn Fn(&mut Vec<KeyValue>)| {
            if let ChunkStorage::Here(values) = &mut chunk.storages[number] {
                change(values);
            }
        };
        let picked = random.index(64);
        put("a storage apart", &|chunk| chunk.storages[number] = ChunkStorage::Apart);
        put("a storage dropped", &|chunk| drop(chunk.storages.remove(number)));
        put("no values", &|chunk| values(chunk, &|values| values.clear()));
        put("a value", &|chunk| {
            values(chunk, &|values| {
                let at = picked % values.len().max(1);
                values.get_mut(at).into_iter().for_each(|(_, value)| value.push(0));
            });
        });
        put("a key", &|chunk| {
            values(chunk, &|values| {
                let at = picked % values.len().max(1);
                values.get_mut(at).into_iter().for_each(|(key, _)| key.push(0));
            });
        });
        put("a value dropped", &|chunk| values(chunk, &|values| drop(values.pop())));
        put("values in another order", &|chunk| values(chunk, &|values| values.reverse()));
    }
}

fn storage(honest: &Parts, at: usize, chunk: &StorageChunk, forged: &mut Forgeries) {
    let mut put = |class, change: &dyn Fn(&mut StorageChunk)| {
        let (mut parts, mut chunk) = (honest.clone(), chunk.clone());
        change(&mut chunk);
        parts.chunks[at] = Chunk::Storage(chunk);
        forged.push((class, parts));
    };
    put("the account of a storage", &|chunk| chunk.address[0] ^= 1);
    put("the range of a storage", &|chunk| chunk.range.first[31] ^= 1);
    put("the end of the range of a storage", &|chunk| chunk.range.last[0] ^= 1);
    put("a value apart", &|chunk| chunk.values[0].1.push(1));
    put("a value apart dropped", &|chunk| drop(chunk.values.remove(0)));
    put("a value apart twice", &|chunk| chunk.values.insert(0, chunk.values[0].clone()));
    put("no steps apart", &|chunk| chunk.steps.clear());
    put("the leaf of an account apart", &|chunk| {
        chunk.account.leaf.as_mut().unwrap().account.nonce += 1;
    });
}

fn code(honest: &Parts, at: usize, chunk: &CodeChunk, forged: &mut Forgeries) {
    let mut put = |class, change: &dyn Fn(&mut CodeChunk)| {
        let (mut parts, mut chunk) = (honest.clone(), chunk.clone());
        change(&mut chunk);
        parts.chunks[at] = Chunk::Code(chunk);
        forged.push((class, parts));
    };
    put("code changed", &|chunk| chunk.code[9] ^= 1);
    put("code shorter", &|chunk| {
        chunk.code.pop();
    });
    put("the account of code", &|chunk| chunk.address[0] ^= 1);
}

/// A snapshot of a chain, and one with a large storage.
fn snapshots() -> Vec<(Random, Vec<u8>)> {
    let vm = Vm::new(Revision::V1).unwrap();
    let mut chain = Chain::new(0, Scene::Everything);
    (0..3).for_each(|_| drop(chain.next(&vm)));
    let (mut diff, address) = (StateDiff::default(), Address::repeat_byte(3));
    diff.accounts.insert(address, Some(Account { nonce: 1, ..Account::default() }));
    let values = (0..300_u32).map(|key| (key.to_le_bytes().to_vec(), Some(vec![key as u8; 5_000]))).collect();
    diff.storage.insert(address, StorageDiff { cleared: false, values });
    let store = Store::memory().unwrap();
    let (hash, parent_hash) = Default::default();
    let block = lockstep_store::ExecutedBlock {
        height: 3,
        hash,
        parent_hash,
        diff: &diff,
        receipts: &[],
        body: None,
        root: None,
    };
    store.commit(&block).unwrap();
    [chain.store.export(3).unwrap().1, store.export(3).unwrap().1].map(|bytes| (Random(1), bytes)).into()
}

fn forge(verify: impl Fn(&[u8], &Expected) -> Option<Vec<u8>>) -> Tally {
    let mut tally = Tally::default();
    for (mut random, honest) in snapshots() {
        let parts = Parts::of(&honest);
        let head = parts.head.clone();
        let expected = Expected { root: Some(head.root), hash: Some(head.hash), height: Some(head.height) };
        assert_eq!(parts.to_bytes(), honest, "the forger knows the format");
        assert!(verify(&honest, &expected).as_ref() == Some(&honest));
        for (class, forged) in forgeries(&parts, &mut random) {
            let forged = forged.to_bytes();
            if forged != honest {
                tally.note(class, verify(&forged, &expected).as_ref(), &honest);
            }
        }
    }
    tally
}

#[test]
fn no_byte_of_a_snapshot_is_believed_unbound() {
    forge(imported).assert_none_believed(40);
}

/// A verifier that takes hash and height from the snapshot is found.
#[test]
fn a_verifier_that_believes_the_head_of_a_snapshot_is_found() {
    assert!(forge(|bytes, _| imported(bytes, &Expected::default())).believed() >= 2);
}
