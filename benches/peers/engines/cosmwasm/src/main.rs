//! cosmwasm-vm as a whole: `cosmwasm pinned` makes an instance of a pinned module for each call, as a chain does; `cosmwasm live`
//! calls one instance again and again.

use anyhow::{Context as _, bail, ensure};
use cosmwasm_std::{Addr, Checksum, Empty, Env, MessageInfo};
use cosmwasm_vm::{
    Cache, CacheOptions, Instance, InstanceOptions, Size, Storage as _, call_execute, capabilities_from_csv,
    testing::{MockApi, MockQuerier, MockStorage, mock_backend, mock_env},
};
use lockstep_peer_protocol::{Peer, missing, nanoseconds, serve};
use std::env;
use tempfile::TempDir;

/// Accounts that hold the token, one after the other the recipient of a transfer.
const HOLDERS: u32 = 1_000;

/// Enough for every transfer that an instance is asked for.
const GAS: InstanceOptions = InstanceOptions { gas_limit: 1 << 60 };

type Machine = Instance<MockApi, MockStorage, MockQuerier>;

/// A cache with the token, and an instance with its state.
struct CosmWasm {
    _folder: TempDir,
    cache: Cache<MockApi, MockStorage, MockQuerier>,
    checksum: Checksum,
    instance: Option<Machine>,
    is_live: bool,
    env: Env,
    info: MessageInfo,
}

/// An address as long as those of such chains are.
fn address(number: u32) -> String {
    format!("cosmwasm1{number:038}")
}

impl CosmWasm {
    fn new(is_live: bool) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let (capabilities, size) = (capabilities_from_csv("iterator,staking"), Size::mebi(200));
        let options = CacheOptions::new(folder.path(), capabilities, size, Size::mebi(64));
        #[expect(unsafe_code, reason = "nothing else writes into the folder of the cache")]
        let cache = unsafe { Cache::new(options) }?;
        let code = wat::parse_str(include_str!("token.wat"))?;
        let checksum = cache.store_code(&code, true, true)?;
        cache.pin(&checksum)?;
        let mut backend = mock_backend(&[]);
        for holder in 0..=HOLDERS {
            let balance: u64 = if holder == 0 { 1 << 60 } else { 1 };
            backend.storage.set(address(holder).as_bytes(), &balance.to_le_bytes()).0?;
        }
        let instance = Some(cache.get_instance(&checksum, backend, GAS)?);
        let info = MessageInfo { sender: Addr::unchecked(address(0)), funds: vec![] };
        let mut peer = Self { _folder: folder, cache, checksum, instance, is_live, env: mock_env(), info };
        peer.transfer_one(&address(1))?;
        let mut instance = peer.instance.take().context("an instance is left")?;
        let held = instance.with_storage(|storage| Ok(storage.get(address(1).as_bytes()).0?))?;
        ensure!(held == Some(2_u64.to_le_bytes().to_vec()), "a transfer leaves {held:?}");
        peer.instance = Some(instance);
        Ok(peer)
    }

    fn transfer_one(&mut self, to: &str) -> anyhow::Result<()> {
        let mut instance = self.instance.take().context("an instance is left")?;
        if !self.is_live {
            let backend = instance.recycle().context("its backend")?;
            instance = self.cache.get_instance(&self.checksum, backend, GAS)?;
        }
        let message = format!("{{\"transfer\":{{\"recipient\":\"{to}\",\"amount\":\"1\"}}}}");
        let result = call_execute::<_, _, _, Empty>(&mut instance, &self.env, &self.info, message.as_bytes())?;
        ensure!(result.is_ok(), "{result:?}");
        self.instance = Some(instance);
        Ok(())
    }
}

impl Peer for CosmWasm {
    type Module = ();

    fn compile(&mut self, _: &[u8]) -> anyhow::Result<()> {
        missing("its contracts have other imports and exports, and its compiler is wasmer's Singlepass")
    }

    fn transfer(&mut self, times: u32) -> anyhow::Result<f64> {
        nanoseconds(|| (0..times).try_for_each(|number| self.transfer_one(&address(1 + number % HOLDERS))))
    }

    fn nested(&mut self, _: u32, _: u32) -> anyhow::Result<f64> {
        missing("a contract calls another by a message that the chain outside of the machine executes afterwards")
    }
}

fn main() -> anyhow::Result<()> {
    match env::args().nth(1).as_deref() {
        Some("pinned") => serve(CosmWasm::new(false)?),
        Some("live") => serve(CosmWasm::new(true)?),
        other => bail!("{other:?} is neither pinned nor live"),
    }
}
