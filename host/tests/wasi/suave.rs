//! The confidential store as a program meets it.

use crate::kit::{CALLER, Program};
use lockstep_gas::{HostFunction as F, HostPrice, Revision};
use lockstep_host::{Address, BID_ACCOUNT, Bytes, ENTRY_ACCOUNT, HaltReason, Stop, crypto::sha3_256};

const KEY: u32 = 1_024;
const BID: u32 = 2_048;
const RESULT: u32 = 8_192;
const CAPACITY: u32 = 4_096;
const NUMBER: u32 = 4_096;

const FAILED: u64 = 0xFFFF_FFFF;

fn id() -> [u8; 16] {
    [0xDE, 0xAD, 0xBE, 0xEF].repeat(4).try_into().unwrap()
}

fn with_entry(value: &[u8]) -> Program {
    let mut program = Program::new(&[]);
    let key = [&id()[..], b"someKey"].concat();
    program.world.storage.insert((ENTRY_ACCOUNT, key), Bytes::copy_from_slice(value));
    program.put(KEY, b"someKey");
    program.put(BID, &[&id()[..], &[1, 2, 3]].concat());
    program.put(NUMBER, &[0xFF; 4]);
    program
}

fn retrieve(bid_length: u32, capacity: u32) -> [u64; 7] {
    [KEY, 7, BID, bid_length, RESULT, capacity, NUMBER].map(u64::from)
}

//= spec 11.6.2, 11.6.10, 11.6.11 test
#[test]
fn an_entry_is_copied_as_far_as_it_fits() {
    // The function, two looks at the store, and what they found.
    let gas = |capacity: u64| 400 + 3 * (7 + capacity).div_ceil(32) + (2_000 + 128) + (2_000 + 128);
    for name in ["retrieve", "storeRetrieve"] {
        for (bid_length, capacity, copied) in [(16, 1_024, 9), (19, 9, 9), (16, 4, 4), (16, 0, 0)] {
            let mut program = with_entry(b"test data");
            program.expect(name, &retrieve(bid_length, capacity), 0, gas(capacity.into()));
            assert_eq!(program.u32_at(NUMBER), copied);
            let copied = usize::try_from(copied).unwrap();
            assert_eq!(program.at(RESULT, copied + 1), [&b"test data"[..copied], &[0]].concat());
            assert_eq!(program.diagnostic(), "");
        }
    }
}

//= spec 11.6.14, 11.6.15 test
#[test]
fn an_error_is_minus_one_and_a_line() {
    let mut program = with_entry(b"test data");
    assert_eq!(program.call("retrieve", &retrieve(15, 1_024)), Ok(FAILED));
    assert_eq!(program.u32_at(NUMBER), 0xFFFF_FFFF, "nothing is written");
    assert_eq!(program.diagnostic(), "suavexec.retrieve: invalid size for bidID\n");

    let mut program = with_entry(b"test data");
    program.put(KEY, b"another");
    assert_eq!(program.call("retrieve", &retrieve(16, 1_024)), Ok(FAILED));
    assert_eq!(program.u32_at(NUMBER), 0xFFFF_FFFF);
    assert_eq!(program.call("storeRetrieve", &retrieve(16, 1_024)), Ok(FAILED));
    assert_eq!((program.u32_at(NUMBER), program.at(RESULT, 14)), (14, &b"data not found"[..]));
    let lines = "suavexec.retrieve: data not found\nsuavexec.storeRetrieve: data not found\n";
    assert_eq!(program.diagnostic(), lines);
}

#[test]
fn pointers_out_of_memory_halt() {
    for position in [0, 2, 4, 6] {
        let mut arguments = retrieve(16, 1_024);
        arguments[position] = 65_536;
        with_entry(b"x").halts("retrieve", &arguments, HaltReason::HostAccessOutOfBounds);
    }
    for position in [1, 3, 5] {
        let mut arguments = retrieve(16, 1_024);
        arguments[position] = 0xFFFF_FFFF;
        with_entry(b"x").halts("retrieve", &arguments, HaltReason::HostAccessOutOfBounds);
    }
    for position in [0, 2, 4] {
        let mut arguments = [KEY, 4, RESULT, CAPACITY, NUMBER].map(u64::from);
        arguments[position] = 65_536;
        for name in ["storePut", "storeRetrieve", "initializeBid", "fetchBidById", "fetchBidsByProtocolAndBlock"] {
            Program::new(&[]).halts(name, &arguments, HaltReason::HostAccessOutOfBounds);
        }
    }
}

/// Calls a function with JSON; returns its number and its text.
fn json(program: &mut Program, name: &str, input: &str) -> (u64, String) {
    program.put(KEY, input.as_bytes());
    let arguments = [KEY, u32::try_from(input.len()).unwrap(), RESULT, CAPACITY * 8, NUMBER].map(u64::from);
    let number = program.call(name, &arguments).unwrap();
    let length = usize::try_from(program.u32_at(NUMBER)).unwrap();
    (number, String::from_utf8(program.at(RESULT, length).to_vec()).unwrap())
}

fn address(address: &Address) -> String {
    format!("\"0x{}\"", address.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn bid(readers: &str) -> String {
    format!(
        "{{\"Id\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],\"Salt\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16],\
         \"DecryptionCondition\":12,\"AllowedPeekers\":[{readers}],\"AllowedStores\":null,\"Version\":\"v0:test\"}}"
    )
}

/// The list of numbers behind `"Id":`.
fn id_in(bid: &str) -> String {
    let start = bid.find('[').unwrap();
    bid[start..=bid.find(']').unwrap()].to_owned()
}

//= spec 11.6.9, 11.6.14 test
#[test]
fn a_bid_lives() {
    let mut program = Program::new(&[]);
    let (number, made) = json(&mut program, "initializeBid", &bid(&address(&CALLER)));
    assert_eq!(number, 0, "{made}");
    let id = id_in(&made);
    assert_eq!(made, bid(&address(&CALLER)).replacen("[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", &id, 1));
    let engine_bid = made.replace("\"v0:test\"}", "\"v0:test\",\"CreationTx\":null,\"Signature\":null}");

    let put = format!("{{\"BidId\":{id},\"Key\":\"k\\u00e4\",\"Value\":\"AQIDBA==\"}}");
    assert_eq!(json(&mut program, "storePut", &put), (0, engine_bid.clone()));
    let get = format!("{{\"BidId\":{id},\"Key\":\"kä\"}}");
    assert_eq!(json(&mut program, "storeRetrieve", &get), (0, "\"AQIDBA==\"".into()));
    assert_eq!(json(&mut program, "fetchBidById", &id), (0, engine_bid.clone()));
    let select = "{\"BlockNumber\":12,\"Namespace\":\"v0:test\"}";
    assert_eq!(json(&mut program, "fetchBidsByProtocolAndBlock", select), (0, format!("[{engine_bid}]")));
    let other = "{\"BlockNumber\":13,\"Namespace\":\"v0:test\"}";
    assert_eq!(json(&mut program, "fetchBidsByProtocolAndBlock", other), (0, "null".into()));

    // The same bid again, one with another id, and one of somebody else.
    let again = json(&mut program, "initializeBid", &bid(&address(&CALLER)));
    assert_eq!(again, (FAILED, "bid already present".into()));
    let wrong = bid("").replacen("[0,", "[1,", 1);
    assert_eq!(json(&mut program, "initializeBid", &wrong), (FAILED, "incorrect bid id passed".into()));
    program.frame.message.caller = Address::repeat_byte(0xEE);
    assert_eq!(json(&mut program, "storePut", &put), (FAILED, "caller not allowed on this bid".into()));
    assert_eq!(json(&mut program, "storeRetrieve", &get), (FAILED, "caller not allowed on this bid".into()));

    assert_eq!(program.world.kept.iter().collect::<Vec<_>>(), [&ENTRY_ACCOUNT, &BID_ACCOUNT]);
    assert!(program.world.storage.keys().all(|(account, _)| *account != program.frame.message.address));
}

//= spec 11.6.6, 11.6.9 test
#[test]
fn a_bid_of_everybody_and_bids_without_salt() {
    let mut program = Program::new(&[]);
    let everybody = bid("\"0x0000000000000000000000000000000000000042\"")
        .replace("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0");
    let (first, second) =
        (json(&mut program, "initializeBid", &everybody), json(&mut program, "initializeBid", &everybody));
    assert_eq!((first.0, second.0), (0, 0), "{} {}", first.1, second.1);
    assert_ne!(first.1, second.1, "the salt is random");
    let put = format!("{{\"BidId\":{},\"Key\":\"\",\"Value\":null}}", id_in(&first.1));
    assert_eq!(json(&mut program, "storePut", &put).0, 0);
    let select = "{\"BlockNumber\":12,\"Namespace\":\"v0:test\"}";
    let (_, bids) = json(&mut program, "fetchBidsByProtocolAndBlock", select);
    assert_eq!(bids.matches("\"Id\"").count(), 2);
}

//= spec 11.6.10, 11.6.14 test
#[test]
fn what_is_not_the_json_of_the_function_is_an_error() {
    let unreadable = (FAILED, "unable to unmarshal inputs".to_owned());
    for input in
        ["", "null", "[]", "{", "{}x", "{\"BidId\":[1]}", "{\"BidId\":\"x\"}", "{\"Key\":1}", "{\"Value\":\"?\"}"]
    {
        assert_eq!(json(&mut Program::new(&[]), "storePut", input), unreadable, "{input}");
    }
    for input in ["", "{\"BlockNumber\":-1}", "{\"BlockNumber\":1.5}", "{\"Namespace\":[]}"] {
        assert_eq!(json(&mut Program::new(&[]), "fetchBidsByProtocolAndBlock", input), unreadable, "{input}");
    }
    for input in ["", "[1,2]", "{}", "\"0123456789abcde"] {
        let expect = if input.len() == 16 { (FAILED, "bid not found".to_owned()) } else { unreadable.clone() };
        assert_eq!(json(&mut Program::new(&[]), "fetchBidById", input), expect, "{input}");
    }
    assert_eq!(json(&mut Program::new(&[]), "storePut", "{}").1, "bid not found");
}

//= spec 11.6.16 test
#[test]
fn a_static_frame_writes_nothing() {
    let mut program = Program::new(&[]);
    program.frame.message.is_static = true;
    program.put(KEY, b"{}");
    let arguments = [KEY, 2, RESULT, CAPACITY, NUMBER].map(u64::from);
    for name in ["storePut", "initializeBid"] {
        assert_eq!(program.call(name, &arguments), Err(Stop::Halt(HaltReason::StaticModeViolation)));
    }
}

/// The bytes of the list of numbers behind `"Id":`.
fn id_bytes(bid: &str) -> Vec<u8> {
    id_in(bid).trim_matches(['[', ']']).split(',').map(|number| number.parse().unwrap()).collect()
}

/// The key of the list of bids for block 12 and the protocol of [`bid`].
fn list_key() -> Vec<u8> {
    sha3_256(&[&12_u64.to_be_bytes()[..], b"v0:test"].concat()).to_vec()
}

//= spec 11.6.3, 11.6.4, 11.6.5, 11.6.8 test
#[test]
fn a_bid_is_kept_under_its_id_and_listed_under_its_block_and_protocol() {
    let mut program = Program::new(&[]);
    let id = id_bytes(&json(&mut program, "initializeBid", &bid(&address(&CALLER))).1);
    let salt: Vec<u8> = (1..=16).collect();
    let rest = [
        &salt[..],
        &12_u64.to_le_bytes(),
        &1_u32.to_le_bytes(),
        CALLER.as_slice(),
        &0_u32.to_le_bytes(),
        &7_u32.to_le_bytes(),
        b"v0:test",
    ]
    .concat();
    assert_eq!(id, sha3_256(&[&[0; 16][..], &rest].concat())[..16], "the id is a hash of the bid without one");
    let kept = |program: &Program, key: &[u8]| program.world.storage[&(BID_ACCOUNT, key.to_vec())].to_vec();
    assert_eq!(kept(&program, &id), [&id[..], &rest].concat());
    assert_eq!(kept(&program, &list_key()), id);

    for (listed, expect) in [(255, 0), (256, FAILED)] {
        let ids = vec![7; 16 * listed];
        program.world.storage.insert((BID_ACCOUNT, list_key()), ids.into());
        let other = bid("").replace("1,2,3", &format!("{},2,3", listed - 250));
        let (number, text) = json(&mut program, "initializeBid", &other);
        assert_eq!(number, expect, "{text}");
        assert_eq!(text == "a limit of the store exceeded", expect == FAILED, "{text}");
    }
}

fn price(function: F) -> HostPrice {
    Revision::V1.schedule.host(function)
}

//= spec 11.6.11 test
#[test]
fn a_write_is_paid_by_all_its_bytes_and_by_what_was_there() {
    let mut program = Program::new(&[]);
    let id = id_in(&json(&mut program, "initializeBid", &bid(&address(&CALLER))).1);
    let record = program.world.storage[&(BID_ACCOUNT, id_bytes(&id))].len() as u64;
    let put = format!("{{\"BidId\":{id},\"Key\":\"k\",\"Value\":\"{}\"}}", "AAAA".repeat(25));
    let set = Revision::V1.schedule.account.storage_set;
    for (case, more) in [("a new entry", set), ("one of 75 bytes", price(F::StorageRead).more_value_bytes(75).get())] {
        let (number, text) = json(&mut program, "storePut", &put);
        assert_eq!(number, 0, "{text}");
        let function = price(F::SuaveJson).for_bytes(put.len() as u64).get()
            + price(F::SuaveJson).more_bytes(text.len() as u64).get();
        let read = price(F::StorageRead).for_bytes(16).get() + price(F::StorageRead).more_value_bytes(record).get();
        let write = price(F::StorageWrite).for_bytes(17 + 75).get() + more;
        assert_eq!(program.gas, function + read + write, "{case}");
    }
}

//= spec 11.6.12 test
#[test]
fn json_above_the_limit_is_paid_for_and_halts() {
    let length = Revision::V1.limits(lockstep_gas::Abi::Wasi).input_bytes_max + 1;
    let paid = price(F::SuaveJson).for_bytes(length.into()).get();
    let mut program = Program::new(&[]);
    program.memory.resize(length as usize, b' ');
    let arguments = [0, length, RESULT, CAPACITY, NUMBER].map(u64::from);
    assert_eq!(program.call_with("storePut", &arguments, paid - 1), Err(Stop::Halt(HaltReason::OutOfGas)));
    program.halts("storePut", &arguments, HaltReason::LimitExceeded);
    assert_eq!(program.gas, paid);
}

/// A list is paid for bid by bid, each part by its whole words.
//= spec 11.6.13 test
#[test]
fn each_bid_of_a_list_is_paid_for_before_the_next() {
    let mut program = Program::new(&[]);
    let made = ["1,2,3", "2,2,3"].map(|salt| {
        let (number, text) = json(&mut program, "initializeBid", &bid("").replace("1,2,3", salt));
        assert_eq!(number, 0, "{text}");
        id_bytes(&text)
    });
    let select = "{\"BlockNumber\":12,\"Namespace\":\"v0:test\"}";
    let (_, list) = json(&mut program, "fetchBidsByProtocolAndBlock", select);
    let middle = list.find("},{").unwrap() + 1;
    let read = |key: u64, value: usize| {
        price(F::StorageRead).for_bytes(key).get() + price(F::StorageRead).more_value_bytes(value as u64).get()
    };
    let records = made.iter().map(|id| read(16, program.world.storage[&(BID_ACCOUNT, id.clone())].len()));
    let read: u64 = read(32, 32) + records.sum::<u64>();
    let function = price(F::SuaveJson).for_bytes(select.len() as u64).get();
    // The bracket and the first bid; the comma and the second; the last bracket.
    let parts = [middle, list.len() - 1 - middle, 1];
    let written = parts.map(|bytes| price(F::SuaveJson).more_bytes(bytes as u64).get());
    let all: u64 = written.iter().sum();
    assert_eq!(program.gas, function + read + all);
    assert!(all > price(F::SuaveJson).more_bytes(list.len() as u64).get(), "the parts are told apart by their words");
}
