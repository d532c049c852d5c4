//! Probes of host functions, each with the Wasm call and its operands.

use super::{Probe, data_text};
use anyhow::Context as _;

/// Probes of every host function that does not start a frame or end one.
pub(super) fn probes() -> anyhow::Result<Vec<Probe>> {
    let mut probes = Vec::new();
    environment(&mut probes);
    accounts(&mut probes);
    copies(&mut probes);
    hashes(&mut probes);
    signatures(&mut probes)?;
    Ok(probes)
}

/// Makes the key or address at 0 another one.
const NEXT: &str = "(i32.store (i32.const 0) (local.tee $i (i32.add (local.get $i) (i32.const 1))))";

fn ethereum(name: &str, ty: &str, operands: &str) -> Probe {
    let call = format!("(call $f {operands})");
    let body = if ty.contains("result") { format!("(drop {call})") } else { call };
    let fields = format!("(import \"ethereum\" \"{name}\" (func $f {ty}))");
    Probe::new(name, body).fields(fields).times(16, 100)
}

/// A probe that is told from the same with nothing to copy, hash or keep.
fn each_word(function: impl Fn(u32) -> Probe, bytes: u32) -> Probe {
    let probe = function(bytes).against(function(0).body).each_of(bytes / 32);
    probe.times(4, 25).named(&format!("each word of {bytes} bytes"))
}

fn environment(probes: &mut Vec<Probe>) {
    for name in ["getGasLeft", "getBlockGasLimit", "getBlockNumber", "getBlockTimestamp"] {
        probes.push(ethereum(name, "(result i64)", ""));
    }
    for name in ["getCallDataSize", "getCodeSize", "getReturnDataSize"] {
        probes.push(ethereum(name, "(result i32)", ""));
    }
    for name in [
        "getAddress",
        "getCaller",
        "getCallValue",
        "getBlockCoinbase",
        "getBlockDifficulty",
        "getTxGasPrice",
        "getTxOrigin",
    ] {
        probes.push(ethereum(name, "(param i32)", "(i32.const 64)"));
    }
    probes.push(ethereum("useGas", "(param i64)", "(i64.const 0)"));
    let hash = "(i64.const 999) (i32.const 64)";
    probes.push(ethereum("getBlockHash", "(param i64 i32) (result i32)", hash));
}

fn accounts(probes: &mut Vec<Probe>) {
    let balance = ethereum("getExternalBalance", "(param i32 i32)", "(i32.const 0) (i32.const 64)");
    let size = ethereum("getExternalCodeSize", "(param i32) (result i32)", "(i32.const 0)");
    let load = ethereum("storageLoad", "(param i32 i32)", "(i32.const 0) (i32.const 64)");
    let store = ethereum("storageStore", "(param i32 i32)", "(i32.const 0) (i32.const 0)");
    for probe in [balance, size, load, store] {
        let another = Probe { body: format!("{NEXT} {}", probe.body), ..probe.clone() };
        probes.push(probe.named("the same again"));
        probes.push(another.named("another each time"));
    }
    let log = |bytes: u32, topics: u32| {
        let operands = format!("(i32.const 0) (i32.const {bytes}) (i32.const {topics})");
        let ty = "(param i32 i32 i32 i32 i32 i32 i32)";
        let places = "(i32.const 0)".repeat(4);
        ethereum("log", ty, &format!("{operands} {places}")).times(1, 100)
    };
    probes.push(log(0, 0).named("empty"));
    probes.push(log(0, 4).against(log(0, 0).body).each_of(4).named("each topic"));
    probes.push(log(512, 0).against(log(0, 0).body).each_of(512).named("each byte of 512"));
}

fn copies(probes: &mut Vec<Probe>) {
    for (name, range) in [("callDataCopy", 65_536), ("codeCopy", 0), ("returnDataCopy", 0)] {
        let copy = |bytes: u32| {
            let operands = format!("(i32.const 0) (i32.const 0) (i32.const {bytes})");
            ethereum(name, "(param i32 i32 i32)", &operands)
        };
        probes.push(copy(0).named("0 bytes"));
        if range > 0 {
            probes.push(each_word(copy, 1_024));
            probes.push(each_word(copy, range));
        }
    }
    let code = "(i32.const 64) (i32.const 64) (i32.const 0) (i32.const 0)";
    probes.push(ethereum("externalCodeCopy", "(param i32 i32 i32 i32)", code));
}

fn crypto(name: &str, parameters: usize, operands: &str) -> Probe {
    let result = if parameters == 3 && !name.starts_with("secp") { "" } else { "(result i32)" };
    let probe = ethereum(name, &format!("(param {}) {result}", "i32 ".repeat(parameters)), operands);
    let fields = probe.fields.replace("ethereum", "crypto");
    probe.fields(fields).times(4, 25)
}

fn hashes(probes: &mut Vec<Probe>) {
    for name in ["sha256", "sha3_256", "keccak256", "blake2b_256", "ripemd160"] {
        let hash = |bytes: u32| crypto(name, 3, &format!("(i32.const 0) (i32.const {bytes}) (i32.const 0)"));
        probes.push(hash(0).named("0 bytes"));
        probes.push(each_word(hash, 4_096));
    }
}

/// A hash and the signature of it, from the tests of Ethereum's precompile.
const SECP256K1: [&str; 4] = [
    "18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c",
    "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f",
    "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549",
    "1c",
];

/// The signature and the key of the empty message, RFC 8032, 7.1, test 1.
const ED25519: [&str; 2] = [
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
     d25bf5f0595bbe24655141438e7a100b",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
];

fn signatures(probes: &mut Vec<Probe>) -> anyhow::Result<()> {
    let recover = crypto("secp256k1_recover", 3, "(i32.const 0) (i32.const 32) (i32.const 256)");
    let data = format!("{} (data (i32.const 0) \"{}\")", recover.fields, bytes_of(&SECP256K1)?);
    probes.push(recover.fields(data).times(1, 20));
    let verify = |bytes: u32| {
        let message = format!("(i32.const 0) (i32.const {bytes})");
        crypto("ed25519_verify", 4, &format!("{message} (i32.const 0) (i32.const 64)"))
    };
    let data = format!("{} (data (i32.const 0) \"{}\")", verify(0).fields, bytes_of(&ED25519)?);
    probes.push(verify(0).fields(data.as_str()).times(1, 20));
    let words = verify(64_000).against(verify(0).body).each_of(2_000).named("each word of 64,000 bytes");
    probes.push(words.fields(data).times(1, 10));
    Ok(())
}

fn bytes_of(hexadecimal: &[&str]) -> anyhow::Result<String> {
    let digits = hexadecimal.concat();
    let bytes = (0..digits.len()).step_by(2).map(|at| {
        let pair = digits.get(at..at + 2).context("hexadecimal has two digits a byte")?;
        Ok(u8::from_str_radix(pair, 16)?)
    });
    Ok(data_text(&bytes.collect::<anyhow::Result<Vec<_>>>()?))
}
