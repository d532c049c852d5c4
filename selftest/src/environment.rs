//! What a contract can ask: about itself, its call, the transaction, the block and other accounts. Numbers of 128 and 256
//! bits reach memory in the byte order of the ABI and not in that of the processor.

use crate::chain::{Chain, data};
use lockstep_vm::{Fault, TxKind, U256, engine::Engine};

/// Asks for everything, keeps some of it, logs the rest and finishes with it.
const ASK: &str = r#"(func (export "main")
    (call $getAddress (i32.const 0))
    (call $getCaller (i32.const 32))
    (call $getTxOrigin (i32.const 64))
    (call $getBlockCoinbase (i32.const 96))
    (call $getCallValue (i32.const 128))
    (call $getTxGasPrice (i32.const 160))
    (call $getBlockDifficulty (i32.const 192))
    (call $getExternalBalance (i32.const 0) (i32.const 224))
    (call $getExternalBalance (i32.const 32) (i32.const 240))
    (i64.store (i32.const 256) (call $getBlockNumber))
    (i64.store (i32.const 264) (call $getBlockTimestamp))
    (i64.store (i32.const 272) (call $getBlockGasLimit))
    (i64.store (i32.const 280) (call $getGasLeft))
    (i32.store (i32.const 288) (call $getBlockHash (i64.const 999) (i32.const 320)))
    (i32.store (i32.const 292) (call $getBlockHash (i64.const 744) (i32.const 352)))
    (i32.store (i32.const 296) (call $getBlockHash (i64.const 743) (i32.const 384)))
    (i32.store (i32.const 300) (call $getCallDataSize))
    (i32.store (i32.const 304) (call $getCodeSize))
    (i32.store (i32.const 308) (call $getExternalCodeSize (i32.const 0)))
    (call $callDataCopy (i32.const 416) (i32.const 0) (call $getCallDataSize))
    (call $codeCopy (i32.const 512) (i32.const 0) (i32.const 64))
    (call $externalCodeCopy (i32.const 0) (i32.const 576) (i32.const 8) (i32.const 64))
    (call $useGas (i64.const 12345))
    (call $storageStore (i32.const 192) (i32.const 320))
    (call $storageLoad (i32.const 192) (i32.const 640))
    (call $storageLoad (i32.const 320) (i32.const 672))
    (call $log (i32.const 0) (i32.const 320) (i32.const 4)
        (i32.const 0) (i32.const 192) (i32.const 320) (i32.const 352))
    (call $log (i32.const 416) (i32.const 7) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $finish (i32.const 0) (i32.const 704)))"#;

/// Asks in every kind of call: as a callee, on another's account, in static mode.
const KINDS: &str = r#"(func (export "main")
    (i32.store (i32.const 0) (call $call (i64.const 10000000) (i32.const 1024) (i32.const 1056)
        (i32.const 1024) (i32.const 20)))
    (call $returnDataCopy (i32.const 64) (i32.const 0) (call $getReturnDataSize))
    (i32.store (i32.const 4) (call $callCode (i64.const 10000000) (i32.const 1024) (i32.const 1056)
        (i32.const 1024) (i32.const 20)))
    (call $returnDataCopy (i32.const 2048) (i32.const 0) (call $getReturnDataSize))
    (i32.store (i32.const 8) (call $callDelegate (i64.const 10000000) (i32.const 1024)
        (i32.const 1024) (i32.const 20)))
    (call $returnDataCopy (i32.const 3072) (i32.const 0) (call $getReturnDataSize))
    (i32.store (i32.const 12) (call $callStatic (i64.const 10000000) (i32.const 1024)
        (i32.const 1024) (i32.const 20)))
    (i32.store (i32.const 16) (call $getReturnDataSize))
    (call $finish (i32.const 0) (i32.const 4096)))"#;

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    let ask = chain.put_module(ASK)?;
    for (case, value) in [("no value", U256::ZERO), ("a value of 100 bits", U256::from((1_u128 << 100) | 0x0102_0304))]
    {
        chain.execute(TxKind::Call { to: ask, export: None }, value, b"the input")?;
        chain.end(case);
    }
    let value = 0x0807_0605_0403_0201_u128.to_le_bytes();
    let kinds = format!("{} {} {KINDS}", data(1_024, ask.as_slice()), data(1_056, &value));
    let kinds = chain.put_module(&kinds)?;
    chain.execute(TxKind::Call { to: kinds, export: None }, U256::from(u64::MAX), b"")?;
    chain.end("every kind of call");
    let destroys = chain
        .put_module("(func (export \"main\") (call $getCaller (i32.const 0)) (call $selfDestruct (i32.const 0)))")?;
    chain.execute(TxKind::Call { to: destroys, export: None }, U256::from(77), b"")?;
    chain.end("self-destruction");
    Ok(())
}
