//! WRC-20, the token contract of the ewasm community, for the `ewasm` ABI.
//!
//! | call | input | output |
//! |---|---|---|
//! | `balance` | `99 93 02 1a`, address (20 bytes) | 32 bytes, the balance in the first 8 |
//! | `transfer` | `5d 35 9f bd`, recipient (20 bytes), amount (8 bytes) | empty |
//!
//! The same contract as `wrc20.wat`: the same storage, the same outcomes, the same host calls in the same order.
//! Numbers are `u64`, big-endian. A call that is not in the table reverts with empty data.
#![no_std]

use ethereum::{call_data, caller, finish, revert, storage_load, storage_store};

const BALANCE: [u8; 4] = [0x99, 0x93, 0x02, 0x1a];
const TRANSFER: [u8; 4] = [0x5d, 0x35, 0x9f, 0xbd];

const BALANCE_BYTES: usize = 4 + 20;
const TRANSFER_BYTES: usize = 4 + 20 + 8;

#[unsafe(no_mangle)]
extern "C" fn main() {
    let size = ethereum::call_data_size();
    if size < 4 {
        revert();
    }
    match (call_data::<4>(0), size) {
        (BALANCE, BALANCE_BYTES) => balance(),
        (TRANSFER, TRANSFER_BYTES) => transfer(),
        _ => revert(),
    }
}

fn balance() -> ! {
    finish(&storage_load(&Account(call_data(4)).key()))
}

fn transfer() -> ! {
    let amount = u64::from_be_bytes(call_data(24));
    Account(caller()).update(|balance| balance.checked_sub(amount));
    // Read after the sender is written, so that a transfer to oneself changes nothing.
    Account(call_data(4)).update(|balance| balance.checked_add(amount));
    finish(&[])
}

/// An address that holds tokens.
struct Account([u8; 20]);

impl Account {
    /// The storage key: the address, left-aligned in 32 bytes.
    fn key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key[..20].copy_from_slice(&self.0);
        key
    }

    /// Replaces the balance by what `change` makes of it; `None` reverts the call.
    #[inline(never)]
    fn update(&self, change: impl FnOnce(u64) -> Option<u64>) {
        let key = self.key();
        let mut value = storage_load(&key);
        let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = value;
        match change(u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7])) {
            Some(balance) => value[..8].copy_from_slice(&balance.to_be_bytes()),
            None => revert(),
        }
        storage_store(&key, &value);
    }
}

/// The host functions that this contract needs, in Rust's types. All `unsafe` code of the contract is here.
mod ethereum {
    mod import {
        #[link(wasm_import_module = "ethereum")]
        unsafe extern "C" {
            #[link_name = "getCallDataSize"]
            pub safe fn get_call_data_size() -> usize;
            #[link_name = "callDataCopy"]
            pub fn call_data_copy(to: *mut u8, offset: usize, length: usize);
            #[link_name = "getCaller"]
            pub fn get_caller(to: *mut u8);
            #[link_name = "storageLoad"]
            pub fn storage_load(key: *const u8, to: *mut u8);
            #[link_name = "storageStore"]
            pub fn storage_store(key: *const u8, value: *const u8);
            #[link_name = "finish"]
            pub fn finish(data: *const u8, length: usize) -> !;
            #[link_name = "revert"]
            pub fn revert(data: *const u8, length: usize) -> !;
        }
    }

    pub fn call_data_size() -> usize {
        import::get_call_data_size()
    }

    /// `N` bytes of the input from `offset`; the host traps when the input ends before them.
    pub fn call_data<const N: usize>(offset: usize) -> [u8; N] {
        let mut bytes = [0; N];
        // SAFETY: the host writes N bytes, and `bytes` has N.
        unsafe { import::call_data_copy(bytes.as_mut_ptr(), offset, N) };
        bytes
    }

    pub fn caller() -> [u8; 20] {
        let mut address = [0; 20];
        // SAFETY: the host writes 20 bytes.
        unsafe { import::get_caller(address.as_mut_ptr()) };
        address
    }

    pub fn storage_load(key: &[u8; 32]) -> [u8; 32] {
        let mut value = [0; 32];
        // SAFETY: the host reads 32 bytes and writes 32 bytes.
        unsafe { import::storage_load(key.as_ptr(), value.as_mut_ptr()) };
        value
    }

    pub fn storage_store(key: &[u8; 32], value: &[u8; 32]) {
        // SAFETY: the host reads 32 bytes of each.
        unsafe { import::storage_store(key.as_ptr(), value.as_ptr()) };
    }

    pub fn finish(output: &[u8]) -> ! {
        // SAFETY: the host reads the slice and ends the call.
        unsafe { import::finish(output.as_ptr(), output.len()) }
    }

    pub fn revert() -> ! {
        // SAFETY: the host reads nothing and ends the call.
        unsafe { import::revert(core::ptr::null(), 0) }
    }
}

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
