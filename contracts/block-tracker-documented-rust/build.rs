//! Links with a stack of 64 KiB in place of 1 MiB: the program recurses nowhere.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-cdylib=-zstack-size=65536");
}
