//! soroban-env-host as a whole: `invoke_host_function`, which the node calls for each transaction, with modules in its cache.

mod ledger;

use anyhow::{Context as _, anyhow, ensure};
use ledger::{Invocation, LEDGER, account, balance, code, contract, encode, instance, integer, invocation};
use lockstep_peer_protocol::{Peer, missing, nanoseconds, serve};
use soroban_env_host::{
    Host, HostError, LedgerInfo, ModuleCache,
    budget::Budget,
    e2e_invoke::invoke_host_function,
    storage::Storage,
    xdr::{ScAddress, ScVal},
};

/// Accounts that hold the token, one after the other the recipient of a transfer.
const HOLDERS: u32 = 1_000;

/// Contracts that call each other, at most: the host allows frames up to 100.
const DEPTH: u32 = 64;

/// The version of the protocol that the host is for.
const PROTOCOL: u32 = 30;

/// A cache of modules, and invocations made in advance: the node has them encoded.
struct Soroban {
    modules: ModuleCache,
    source: Vec<u8>,
    transfers: Vec<Invocation>,
    link: Vec<u8>,
}

fn failed(error: HostError) -> anyhow::Error {
    anyhow!("{error:?}")
}

impl Soroban {
    fn new() -> anyhow::Result<Self> {
        let token = wat::parse_str(include_str!("token.wat"))?;
        let link = wat::parse_str(include_str!("link.wat"))?;
        let host = Host::with_storage_and_budget(Storage::default(), Budget::default());
        let modules = ModuleCache::new(&host).map_err(failed)?;
        for wasm in [&token, &link] {
            modules.parse_and_cache_module_simple(&host, PROTOCOL, wasm).map_err(failed)?;
        }
        let read_only = [code(&token)?, instance(&contract(0), &token, None)?];
        let transfer = |holder: u32| {
            let accounts = [account(0), account(holder)].map(|id| ScVal::Address(ScAddress::Account(id)));
            let arguments = accounts.into_iter().chain([integer(1)]).collect();
            let balances = [balance(&contract(0), &account(0), 1 << 50)?, balance(&contract(0), &account(holder), 1)?];
            invocation(&contract(0), "transfer", arguments, true, [&read_only, &balances])
        };
        let transfers = (1..=HOLDERS).map(transfer).collect::<anyhow::Result<_>>()?;
        let soroban = Self { modules, source: encode(&account(0))?, transfers, link };
        let first = soroban.transfers.first().context("a transfer")?;
        ensure!(soroban.invoke(first)? == 2, "a transfer changes two balances");
        Ok(soroban)
    }

    /// Contracts that call each other, `depth` of them.
    fn chain(&self, depth: u32) -> anyhow::Result<Invocation> {
        let mut read_only = vec![code(&self.link)?];
        for number in 1..=depth {
            let next = (number > 1).then(|| contract(number - 1));
            read_only.push(instance(&contract(number), &self.link, next.as_ref())?);
        }
        invocation(&contract(depth), "link", vec![ScVal::U32(depth - 1)], false, [&read_only, &[]])
    }

    /// Returns how many entries are not what they were.
    fn invoke(&self, invocation: &Invocation) -> anyhow::Result<usize> {
        let ledger = LedgerInfo {
            protocol_version: PROTOCOL,
            sequence_number: LEDGER,
            timestamp: 12_345_678,
            network_id: [5; 32],
            base_reserve: 5_000_000,
            min_temp_entry_ttl: 16,
            min_persistent_entry_ttl: 100_000,
            max_entry_ttl: 10_000_000,
        };
        let result = invoke_host_function(
            &Budget::default(),
            false,
            invocation.function.as_slice(),
            invocation.resources.as_slice(),
            &[],
            self.source.as_slice(),
            invocation.auth.iter().map(Vec::as_slice),
            ledger,
            invocation.entries.iter().map(|(entry, ttl)| (Some(entry.as_slice()), Some(*ttl))),
            [7; 32].as_slice(),
            &mut Vec::new(),
            None,
            Some(self.modules.clone()),
        );
        let result = result.map_err(failed)?;
        result.encoded_invoke_result.map_err(failed)?;
        let is_new = |value: &Vec<u8>| invocation.entries.iter().all(|(entry, _)| entry != value);
        let values = result.ledger_changes.iter().filter_map(|change| change.encoded_new_value.as_ref());
        Ok(values.filter(|value| is_new(value)).count())
    }
}

impl Peer for Soroban {
    type Module = ();

    fn compile(&mut self, _: &[u8]) -> anyhow::Result<()> {
        missing("its contracts have other imports and exports, and its engine is soroban-wasmi")
    }

    fn transfer(&mut self, times: u32) -> anyhow::Result<f64> {
        let transfers = self.transfers.iter().cycle().take(usize::try_from(times)?);
        nanoseconds(|| transfers.into_iter().try_for_each(|transfer| self.invoke(transfer).map(|_| ())))
    }

    fn nested(&mut self, depth: u32, times: u32) -> anyhow::Result<f64> {
        ensure!((1..=DEPTH).contains(&depth), "at most {DEPTH} contracts");
        let chain = self.chain(depth).context("contracts that call each other")?;
        nanoseconds(|| (0..times).try_for_each(|_| self.invoke(&chain).map(|_| ())))
    }
}

fn main() -> anyhow::Result<()> {
    serve(Soroban::new()?)
}
