//! Dela's four contracts in Rust. Each takes a JSON object as a C string and returns another:
//! `{"Accepted":"true","result":"..."}`, or `{"Accepted":"false","result":"what is wrong"}`.
//!
//! | export | request | result |
//! |---|---|---|
//! | `increaseCounter` | `{"counter": 4}` | the counter plus one, in decimal digits |
//! | `simpleEC` | `{"scalar": "BASE64", "n": 1}` | sum of (scalar + i) B for i < n |
//! | `ed25519_mul` | `{"point1": "BASE64", "scalar": "BASE64", "n": 1}` | scalar^n point1 |
//! | `ed25519` | `{"point1": "BASE64", "point2": "BASE64", "n": 1}` | point1 + n point2 |
//!
//! Points and scalars are 32 bytes; a scalar is less than 2^252, n at most 1,000,000 and 1 where it is not given.
//!
//! [`curve`] is what native code runs for comparison.

mod contracts;
pub mod curve;

use serde_json::Value;
use std::{
    alloc::{Layout, alloc, dealloc},
    ffi::{CStr, CString, c_char},
};

/// Bytes in front of a block, which contain its length.
const HEADER: usize = 16;

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(HEADER)?, HEADER).ok()
}

/// A block of `bytes` bytes, null if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(bytes: usize) -> *mut u8 {
    let Some(layout) = layout(bytes) else { return std::ptr::null_mut() };
    // SAFETY: the layout is not empty, and the length is in front of what is handed out.
    unsafe {
        let block = alloc(layout);
        if block.is_null() {
            return block;
        }
        block.cast::<usize>().write(bytes);
        block.add(HEADER)
    }
}

/// Gives back a block of [`malloc`].
///
/// # Safety
///
/// `pointer` is null, or came from `malloc` and was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(pointer: *mut u8) {
    if pointer.is_null() {
        return;
    }
    // SAFETY: `malloc` put the length in front.
    unsafe {
        let block = pointer.sub(HEADER);
        if let Some(layout) = layout(block.cast::<usize>().read()) {
            dealloc(block, layout);
        }
    }
}

/// Runs a contract on a request that is a C string; the reply is one that the instance never frees.
fn run(request: *const c_char, contract: fn(&Value) -> Result<String, String>) -> *const c_char {
    // SAFETY: the host ends the request with a zero.
    let request = unsafe { CStr::from_ptr(request) };
    let parsed = serde_json::from_slice(request.to_bytes()).ok().filter(Value::is_object);
    let result = parsed.ok_or_else(|| "the request is not a JSON object".into()).and_then(|request| contract(&request));
    let (accepted, result) = match result {
        Ok(result) => ("true", result),
        Err(reason) => ("false", reason),
    };
    let reply = format!("{{\"Accepted\":\"{accepted}\",\"result\":\"{result}\"}}");
    CString::new(reply).unwrap_or_default().into_raw()
}

macro_rules! exports {
    ($($export:ident = $contract:path;)*) => {
        $(
            #[doc = concat!("The contract `", stringify!($export), "`: a request in, a reply out, both C strings.")]
            #[unsafe(no_mangle)]
            #[allow(non_snake_case)]
            pub extern "C" fn $export(request: *const c_char) -> *const c_char {
                run(request, $contract)
            }
        )*
    };
}

exports! {
    increaseCounter = contracts::increase_counter;
    simpleEC = contracts::base_mul;
    ed25519_mul = contracts::point_mul;
    ed25519 = contracts::point_add;
}
