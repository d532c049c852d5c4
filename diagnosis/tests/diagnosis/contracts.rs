//! The example contracts: with a replay and without, the receipt is one; and the profile adds up to it.

use crate::kit::{A, B, C, SENDER, World};
use lockstep_vm::{Abi, TxKind};

macro_rules! contract {
    ($name:literal) => {
        include_bytes!(concat!("../../../contracts/", $name, ".wasm")).as_slice()
    };
}

/// An example contract: its name, ABI, code, and inputs.
type Contract = (&'static str, Abi, &'static [u8], Vec<Vec<u8>>);

/// Each contract with inputs that it takes and others that it does not, and the gas of each call.
#[test]
fn a_replay_of_the_example_contracts_gives_their_receipts() {
    let ewasm = Abi::Ewasm;
    let balance = [&[0x99, 0x93, 0x02, 0x1a][..], SENDER.as_slice()].concat();
    let named = |name: &str, descriptor: &str, arguments: &[u8]| {
        let length = |text: &str| u8::try_from(text.len()).unwrap();
        let parts: [&[u8]; 6] =
            [C.as_slice(), &[length(name)], name.as_bytes(), &[length(descriptor)], descriptor.as_bytes(), arguments];
        parts.concat()
    };
    let two = [&3_i64.to_le_bytes()[..], &4_i64.to_le_bytes()].concat();
    let cases: Vec<Contract> = vec![
        ("wrc20", ewasm, contract!("wrc20/wrc20"), vec![balance.clone(), vec![], vec![1; 40]]),
        ("wrc20-rust", ewasm, contract!("wrc20-rust/wrc20_rust"), vec![balance, vec![], vec![1; 40]]),
        ("counter", ewasm, contract!("counter/counter"), vec![vec![], vec![7]]),
        ("proxy", ewasm, contract!("proxy/proxy"), vec![B.to_vec(), A.to_vec(), vec![], vec![0x77; 20], C.to_vec()]),
        (
            "factory",
            ewasm,
            contract!("factory/factory"),
            vec![contract!("counter/counter").to_vec(), vec![], vec![1; 9]],
        ),
        ("calculator", Abi::Packed, contract!("calculator/calculator"), vec![vec![], vec![5; 100]]),
        ("calculator-rust", Abi::Packed, contract!("calculator-rust/calculator_rust"), vec![vec![], vec![5; 100]]),
        (
            "calculator-caller",
            ewasm,
            contract!("calculator-caller/calculator_caller"),
            vec![
                named("add", "lll", &two),
                named("divide", "llr", &[&7_i64.to_le_bytes()[..], &[0; 8]].concat()),
                named("accumulate", "ll", &5_i64.to_le_bytes()),
                named("power", "lll", &two),
                vec![],
            ],
        ),
    ];
    let mut outcomes = Vec::new();
    for (name, abi, code, inputs) in cases {
        let world = World::new().with_code(A, abi, code).with_code(B, ewasm, contract!("counter/counter"));
        let world = world.with_code(C, Abi::Packed, contract!("calculator/calculator"));
        for input in inputs {
            let receipt = world.look(&world.call(A, &input)).executed.receipt;
            outcomes.push(format!("{name}, {} bytes: {}, gas {}", input.len(), receipt.outcome, receipt.gas_used));
        }
        let tx = world.tx(TxKind::Deploy { abi, code: code.to_vec() }, &[]);
        let receipt = world.look(&tx).executed.receipt;
        outcomes.push(format!("{name}, deployment: {}, gas {}", receipt.outcome, receipt.gas_used));
    }
    crate::golden::check("contracts.txt", &format!("{}\n", outcomes.join("\n")));
}
