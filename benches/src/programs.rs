//! The programs that are measured.

use anyhow::Context as _;
use std::fmt::Write as _;

/// A module and its name.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// What it is called, in tables and between the processes.
    pub name: &'static str,
    /// The module, in the binary or the text format.
    pub source: &'static [u8],
}

/// The kernels of `contracts/kernels`: computation and nothing else. Each leaves a checksum at address 0.
pub const KERNELS: [Program; 4] = [
    Program { name: "fib", source: include_bytes!("../../contracts/kernels/fib.wasm") },
    Program { name: "integer_mix", source: include_bytes!("../../contracts/kernels/integer_mix.wasm") },
    Program { name: "keccak256", source: include_bytes!("../../contracts/kernels/keccak256.wasm") },
    Program { name: "sort", source: include_bytes!("../../contracts/kernels/sort.wasm") },
];

/// A `main` that does nothing.
pub const EMPTY: Program = Program { name: "empty", source: include_bytes!("../programs/empty.wat") };

/// A `main` that calls `getGasLeft` [`HOST_CALLS_EACH`] times.
pub const HOST_CALLS: Program = Program { name: "host_calls", source: include_bytes!("../programs/host_calls.wat") };

/// Calls that [`HOST_CALLS`] makes in one frame.
pub const HOST_CALLS_EACH: u32 = 10_000;

/// The token of `contracts/wrc20`.
pub const WRC20: Program = Program { name: "wrc20", source: include_bytes!("../../contracts/wrc20/wrc20.wasm") };

/// The selector of its transfers: recipient (20 bytes) and amount (u64, big-endian) follow.
pub const TRANSFER: [u8; 4] = [0x5d, 0x35, 0x9f, 0xbd];

impl Program {
    /// The module in the binary format.
    ///
    /// # Errors
    ///
    /// If it is text and not well formed.
    pub fn wasm(&self) -> anyhow::Result<Vec<u8>> {
        Ok(wat::parse_bytes(self.source).with_context(|| self.name)?.into_owned())
    }
}

/// A contract that does nothing but call the one at `next`.
///
/// # Errors
///
/// If the text of the program is not well formed.
pub fn chain_link(next: &[u8; 20]) -> anyhow::Result<Vec<u8>> {
    let escaped = next.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    });
    module(&include_str!("../programs/chain.wat").replace("NEXT", &escaped))
}

/// A module of `functions` functions of compilers' taste (arithmetic, memory, a loop, a call of the one before), to
/// measure validation and compilation with.
///
/// # Errors
///
/// If the text made is not well formed.
pub fn many_functions(functions: u32) -> anyhow::Result<Vec<u8>> {
    let mut text = String::from("(module (memory (export \"memory\") 1) (func (export \"main\"))\n");
    for number in 1..=functions {
        let (callee, address) = (number - 1, number * 8 % 65_536);
        writeln!(
            text,
            "(func (param $n i32) (result i64) (local $sum i64) (local $at i32)
               (local.set $at (i32.const {address}))
               (if (i32.eqz (local.get $n)) (then (return (i64.const {number}))))
               (loop $next
                 (local.set $sum (i64.add (local.get $sum)
                   (i64.mul (i64.load offset=16 (local.get $at)) (i64.extend_i32_u (local.get $n)))))
                 (i64.store offset=8 (local.get $at) (i64.xor (local.get $sum) (i64.const {number}77777)))
                 (local.set $at (i32.and (i32.add (local.get $at) (i32.const 8)) (i32.const 0xffff)))
                 (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
               {call}
               (i64.rotl (local.get $sum) (i64.const 13)))",
            call = if callee == 0 {
                "(call 0)".to_owned()
            } else {
                format!("(local.set $sum (i64.add (local.get $sum) (call {callee} (local.get $n))))")
            }
        )?;
    }
    text.push(')');
    module(&text)
}

/// The module of the text `text`.
///
/// # Errors
///
/// If the text is not well formed.
pub fn module(text: &str) -> anyhow::Result<Vec<u8>> {
    wat::parse_str(text).with_context(|| text.chars().take(2_000).collect::<String>())
}
