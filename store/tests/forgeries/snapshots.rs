//! Forged snapshots, each under a checksum of its own.

use crate::{
    honest::{Chain, Random, Scene},
    tally::Tally,
};
use lockstep_store::{Expected, SNAPSHOT_VERSION, SnapshotHead, Store, StoreError};
use lockstep_vm::{Abi, Account, Address, CodeId, Revision, StateDiff, StorageDiff, U256, Vm};
use sha3::{Digest, Sha3_256};

type Parts = (SnapshotHead, StateDiff);

fn parts(bytes: &[u8]) -> Parts {
    borsh::from_slice(&bytes[12..bytes.len() - 32]).unwrap()
}

fn bytes(parts: &Parts) -> Vec<u8> {
    let body = borsh::to_vec(parts).unwrap();
    let bytes = [b"LOCKSNAP".as_slice(), &SNAPSHOT_VERSION.to_le_bytes(), &body].concat();
    let checksum = Sha3_256::digest(&bytes);
    [bytes.as_slice(), &checksum].concat()
}

/// What a store says that began with a snapshot: the snapshot that it makes itself.
fn imported(snapshot: &[u8], expected: &Expected) -> Option<Vec<u8>> {
    let store = Store::memory().unwrap();
    match store.import(snapshot, expected) {
        Ok(head) => Some(store.export(head.height).unwrap().1),
        Err(error) => {
            assert!(error.is_invalid(), "{error}");
            assert_eq!(store.tip().unwrap(), None, "a refused snapshot changes nothing");
            None
        }
    }
}

fn forgeries(honest: &Parts, random: &mut Random) -> Vec<(&'static str, Parts)> {
    let mut forged = Vec::new();
    let mut put = |class, change: &dyn Fn(&mut SnapshotHead, &mut StateDiff)| {
        let (mut head, mut diff) = honest.clone();
        change(&mut head, &mut diff);
        forged.push((class, (head, diff)));
    };
    put("the height", &|head, _| head.height += 1);
    put("the hash", &|head, _| head.hash.0[5] ^= 1);
    put("the root", &|head, _| head.root.0[5] ^= 1);
    put("code added", &|_, diff| drop(diff.code.insert(lockstep_vm::code_hash(b"more"), b"more".to_vec())));
    put("no code", &|_, diff| diff.code.clear());
    put("code changed", &|_, diff| diff.code.values_mut().for_each(|code| code[9] ^= 1));
    put("an account added", &|_, diff| {
        diff.accounts.insert(Address::repeat_byte(9), Some(Account { nonce: 1, ..Account::default() }));
    });
    put("an absent account", &|_, diff| {
        diff.accounts.insert(Address::repeat_byte(9), None);
    });
    let addresses: Vec<Address> = honest.1.accounts.keys().copied().collect();
    for address in &addresses {
        let mut put_account = |class, change: &dyn Fn(&mut Account)| {
            put(class, &|_, diff| change(diff.accounts.get_mut(address).unwrap().as_mut().unwrap()));
        };
        put_account("a nonce", &|account| account.nonce += 1);
        put_account("a balance", &|account| account.balance += U256::from(1));
        put_account("an ABI", &|account| account.code.iter_mut().for_each(|id| id.abi = Abi::Packed));
        put_account("an account's code", &|account| {
            account.code = account.code.is_none().then(|| CodeId::of(b"more", Abi::Ewasm));
        });
        let other = addresses[random.index(addresses.len())];
        put("an account dropped", &|_, diff| {
            diff.accounts.remove(address);
        });
        put("an account with its storage dropped", &|_, diff| {
            diff.accounts.remove(address);
            diff.storage.remove(address);
        });
        put("an account removed", &|_, diff| {
            diff.accounts.insert(*address, None);
        });
        put("two accounts exchanged", &|_, diff| {
            let (one, two) = (honest.1.accounts[address].clone(), honest.1.accounts[&other].clone());
            diff.accounts.extend([(*address, two), (other, one)]);
        });
        put("a storage added", &|_, diff| {
            let values = [(vec![9], Some(vec![9]))].into();
            diff.storage.entry(*address).or_insert(StorageDiff { cleared: false, values });
        });
    }
    storages(honest, random, &mut put);
    forged
}

/// Takes a changed snapshot with its class.
type Put<'a> = dyn FnMut(&'static str, &dyn Fn(&mut SnapshotHead, &mut StateDiff)) + 'a;

fn storages(honest: &Parts, random: &mut Random, put: &mut Put<'_>) {
    for (address, changes) in &honest.1.storage {
        put("a storage dropped", &|_, diff| drop(diff.storage.remove(address)));
        put("a storage cleared before", &|_, diff| diff.storage.get_mut(address).unwrap().cleared = true);
        let at = random.index(changes.values.len());
        let (key, value) = changes.values.iter().nth(at).unwrap();
        let mut put_value = |class, value: Option<Option<Vec<u8>>>| {
            put(class, &|_, diff| {
                let values = &mut diff.storage.get_mut(address).unwrap().values;
                match value.clone() {
                    Some(value) => drop(values.insert(key.clone(), value)),
                    None => drop(values.remove(key)),
                }
            });
        };
        put_value("a value dropped", None);
        put_value("a value removed", Some(None));
        put_value("an empty value", Some(Some(Vec::new())));
        put_value("a value changed", Some(value.as_ref().map(|value| [value.as_slice(), &[0]].concat())));
        put("a value added", &|_, diff| {
            diff.storage.get_mut(address).unwrap().values.insert(vec![0; 33], Some(vec![1]));
        });
        put("a removal added", &|_, diff| {
            diff.storage.get_mut(address).unwrap().values.insert(vec![0; 33], None);
        });
    }
}

fn forge(verify: impl Fn(&[u8], &Expected) -> Option<Vec<u8>>) -> Tally {
    let vm = Vm::new(Revision::V1).unwrap();
    let mut tally = Tally::default();
    for seed in 0..2 {
        let (mut chain, mut random) = (Chain::new(seed, Scene::Everything), Random(seed));
        for _ in 0..3 {
            chain.next(&vm);
        }
        let (head, honest) = chain.store.export(3).unwrap();
        let expected = Expected { root: Some(head.root), hash: Some(head.hash), height: Some(head.height) };
        assert_eq!(bytes(&parts(&honest)), honest, "the forger knows the format");
        assert_eq!(verify(&honest, &expected).as_ref(), Some(&honest));
        for (class, forged) in forgeries(&parts(&honest), &mut random) {
            let rooted = if class == "an account added" { rooted(&forged) } else { None };
            for (class, forged) in
                [(class, forged)].into_iter().chain(rooted.map(|forged| ("a state with its root", forged)))
            {
                let forged = bytes(&forged);
                if forged != honest {
                    tally.note(class, verify(&forged, &expected).as_ref(), &honest);
                }
            }
        }
    }
    tally
}

/// The same with the root that its state has.
fn rooted((head, diff): &Parts) -> Option<Parts> {
    match Store::memory().unwrap().import(&bytes(&(head.clone(), diff.clone())), &Expected::default()) {
        Err(StoreError::Root { actual, .. }) => Some((SnapshotHead { root: actual, ..head.clone() }, diff.clone())),
        _ => None,
    }
}

#[test]
fn no_byte_of_a_snapshot_is_believed_unbound() {
    forge(imported).assert_none_believed(24);
}

/// A verifier that takes hash and root from the snapshot is found.
#[test]
fn a_verifier_that_believes_the_head_of_a_snapshot_is_found() {
    assert!(forge(|bytes, _| imported(bytes, &Expected::default())).believed() >= 4);
}
