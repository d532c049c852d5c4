//! An archive whose file is damaged: damage of any byte is an error and never a panic.

use crate::signer::{COUNTER, Signer, block, memory, spec, v1};
use lockstep_chain::{ARCHIVE_NAME, Archive, LogFilter};
use lockstep_store::StoreError;
use std::fs;

/// Reads all that an archive of three blocks has.
fn read_all(archive: &Archive) -> Result<(), StoreError> {
    archive.last()?;
    for height in 0..4 {
        if let Some(header) = archive.header(height)? {
            archive.height_of(&header.hash())?;
        }
        if let Some(block) = archive.block(height)? {
            for tx in &block.transactions {
                archive.transaction(&tx.hash())?;
            }
        }
    }
    archive.heights_of_logs(&LogFilter::default(), (0, 4), 10)?;
    archive.truncate(1)
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
        errors += usize::from(read.is_err());
    }
    assert!(errors > 10, "seed {seed:#x}: only {errors} of 150 were seen");
}
