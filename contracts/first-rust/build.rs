//! Links with a stack of 16 KiB in place of 1 MiB: each page of memory costs gas in every call.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-cdylib=-zstack-size=16384");
}
