//! The hash of a transaction's logs as Ethereum's tests write it: keccak-256 of the RLP list of `[address, [topics],
//! data]`.

use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Encodable, Header};
use lockstep_vm::Log;

/// The hash of `logs`, in their order.
pub fn log_hash(logs: &[Log]) -> B256 {
    let mut payload = Vec::new();
    for log in logs {
        encode_list(&mut payload, |fields| {
            log.address.encode(fields);
            encode_list(fields, |topics| log.topics.iter().for_each(|topic| topic.encode(topics)));
            log.data.as_slice().encode(fields);
        });
    }
    let mut list = Vec::new();
    encode_list(&mut list, |elements| elements.extend(payload));
    keccak256(list)
}

/// Appends a list whose payload `encode` writes.
fn encode_list(out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    let mut payload = Vec::new();
    encode(&mut payload);
    Header { list: true, payload_length: payload.len() }.encode(out);
    out.extend(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256, hex};

    #[test]
    fn no_logs() {
        let empty = b256!("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
        assert_eq!(log_hash(&[]), empty);
    }

    /// The official ewasm test logZeroTopics: 255 bytes of memory, of which 29 are not zero.
    #[test]
    fn a_log_without_topics() {
        let mut data = hex!("deadbee0deadbee1deadbee2deadbee3deadbee4deadbee5deadbee6").to_vec();
        data.resize(255, 0);
        data[191] = 0xff;
        let address = address!("deadbeef00000000000000000000000000000000");
        let hash = b256!("f2853382e0e83b6c1e265460048cbc307ee2a5d1fd61db29d716df4251309aec");
        assert_eq!(log_hash(&[Log { address, topics: vec![], data }]), hash);
    }

    /// The encoding written out by hand (Yellow Paper, appendix B).
    #[test]
    fn topics_are_a_list_and_order_counts() {
        let log = |topics: &[B256], data: &[u8]| Log {
            address: address!("1111111111111111111111111111111111111111"),
            topics: topics.to_vec(),
            data: data.to_vec(),
        };
        let [first, second] = [log(&[B256::repeat_byte(0x22)], &[7]), log(&[], &[])];
        let address = "941111111111111111111111111111111111111111";
        let topic = format!("e1a0{}", "22".repeat(32));
        // 21 + 34 + 1 bytes, and 21 + 1 + 1.
        let list = format!("f852f838{address}{topic}07d7{address}c080");
        assert_eq!(log_hash(&[first.clone(), second.clone()]), keccak256(hex::decode(list).unwrap()));
        assert_ne!(log_hash(&[second.clone(), first.clone()]), log_hash(&[first, second]));
    }
}
