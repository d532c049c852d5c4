//! The transcripts beside the example contracts, which a host for Node runs as well: what each call has to answer, in every
//! language.

use crate::kit::{Chain, contract, revert};
use lockstep_gas::Abi;
use lockstep_host::Address;
use lockstep_vm::Outcome;
use serde_json::Value;

fn steps(path: &str) -> Vec<Value> {
    serde_json::from_slice(&contract(path)).unwrap()
}

fn text<'a>(step: &'a Value, name: &str) -> Option<&'a str> {
    step.get(name).map(|value| value.as_str().unwrap())
}

/// A transcript of the ABI `json`: a deployment, then calls by several accounts.
fn json(golden: &'static str, transcript: &str, module: &str) {
    let mut chain = Chain::new(golden);
    let code = contract(module);
    let mut address = Address::ZERO;
    for (index, step) in steps(transcript).iter().enumerate() {
        chain.block.number = step.get("height").map_or(1, |height| height.as_u64().unwrap());
        let from = Address::repeat_byte(u8::try_from(step["from"].as_u64().unwrap()).unwrap());
        let receipt = match text(step, "deploy") {
            Some(input) => {
                let receipt = chain.deploy(&format!("{index} deploy"), from, Abi::Json, &code, input.as_bytes());
                address = receipt.created.unwrap();
                receipt
            }
            None => {
                let (method, input) = (text(step, "call").unwrap(), text(step, "args").unwrap());
                chain.call(&format!("{index} {method}"), from, address, method, input.as_bytes())
            }
        };
        let (outcome, output) = match text(step, "revert") {
            Some(message) => (revert(0), message),
            None => (Outcome::Return, text(step, "output").unwrap()),
        };
        assert_eq!(
            (receipt.outcome, String::from_utf8_lossy(&receipt.output).as_ref()),
            (outcome, output),
            "{module}, step {index}"
        );
        let event = step.get("event").map(|event| (event[0].as_str().unwrap(), event[1].as_str().unwrap()));
        let logs = receipt.logs.iter().map(|log| {
            let topic = String::from_utf8_lossy(log.topics[0].as_slice()).trim_end_matches('\0').to_owned();
            (topic, String::from_utf8_lossy(&log.data).into_owned())
        });
        let expected = event.map(|(topic, data)| (topic.to_owned(), data.to_owned()));
        assert_eq!(logs.collect::<Vec<_>>(), Vec::from_iter(expected), "{module}, step {index}");
    }
    chain.settle();
}

#[test]
fn the_counter_in_assembly_script() {
    json("counter_as.txt", "json-transcripts/counter.json", "json-as/counter.wasm");
}

#[test]
fn the_vote_in_assembly_script() {
    json("voting_as.txt", "json-transcripts/voting.json", "json-as/voting.wasm");
}

#[test]
fn the_counter_in_go() {
    json("counter_go.txt", "json-transcripts/counter.json", "json-counter-go/json_counter_go.wasm");
}

#[test]
fn the_vote_in_go() {
    json("voting_go.txt", "json-transcripts/voting.json", "json-voting-go/json_voting_go.wasm");
}

/// The requests of the ABI `dela`; those of many operations are for the bench.
fn dela(golden: &'static str, module: &str) {
    let mut chain = Chain::new(golden);
    let created = chain.deploy("deploy", Address::repeat_byte(1), Abi::Dela, &contract(module), &[]).created.unwrap();
    for (index, step) in steps("dela-transcripts/requests.json").iter().enumerate() {
        let (name, request) = (text(step, "call").unwrap(), text(step, "request").unwrap());
        if request.contains("300") {
            continue;
        }
        let receipt =
            chain.call(&format!("{index} {name}"), Address::repeat_byte(1), created, name, request.as_bytes());
        let accepted = step["reply"]["Accepted"] == "true";
        assert_eq!(receipt.outcome, if accepted { Outcome::Return } else { revert(1) }, "{module}, step {index}");
        let reply: Value = serde_json::from_slice(&receipt.output).unwrap();
        assert_eq!(reply, step["reply"], "{module}, step {index}");
    }
    chain.settle();
}

#[test]
fn delas_contracts_in_rust() {
    dela("dela_rust.txt", "dela-rust/dela_rust.wasm");
}

#[test]
fn delas_contracts_in_c() {
    dela("dela_c.txt", "dela-c/dela_c.wasm");
}

#[test]
fn delas_contracts_in_go() {
    dela("dela_go.txt", "dela-go/dela_go.wasm");
}
