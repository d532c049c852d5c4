//! Dela's four contracts in Rust, C and Go, and the same work in native Rust: what a language costs on this machine.
//!
//! Dela published times of its own for native Go code and for contracts in Go and C; see `docs/performance.md`.

#[expect(unreachable_pub, reason = "the contract makes it public")]
#[path = "../../contracts/dela-rust/src/curve.rs"]
mod curve;

use crate::{clock::thread_nanoseconds, scene::address};
use anyhow::{Context as _, ensure};
use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY};
use lockstep_vm::{
    Abi, Account, BlockEnv, CodeId, Gas, MemoryState, Outcome, Revision, StateView, Tx, TxKind, U256, ValidTx, Vm,
};
use std::{hint::black_box, path::Path, sync::Arc};

/// The languages, each with its module below `contracts`.
pub const LANGUAGES: [(&str, &str); 3] =
    [("Rust", "dela-rust/dela_rust.wasm"), ("C", "dela-c/dela_c.wasm"), ("Go", "dela-go/dela_go.wasm")];

/// A scalar and two points of Dela's own tests, in base 64 and as bytes.
const SCALAR: (&str, [u8; 32]) = (
    "/koEUcby5r3S3U1t+1IBCyY9USOSKP2SfHEOoc3C/Q4=",
    [
        254, 74, 4, 81, 198, 242, 230, 189, 210, 221, 77, 109, 251, 82, 1, 11, 38, 61, 81, 35, 146, 40, 253, 146, 124,
        113, 14, 161, 205, 194, 253, 14,
    ],
);
const POINT1: (&str, [u8; 32]) = (
    "Q6Fi2A7Ot69+ApLGfdjWyStCM2sHg5NnCzCuRmzm3ic=",
    [
        67, 161, 98, 216, 14, 206, 183, 175, 126, 2, 146, 198, 125, 216, 214, 201, 43, 66, 51, 107, 7, 131, 147, 103,
        11, 48, 174, 70, 108, 230, 222, 39,
    ],
);
const POINT2: (&str, [u8; 32]) = (
    "JkKvN3MQYcmQxFGwOtpsD5zSHS5qFYEtM949b+Z3XMc=",
    [
        38, 66, 175, 55, 115, 16, 97, 201, 144, 196, 81, 176, 58, 218, 108, 15, 156, 210, 29, 46, 106, 21, 129, 45, 51,
        222, 61, 111, 230, 119, 92, 199,
    ],
);

/// One of the four contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// A counter, incremented: n transactions.
    Counter,
    /// n multiples of the base point, in one transaction.
    BaseMul,
    /// n multiples of a point, in one transaction.
    PointMul,
    /// n additions, in one transaction.
    PointAdd,
}

impl Contract {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Counter, Self::BaseMul, Self::PointMul, Self::PointAdd];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::BaseMul => "base-point multiplication",
            Self::PointMul => "point multiplication",
            Self::PointAdd => "point addition",
        }
    }

    /// The export and the request for n operations; a counter does one at a time.
    fn request(self, n: u64) -> (&'static str, String) {
        let (scalar, point1, point2) = (SCALAR.0, POINT1.0, POINT2.0);
        match self {
            Self::Counter => ("increaseCounter", "{\"counter\":4}".to_owned()),
            Self::BaseMul => ("simpleEC", format!("{{\"scalar\":\"{scalar}\",\"n\":{n}}}")),
            Self::PointMul => ("ed25519_mul", format!("{{\"point1\":\"{point1}\",\"scalar\":\"{scalar}\",\"n\":{n}}}")),
            Self::PointAdd => ("ed25519", format!("{{\"point1\":\"{point1}\",\"point2\":\"{point2}\",\"n\":{n}}}")),
        }
    }

    /// Milliseconds of n operations in native Rust.
    ///
    /// # Errors
    ///
    /// If a point is none.
    pub fn native(self, n: u64) -> anyhow::Result<f64> {
        let point = |bytes: [u8; 32]| CompressedEdwardsY(black_box(bytes)).decompress().context("no point");
        let (first, second) = (point(POINT1.1)?, point(POINT2.1)?);
        let scalar = Scalar::from_bytes_mod_order(black_box(SCALAR.1));
        let encoded = |point: EdwardsPoint| point.compress().to_bytes();
        let start = thread_nanoseconds();
        match self {
            Self::Counter => {
                let mut counter = 0_u64;
                (0..n).for_each(|_| counter = black_box(counter + 1));
            }
            Self::BaseMul => drop(black_box(encoded(curve::base_muls(n, scalar)))),
            Self::PointMul => drop(black_box(encoded(curve::point_muls(n, scalar, first)))),
            Self::PointAdd => drop(black_box(encoded(curve::point_adds(n, first, second)))),
        }
        Ok((thread_nanoseconds() - start) / 1e6)
    }
}

/// A contract's module on a machine that has compiled it.
pub struct Deployed {
    vm: Vm,
    view: StateView,
    env: BlockEnv,
}

impl Deployed {
    /// Puts the module at `path` below `contracts` on an account.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is not valid.
    pub fn new(path: &str) -> anyhow::Result<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts").join(path);
        let code = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let vm = Vm::new(Revision::V1)?;
        let id = CodeId::of(&code, Abi::Dela);
        vm.check_code(id, &code.clone().into())?;
        let mut state = MemoryState::default();
        state.accounts.insert(address(0), Account { balance: U256::from(1), ..Account::default() });
        state.put_code(address(1), id, &code);
        let env = BlockEnv { number: 1, gas_limit: u64::MAX, ..BlockEnv::default() };
        Ok(Self { vm, view: Arc::new(state), env })
    }

    /// Milliseconds of n operations, and their gas.
    ///
    /// # Errors
    ///
    /// If a transaction fails.
    pub fn run(&self, contract: Contract, n: u64) -> anyhow::Result<(f64, u64)> {
        let transactions = if contract == Contract::Counter { n } else { 1 };
        let (export, request) = contract.request(n);
        let tx = Tx {
            sender: address(0),
            nonce: 0,
            gas_limit: Gas::new(1 << 50),
            gas_price: U256::ZERO,
            value: U256::ZERO,
            kind: TxKind::Call { to: address(1), export: Some(export.into()) },
            input: request.into_bytes(),
        };
        let sender = Account { balance: U256::from(1), ..Account::default() };
        let valid = ValidTx::check(tx, Some(&sender), Gas::MAX, self.vm.revision());
        let valid = valid.map_err(|invalid| anyhow::anyhow!("{invalid}"))?;
        let mut gas = 0;
        let start = thread_nanoseconds();
        for _ in 0..transactions {
            let executed = self.vm.execute_tx(Arc::clone(&self.view), &self.env, valid.clone())?;
            ensure!(executed.receipt.outcome == Outcome::Return, "{}: {}", contract.name(), executed.receipt.outcome);
            gas += executed.receipt.gas_used.get();
        }
        Ok(((thread_nanoseconds() - start) / 1e6, gas))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contract_runs_in_every_language() {
        for (language, path) in LANGUAGES {
            let deployed = Deployed::new(path).unwrap();
            for contract in Contract::ALL {
                let (_, gas) = deployed.run(contract, 1).unwrap();
                assert!(gas > 210_000, "{language}, {}", contract.name());
                assert!(contract.native(1).unwrap() >= 0.0);
            }
        }
    }
}
