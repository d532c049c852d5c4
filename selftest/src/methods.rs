//! Contracts of the ABIs `json` and `dela`: constructors, methods, events, calls between contracts, and C strings.

use crate::chain::{Chain, assemble};
use lockstep_vm::{Abi, Address, Fault, TxKind, U256, engine::Engine};

const VOTING: &[u8] = include_bytes!("../../contracts/json-as/voting.wasm");
const COUNTER: &[u8] = include_bytes!("../../contracts/json-as/counter.wasm");
const RELAY: &[u8] = include_bytes!("../../contracts/json-as/relay.wasm");
const DELA_C: &[u8] = include_bytes!("../../contracts/dela-c/dela_c.wasm");

/// Everything of `dela` that the contract in C does not do: growth of the memory, raw bytes in a reply.
const RAW: &str = r#"(module (import "env" "emscripten_resize_heap" (func $grow (param i32) (result i32)))
    (memory (export "memory") 1 3) (func (export "malloc") (param i32) (result i32) (i32.const 2000)) (func (export "free") (param i32))
    (func (export "main") (param i32) (result i32)
        (i32.store8 (i32.const 1029) (i32.add (i32.const 48) (call $grow (i32.const 131072))))
        (i32.store8 (i32.const 1030) (i32.add (i32.const 48) (call $grow (i32.const 196609))))
        (i32.store8 (i32.const 1031) (i32.add (i32.const 48) (memory.size)))
        (i32.const 1000))
    (data (i32.const 1000) "{\22Accepted\22:\22true\22,\22result\22:\22...\ff\80\22}"))"#;

fn deploy<E: Engine>(chain: &mut Chain<'_, E>, case: &str, code: &[u8], input: &str) -> Result<Address, Fault> {
    let deployment = TxKind::Deploy { abi: Abi::Json, code: code.to_vec() };
    let receipt = chain.execute(deployment, U256::ZERO, input.as_bytes())?;
    chain.end(case);
    receipt.created.ok_or_else(|| Fault::Broken(format!("{case}: nothing was deployed")))
}

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let voting = deploy(chain, "deploy a vote", VOTING, r#"{"options":["yes","no"],"last":18446744073709551615}"#)?;
    for (case, method, input) in [
        ("a vote", "vote", r#"{"option":"yes"}"#),
        ("a second vote", "vote", r#"{"option":"no"}"#),
        ("no such option", "vote", r#"{"option":"maybe"}"#),
        ("arguments that are no JSON", "vote", r#"{"option":}"#),
        ("the tally", "tally", ""),
        ("no such method", "count", ""),
        ("the constructor again", "constructor", r#"{"options":["a","b"]}"#),
    ] {
        chain.call_export(voting, method, input.as_bytes())?;
        chain.end(case);
    }
    let counter = deploy(chain, "deploy a counter", COUNTER, "{}")?;
    let relay = deploy(chain, "deploy a relay", RELAY, "")?;
    for (case, method) in [("a relayed call", "increment"), ("a relayed call that fails", "absent")] {
        let to = format!("{counter:x}");
        let input = format!(r#"{{"to":"{}","method":"{method}","args":"{{}}"}}"#, to.trim_start_matches("0x"));
        chain.call_export(relay, "forward", input.as_bytes())?;
        chain.end(case);
    }
    let contract = chain.put(Abi::Dela, DELA_C)?;
    for (case, export, request) in [
        ("a counter in C", "increaseCounter", r#"{"counter":50}"#),
        ("a request that is not accepted", "increaseCounter", r#"{"counter":"fifty"}"#),
        ("a multiple of the base point", "simpleEC", r#"{"scalar":"/koEUcby5r3S3U1t+1IBCyY9USOSKP2SfHEOoc3C/Q4="}"#),
    ] {
        chain.call_export(contract, export, request.as_bytes())?;
        chain.end(case);
    }
    let raw = chain.put(Abi::Dela, &assemble(RAW)?)?;
    chain.call(raw, b"request")?;
    chain.end("growth and raw bytes");
    Ok(())
}
