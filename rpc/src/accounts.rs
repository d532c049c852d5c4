//! The accounts of a development chain: the first ten of the mnemonic that development tools of Ethereum share.
//!
//! Their keys are public: on a chain of value, everything that is sent to them is lost.

use alloy_primitives::{Address, B256, address, b256};

/// The mnemonic that the accounts come from, by the path `m/44'/60'/0'/0/N`.
pub const DEV_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// An account with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevAccount {
    /// Its address.
    pub address: Address,
    /// Its private key.
    pub key: B256,
}

/// The ten accounts.
pub const fn dev_accounts() -> [DevAccount; 10] {
    const fn account(address: Address, key: B256) -> DevAccount {
        DevAccount { address, key }
    }
    [
        account(
            address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"),
            b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
        ),
        account(
            address!("70997970c51812dc3a010c7d01b50e0d17dc79c8"),
            b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
        ),
        account(
            address!("3c44cdddb6a900fa2b585dd299e03d12fa4293bc"),
            b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
        ),
        account(
            address!("90f79bf6eb2c4f870365e785982e1f101e93b906"),
            b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
        ),
        account(
            address!("15d34aaf54267db7d7c367839aaf71a00a2c6a65"),
            b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
        ),
        account(
            address!("9965507d1a55bcc2695c58ba16fb37d819b0a4dc"),
            b256!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
        ),
        account(
            address!("976ea74026e726554db657fa54763abd0c3a0aa9"),
            b256!("92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
        ),
        account(
            address!("14dc79964da2c08b23698b3d3cc7ca32193d9955"),
            b256!("4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
        ),
        account(
            address!("23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f"),
            b256!("dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
        ),
        account(
            address!("a0ee7a142d267c1f36714e4a8f75612f20a79720"),
            b256!("2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::ecdsa::SigningKey;

    #[test]
    fn each_address_is_that_of_its_key() {
        for DevAccount { address, key } in dev_accounts() {
            let key = SigningKey::from_slice(key.as_slice()).unwrap();
            let point = key.verifying_key().to_sec1_point(false);
            assert_eq!(Address::from_raw_public_key(&point.as_bytes()[1..]), address);
        }
    }
}
