//! Links with a stack of 8 KiB in place of 1 MiB, so that the contract's memory is one page.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-cdylib=-zstack-size=8192");
}
