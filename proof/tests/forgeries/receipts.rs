//! Forged proofs of receipts and logs.

use crate::kit::{Random, Tally, small_changes};
use lockstep_proof::{
    Hash, ListPath, Log, LogProof, Outcome, Receipt, ReceiptHead, ReceiptProof, log_hash, receipts_root,
};
use sha3::{Digest, Sha3_256};

fn log(random: &mut Random) -> Log {
    let topics = (0..random.below(5)).map(|_| random.hash()).collect();
    let count = random.below(40);
    Log { address: random.bytes(20).try_into().unwrap(), topics, data: random.bytes(count) }
}

fn receipt(random: &mut Random) -> Receipt {
    let outcome = match random.below(3) {
        0 => Outcome::Return,
        1 => Outcome::Revert { errno: random.next() as u16 },
        _ => Outcome::Halt { reason: random.next() as u8 },
    };
    let logs = (0..random.below(6)).map(|_| log(random)).collect();
    let created = (random.below(3) == 0).then(|| random.bytes(20).try_into().unwrap());
    let count = random.below(50);
    Receipt { outcome, gas_used: random.next(), output: random.bytes(count), logs, created }
}

fn hashes(receipts: &[Receipt]) -> Vec<Hash> {
    receipts.iter().map(|receipt| receipt.head().hash()).collect()
}

fn sha3(parts: &[&[u8]]) -> Hash {
    Sha3_256::digest(parts.concat()).into()
}

/// The receipts root as `docs/spec.md` defines it, written a second time.
fn defined(domain: u8, items: &[Hash]) -> Hash {
    fn tree(items: &[Hash]) -> Vec<u8> {
        match items {
            [] => Vec::new(),
            [item] => item.to_vec(),
            _ => {
                let left = (items.len() as u64).next_power_of_two() as usize / 2;
                sha3(&[&[4], &tree(&items[..left]), &tree(&items[left..])]).to_vec()
            }
        }
    }
    sha3(&[&[domain], &(items.len() as u64).to_le_bytes(), &tree(items)])
}

//= spec 7.10, 7.11, 7.12, 7.13, 7.14, 7.15 test
#[test]
fn the_root_is_what_the_page_defines() {
    let mut random = Random(1);
    for count in 0..40 {
        let receipts: Vec<Receipt> = (0..count).map(|_| receipt(&mut random)).collect();
        let items: Vec<Hash> = receipts
            .iter()
            .map(|receipt| {
                let logs: Vec<Hash> =
                    receipt.logs.iter().map(|log| sha3(&[&[2], &borsh::to_vec(log).unwrap()])).collect();
                let parts =
                    (receipt.outcome, receipt.gas_used, sha3(&[&receipt.output]), receipt.created, defined(5, &logs));
                sha3(&[&[3], &borsh::to_vec(&parts).unwrap()])
            })
            .collect();
        assert_eq!(items, hashes(&receipts));
        assert_eq!(receipts_root(&items), defined(6, &items));
    }
}

/// Consensus: these bytes are the same on every machine and in every release.
//= spec 7.10, 7.11 test
#[test]
fn roots_of_known_receipts() {
    let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut random = Random(7);
    let receipts: Vec<Receipt> = (0..5).map(|_| receipt(&mut random)).collect();
    let root = |count: usize| hex(receipts_root(&hashes(&receipts[..count])));
    assert_eq!(root(0), "b01055816e8cdd2ef26846bd2776fa30cb0756e518d3f1b6b4cd189b3edfbf70");
    assert_eq!(root(1), "fc4e1cf4858617c3b006927ca3fbfaed04cdf01f9ac750d63868957d9bf1fa8a");
    assert_eq!(root(5), "fb8c50379a0bf0626ba4ae34ab7be62874cf5f659c0b70c8cd298d4aa0707a18");
    assert_eq!(
        hex(log_hash(&[1; 20], [[2; 32]].iter(), &[3])),
        "a32dc56641e5db67265c07baecf3b1638bed60044b51cc84857494a898ac8276"
    );
}

/// Changes that know the structure of a path.
fn paths(honest: &ListPath, other: &ListPath) -> Vec<ListPath> {
    let mut forged = vec![other.clone(), ListPath::default()];
    let mut put = |change: &dyn Fn(&mut ListPath)| {
        let mut path = honest.clone();
        change(&mut path);
        forged.push(path);
    };
    for count in [0, 1, honest.count - honest.count.min(1), honest.count + 1, honest.count * 2, u64::MAX] {
        put(&|path| path.count = count);
        put(&|path| *path = ListPath { count, siblings: Vec::new() });
        for siblings in 0..honest.siblings.len() {
            put(&|path| {
                path.count = count;
                path.siblings.truncate(siblings);
            });
        }
    }
    put(&|path| path.siblings.reverse());
    put(&|path| path.siblings.push([0; 32]));
    put(&|path| path.siblings.insert(0, [0; 32]));
    put(&|path| path.siblings.extend(path.siblings.clone()));
    put(&|path| path.siblings = other.siblings.clone());
    forged
}

fn log_proofs(honest: &LogProof, other: &LogProof) -> Vec<LogProof> {
    let mut forged = small_changes(honest);
    forged.push(other.clone());
    let heads: [Option<ReceiptHead>; 3] = [honest.receipt.clone(), other.receipt.clone(), None];
    let logs = [honest.log.clone(), other.log.clone(), None];
    for receipt in &heads {
        for log in &logs {
            for path in paths(&honest.path, &other.path).into_iter().chain([honest.path.clone()]) {
                for log_path in paths(&honest.log_path, &other.log_path).into_iter().chain([honest.log_path.clone()]) {
                    let (receipt, path, log) = (receipt.clone(), path.clone(), log.clone());
                    forged.push(LogProof { receipt, path, log, log_path });
                }
            }
        }
    }
    forged
}

/// What was forged and tried. `verify` is the verifier.
fn forge(verify: impl Fn(&LogProof, &Hash, u64, u64) -> Option<Option<Log>>) -> (Tally, Tally) {
    let (mut whole, mut single) = (Tally::default(), Tally::default());
    for seed in 0..6 {
        let mut random = Random(seed);
        let receipts: Vec<Receipt> = (0..random.below(8)).map(|_| receipt(&mut random)).collect();
        let items = hashes(&receipts);
        let root = receipts_root(&items);
        for _ in 0..4 {
            let [index, other_index] = [0; 2].map(|_| random.below(receipts.len() + 2));
            let truth = receipts.get(index).cloned();
            let honest = ReceiptProof::new(&items, index as u64, truth.clone());
            assert_eq!(honest.verify(&root, index as u64), Ok(truth.as_ref()));
            let other = ReceiptProof::new(&items, other_index as u64, receipts.get(other_index).cloned());
            let mut forged = small_changes(&honest);
            for path in paths(&honest.path, &other.path) {
                for receipt in [honest.receipt.clone(), other.receipt.clone(), None] {
                    forged.push(ReceiptProof { receipt, path: path.clone() });
                }
            }
            for forged in forged {
                whole.note(forged.verify(&root, index as u64).ok().map(Option::<&Receipt>::cloned), &truth);
            }
            let [log, other_log] = [0; 2].map(|_| random.below(4));
            let truth = receipts.get(index).and_then(|receipt| receipt.logs.get(log)).cloned();
            let honest = LogProof::new(&items, index as u64, receipts.get(index), log as u64);
            assert_eq!(verify(&honest, &root, index as u64, log as u64), Some(truth.clone()));
            let other = LogProof::new(&items, other_index as u64, receipts.get(other_index), other_log as u64);
            for forged in log_proofs(&honest, &other) {
                single.note(verify(&forged, &root, index as u64, log as u64), &truth);
            }
        }
    }
    (whole, single)
}

#[test]
fn no_byte_of_a_receipt_proof_is_believed_unbound() {
    let (whole, single) =
        forge(|proof, root, index, log| proof.verify(root, index, log).ok().map(Option::<&Log>::cloned));
    eprintln!("receipts {whole:?}, logs {single:?}");
    assert!(whole.refused > 10_000 && single.refused > 20_000);
    assert_eq!((whole.believed, single.believed), (0, 0));
    // One proof for one fact: no other bytes show the same, but for the path of another absence, which is the same path.
    assert!(whole.harmless < 100, "{whole:?}");
}

/// A verifier that forgets one of its checks is found.
#[test]
fn a_verifier_that_forgets_the_way_of_the_log_is_found() {
    let (_, single) = forge(|proof, root, index, log| {
        // The receipt is looked at, and of the log only that there can be one.
        let without = LogProof { log: None, log_path: ListPath::default(), ..proof.clone() };
        let of_no_log = |count| {
            let siblings = proof.log_path.siblings.clone();
            LogProof { log_path: ListPath { count, siblings }, ..without.clone() }.verify(root, index, log).is_ok()
        };
        match proof.verify(root, index, log) {
            Ok(shown) => Some(shown.cloned()),
            Err(_) if proof.receipt.is_none() => without.verify(root, index, log).is_ok().then_some(None),
            Err(_) => of_no_log(proof.log_path.count).then(|| proof.log.clone()),
        }
    });
    assert!(single.believed > 0);
}
