//! The example contracts of the repository: deployed by transactions, called, calling each other and failing.

use crate::chain::{Chain, SENDER};
use lockstep_vm::{Abi, Address, Fault, TxKind, U256, engine::Engine};

const WRC20: &[u8] = include_bytes!("../../contracts/wrc20/wrc20.wasm");
const WRC20_RUST: &[u8] = include_bytes!("../../contracts/wrc20-rust/wrc20_rust.wasm");
const COUNTER: &[u8] = include_bytes!("../../contracts/counter/counter.wasm");
const PROXY: &[u8] = include_bytes!("../../contracts/proxy/proxy.wasm");
const FACTORY: &[u8] = include_bytes!("../../contracts/factory/factory.wasm");
const CALCULATOR: &[u8] = include_bytes!("../../contracts/calculator/calculator.wasm");
const CALCULATOR_RUST: &[u8] = include_bytes!("../../contracts/calculator-rust/calculator_rust.wasm");
const CALCULATOR_CALLER: &[u8] = include_bytes!("../../contracts/calculator-caller/calculator_caller.wasm");

const KERNELS: [(&str, &[u8]); 4] = [
    ("fib", include_bytes!("../../contracts/kernels/fib.wasm")),
    ("integer_mix", include_bytes!("../../contracts/kernels/integer_mix.wasm")),
    ("keccak256", include_bytes!("../../contracts/kernels/keccak256.wasm")),
    ("sort", include_bytes!("../../contracts/kernels/sort.wasm")),
];

/// The selectors of the token.
const BALANCE: [u8; 4] = [0x99, 0x93, 0x02, 0x1a];
const TRANSFER: [u8; 4] = [0x5d, 0x35, 0x9f, 0xbd];

/// Deploys a contract and ends a case.
fn deploy<E: Engine>(chain: &mut Chain<'_, E>, name: &str, abi: Abi, code: &[u8]) -> Result<Address, Fault> {
    let receipt = chain.execute(TxKind::Deploy { abi, code: code.to_vec() }, U256::ZERO, &[])?;
    chain.end(format!("deploy {name}"));
    receipt.created.ok_or_else(|| Fault::Broken(format!("{name} was not deployed: {}", receipt.outcome)))
}

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for (name, code) in [("wrc20", WRC20), ("wrc20-rust", WRC20_RUST)] {
        token(chain, name, code)?;
    }
    let counter = deploy(chain, "counter", Abi::Ewasm, COUNTER)?;
    for turn in 1..=3 {
        chain.call(counter, &[])?;
        chain.end(format!("counter, call {turn}"));
    }
    let proxy = deploy(chain, "proxy", Abi::Ewasm, PROXY)?;
    for (case, input) in [
        ("proxy to the counter", [counter.as_slice(), b"anything"].concat()),
        ("proxy to nobody", [0x77; 20].to_vec()),
        ("proxy to itself", proxy.to_vec()),
        ("proxy without an address", vec![1, 2, 3]),
    ] {
        chain.call(proxy, &input)?;
        chain.end(case);
    }
    let factory = deploy(chain, "factory", Abi::Ewasm, FACTORY)?;
    for (case, input) in [
        ("factory without init code", &[][..]),
        ("factory of init code that is no module", b"no module"),
        ("factory of an init code that keeps state", COUNTER),
    ] {
        chain.execute(TxKind::Call { to: factory, export: None }, U256::from(7), input)?;
        chain.end(case);
    }
    chain.execute(TxKind::Create { init_code: COUNTER.to_vec() }, U256::from(9), &[])?;
    chain.end("creation by a transaction");
    calculators(chain)
}

fn token<E: Engine>(chain: &mut Chain<'_, E>, name: &str, code: &[u8]) -> Result<(), Fault> {
    let token = deploy(chain, name, Abi::Ewasm, code)?;
    let other = Address::repeat_byte(0x22);
    let key = [SENDER.as_slice(), &[0; 12]].concat();
    let supply = [&1_000_u64.to_be_bytes()[..], &[0; 24]].concat();
    chain.state().put_storage(token, key, supply);
    let transfer = |to: Address, amount: u64| [&TRANSFER[..], to.as_slice(), &amount.to_be_bytes()].concat();
    for (case, input) in [
        ("transfer", transfer(other, 300)),
        ("transfer of more than there is", transfer(other, 701)),
        ("transfer to oneself", transfer(SENDER, 700)),
        ("balance", [&BALANCE[..], other.as_slice()].concat()),
        ("unknown selector", vec![1, 2, 3, 4]),
        ("no input", vec![]),
    ] {
        chain.call(token, &input)?;
        chain.end(format!("{name}, {case}"));
    }
    Ok(())
}

fn calculators<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let wat = deploy(chain, "calculator", Abi::Packed, CALCULATOR)?;
    let rust = deploy(chain, "calculator-rust", Abi::Packed, CALCULATOR_RUST)?;
    let caller = deploy(chain, "calculator-caller", Abi::Ewasm, CALCULATOR_CALLER)?;
    let pair = |a: i64, b: i64| [a.to_le_bytes(), b.to_le_bytes()].concat();
    // A struct of buffers: offset and length of each, then their bytes.
    let words = [&8_u32.to_le_bytes()[..], &16_u32.to_le_bytes(), &pair(20, -42)].concat();
    let texts = [16_u32, 2, 18, 3].iter().flat_map(|word| word.to_le_bytes()).chain(*b"abcde").collect::<Vec<u8>>();
    for (contract, export, descriptor, arguments) in [
        (wat, "add", "lll", pair(i64::MAX, 2)),
        (wat, "sub32", "iii", [5_u32.to_le_bytes(), 7_u32.to_le_bytes()].concat()),
        (wat, "divide", "llr", pair(-7, 2)),
        (wat, "divide", "llr", pair(1, 0)),
        (wat, "divide", "llr", pair(i64::MIN, -1)),
        (wat, "sum", "br", words.clone()),
        (wat, "concat", "bbr", texts),
        (wat, "accumulate", "ll", 5_u64.to_le_bytes().to_vec()),
        (wat, "nothing", "v", vec![]),
        (wat, "missing", "v", vec![]),
        (wat, "add", "iii", vec![0; 8]),
        (rust, "sum", "br", words.clone()),
        (rust, "multiply", "llr", pair(1 << 33, 1 << 30)),
        (rust, "multiply", "llr", pair(-1, -1)),
        (rust, "reverse", "br", words),
    ] {
        let name = if contract == wat { "calculator" } else { "calculator-rust" };
        chain.call_export(contract, export, &arguments)?;
        let length = |text: &str| u8::try_from(text.len()).unwrap_or(u8::MAX);
        let [export_length, descriptor_length] = [length(export), length(descriptor)].map(|length| [length]);
        let parts = [
            contract.as_slice(),
            &export_length,
            export.as_bytes(),
            &descriptor_length,
            descriptor.as_bytes(),
            &arguments,
        ];
        chain.call(caller, &parts.concat())?;
        chain.end(format!("{name}, {export} {descriptor} {}", hex(&arguments)));
    }
    for contract in [wat, rust] {
        chain.call(contract, b"the input of main")?;
    }
    chain.end("main of the calculators");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn run_kernels<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for (name, code) in KERNELS {
        let kernel = chain.put(Abi::Ewasm, code)?;
        chain.call(kernel, &[])?;
        chain.end(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// A new example contract belongs into the corpus.
    #[test]
    fn every_example_contract_is_in_the_corpus() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let read = |folder: &str| fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let sources = read("selftest/src").chain(read("spec-tests/src/digest")).filter(|path| path.is_file());
        let source: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
        let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        let modules: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending == "wasm")).collect();
        assert!(modules.len() >= 12, "{modules:?}");
        for module in modules {
            let name = module.file_name().unwrap().to_str().unwrap();
            assert!(source.contains(&format!("/{name}\")")), "{name} is in no section");
        }
    }
}
