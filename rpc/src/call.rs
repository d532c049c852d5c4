//! Calls that change nothing: executed as the next block would, and thrown away.

use crate::{error::RpcError, node::DevNode, parameters::CallRequest};
use alloy_primitives::{Address, Bytes, U256};
use lockstep_chain::{Header, transaction::machine_kind};
use lockstep_vm::{BlockEnv, Gas, NoEstimate, Outcome, Refused, Rejected, StateReader, StateView, Tx};
use std::sync::Arc;

/// What a call is executed on: the state after a block, as the next one would find it.
struct Site {
    view: StateView,
    env: BlockEnv,
    tx: Tx,
}

/// What `request` is on the state after `header`. Nothing is paid for gas; the nonce is the sender's.
fn site(node: &DevNode, header: &Header, request: CallRequest) -> Result<Site, RpcError> {
    let CallRequest { from, to, gas, value, data, input } = request;
    if let (Some(data), Some(input)) = (&data, &input)
        && data != input
    {
        return Err(RpcError::parameters("`data` and `input` are both there and differ"));
    }
    let data = input.or(data).unwrap_or_default();
    let view = node.chain().view(header.number)?;
    let env = node.chain().next_env(header, header.timestamp, node.beneficiary());
    let sender = from.unwrap_or(Address::ZERO);
    let nonce = StateReader::account(&view, &sender)?.map_or(0, |account| account.nonce);
    let (kind, input) = machine_kind(to, &data).map_err(|error| RpcError::refused(error.to_string()))?;
    // A call may ask for more gas than a block has: it gets what a block has.
    let gas_limit = Gas::new(gas.map_or(env.gas_limit, |gas| gas.0.min(env.gas_limit)));
    let value = value.unwrap_or(U256::ZERO);
    Ok(Site {
        view: Arc::new(view),
        env,
        tx: Tx { sender, nonce, gas_limit, gas_price: U256::ZERO, value, kind, input },
    })
}

/// `eth_call`: the output of a call.
pub(crate) fn call(node: &DevNode, header: &Header, request: CallRequest) -> Result<Bytes, RpcError> {
    let Site { view, env, tx } = site(node, header, request)?;
    let machine = node.chain().machines().at(env.number)?;
    let mut builder = machine.build_block(view, env).map_err(|rejected| match rejected {
        Rejected::Fault(fault) => RpcError::from(fault),
        rejected => RpcError::refused(rejected.to_string()),
    })?;
    let added = builder.add(tx).map_err(|refused| match refused {
        Refused::Invalid(error) => RpcError::from(error),
        Refused::Fault(fault) => fault.into(),
    })?;
    match added.receipt.outcome {
        Outcome::Return => Ok(added.receipt.output.clone().into()),
        outcome => Err(RpcError::of_outcome(outcome, &added.receipt.output)),
    }
}

/// `eth_estimateGas`: the smallest gas limit with which it succeeds.
pub(crate) fn estimate(node: &DevNode, header: &Header, request: CallRequest) -> Result<u64, RpcError> {
    let Site { view, env, tx } = site(node, header, request)?;
    let machine = node.chain().machines().at(env.number)?;
    match machine.estimate(view, &env, tx) {
        Ok(estimate) => Ok(estimate.gas_limit.get()),
        Err(NoEstimate::Invalid(error)) => Err(error.into()),
        Err(NoEstimate::Fails { receipt, .. }) => Err(RpcError::of_outcome(receipt.outcome, &receipt.output)),
        Err(NoEstimate::Fault(fault)) => Err(fault.into()),
    }
}
