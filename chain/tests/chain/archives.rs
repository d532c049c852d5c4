//! An archive whose file is damaged: damage of any byte is an error, never a panic and never another block.

use crate::signer::{COUNTER, Signer, block, memory, spec, v1};
use lockstep_chain::{ARCHIVE_NAME, Archive, LogFilter};
use lockstep_store::StoreError;
use lockstep_vm::B256;
use std::fs;

/// Reads all that an archive of three blocks has, and removes some of it: the hashes of its blocks and of their transactions.
fn read_all(archive: &Archive) -> Result<Vec<B256>, StoreError> {
    let mut hashes = Vec::new();
    archive.last()?;
    for height in 0..4 {
        if let Some(header) = archive.header(height)? {
            archive.height_of(&header.hash())?;
            hashes.push(header.hash());
        }
        if let Some(block) = archive.block(height)? {
            for tx in &block.transactions {
                archive.transaction(&tx.hash())?;
                hashes.push(tx.hash());
            }
        }
    }
    archive.heights_of_logs(&LogFilter::default(), (0, 4), 10)?;
    archive.truncate(1)?;
    Ok(hashes)
}

#[test]
fn no_damage_of_the_file_is_a_panic() {
    let alice = Signer::new(1);
    let chain = memory(spec(&[&alice], v1()));
    let folder = tempfile::tempdir().unwrap();
    {
        let archive = Archive::open(folder.path(), crate::signer::CHAIN_ID).unwrap();
        for nonce in 0..3 {
            let (proposal, receipts) = block(&chain, vec![alice.deploy(nonce, COUNTER)]);
            archive.append(&proposal.block, proposal.hash(), &receipts).unwrap();
        }
    }
    let path = folder.path().join(ARCHIVE_NAME);
    let good = fs::read(&path).unwrap();
    let hashes = read_all(&Archive::open(folder.path(), crate::signer::CHAIN_ID).unwrap()).unwrap();
    assert_eq!(hashes.len(), 6);
    let (seed, mut number) = (0x5eed_u64, 0x5eed_u64);
    let mut errors = 0;
    for turn in 0..150 {
        // Half of the damage is in the first pages, where the database says how it is built.
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let within = if turn % 2 == 0 { 4_096.min(good.len()) } else { good.len() };
        let at = usize::try_from(number >> 33).unwrap() % within;
        let mut bad = good.clone();
        for byte in bad.iter_mut().skip(at).take(1 + turn % 64) {
            *byte ^= 0xff;
        }
        if turn % 10 == 0 {
            bad.truncate(at);
        }
        fs::write(&path, &bad).unwrap();
        let read = Archive::open(folder.path(), crate::signer::CHAIN_ID).and_then(|archive| read_all(&archive));
        match read {
            // A header that is damaged can be the one before the last commit.
            Ok(read) => assert!(hashes.starts_with(&read), "seed {seed:#x}, turn {turn}: {read:?}"),
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 10, "seed {seed:#x}: only {errors} of 150 were seen");
}

/// One bit of each block that the archive reads.
#[test]
fn a_flipped_bit_is_never_used() {
    let alice = Signer::new(1);
    let chain = memory(spec(&[&alice], v1()));
    let folder = tempfile::tempdir().unwrap();
    let open = || Archive::open(folder.path(), crate::signer::CHAIN_ID);
    {
        let archive = open().unwrap();
        for nonce in 0..3 {
            let (proposal, receipts) = block(&chain, vec![alice.deploy(nonce, COUNTER)]);
            archive.append(&proposal.block, proposal.hash(), &receipts).unwrap();
        }
    }
    let path = folder.path().join(ARCHIVE_NAME);
    let good = fs::read(&path).unwrap();
    let hashes = read_all(&open().unwrap()).unwrap();
    let mut errors = 0;
    // The first block has what the file begins with and checksums, the second one the database's header.
    for block in (0..good.len() / 4_096).filter(|block| good[block * 4_096..][..4_096].iter().any(|byte| *byte != 0)) {
        for at in [0, 8, 24, 1_000, 4_095] {
            let mut bad = good.clone();
            bad[block * 4_096 + at] ^= 1 << (block % 8);
            fs::write(&path, &bad).unwrap();
            match open().and_then(|archive| read_all(&archive)) {
                Ok(read) => assert!(hashes.starts_with(&read), "block {block}, byte {at}: {read:?}"),
                Err(_) => errors += 1,
            }
        }
    }
    assert!(errors > 10, "only {errors} were seen");
}

/// A file of the database without checksums, as archives were.
#[test]
fn an_archive_without_checksums_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(ARCHIVE_NAME);
    for content in [[&b"redb"[..], &[0; 8_192]].concat(), b"L".to_vec()] {
        fs::write(&path, &content).unwrap();
        let error = Archive::open(folder.path(), crate::signer::CHAIN_ID).err();
        assert!(matches!(error, Some(StoreError::Foreign(_))), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}
