//! Guests of several releases of Rust: what a compiler turns on by default changes from one to the next, and its output
//! must deploy as it comes.
//!
//! The modules in `vm/tests/guests` are `contracts/wrc20-rust`, built by the release in their names. rustc 1.82 turned
//! on reference types and multi-value, which other machines refused then.

use crate::kit::{RETURN, REVERT, SENDER, World};
use lockstep_vm::{Abi, Address, B256};

const GUESTS: [(&str, &[u8]); 2] = [
    ("1.85.1", include_bytes!("../guests/wrc20_rust-1.85.1.wasm")),
    ("1.97.1", include_bytes!("../../../contracts/wrc20-rust/wrc20_rust.wasm")),
];

/// The call `balance` of the token.
fn balance(of: Address) -> Vec<u8> {
    [&[0x99, 0x93, 0x02, 0x1a], of.as_slice()].concat()
}

/// The call `transfer` of the token.
fn transfer(to: Address, amount: u64) -> Vec<u8> {
    [&[0x5d, 0x35, 0x9f, 0xbd], to.as_slice(), &amount.to_be_bytes()].concat()
}

fn word_of(amount: u64) -> Vec<u8> {
    [&amount.to_be_bytes()[..], &[0; 24]].concat()
}

#[test]
fn guests_of_other_rust_releases() {
    let other = Address::repeat_byte(0x22);
    let mut world = World::new("guests of other Rust releases");
    for (release, code) in GUESTS {
        let deployed = world.commit(&format!("{release}: deploy"), &world.deploy(Abi::Ewasm, code)).receipt;
        assert_eq!(deployed.outcome, RETURN, "{release}");
        let token = deployed.created.unwrap();
        let key = B256::right_padding_from(SENDER.as_slice());
        world.state.put_storage(token, key.to_vec(), word_of(1_000));
        for (case, input, outcome, output) in [
            ("transfer", transfer(other, 400), RETURN, vec![]),
            ("balance of the sender", balance(SENDER), RETURN, word_of(600)),
            ("balance of the recipient", balance(other), RETURN, word_of(400)),
            ("more than there is", transfer(other, 601), REVERT, vec![]),
            ("no function", vec![1, 2, 3, 4], REVERT, vec![]),
        ] {
            let case = format!("{release}: {case}");
            let receipt = world.commit(&case, &world.call(token, &input)).receipt;
            assert_eq!((receipt.outcome, receipt.output), (outcome, output), "{case}");
        }
    }
}
