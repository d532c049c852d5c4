//! The command `cargo xtask`.

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use xtask::{
    Tree, bless, docs,
    guests::{self, Guest},
};

/// Chores of the Lockstep repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Run the tests with their goldens rewritten, and print the generated pages anew
    Bless,
    /// Print docs/gas-table.md and docs/host-abi.md from the tables in the code
    Docs,
    /// Rebuild the prebuilt modules of the example contracts
    Guests {
        /// Compare, write nothing, and fail if one is stale
        #[arg(long)]
        check: bool,
    },
}

fn main() -> Result<()> {
    let tree = Tree::of_this_crate();
    match Arguments::parse().chore {
        Chore::Bless => bless(&tree),
        Chore::Docs => print_docs(&tree),
        Chore::Guests { check } => rebuild_guests(&tree, check),
    }
}

fn print_docs(tree: &Tree) -> Result<()> {
    for page in docs::pages() {
        let written = tree.write(page.path, page.text.as_bytes())?;
        println!("{} {}", if written { "written  " } else { "unchanged" }, page.path);
    }
    Ok(())
}

fn rebuild_guests(tree: &Tree, check: bool) -> Result<()> {
    let mut stale = 0_usize;
    for guest in guests::from_wat(tree)?.into_iter().chain(guests::from_rust(tree)?) {
        match guest {
            Guest::Skipped { source, reason } => println!("skipped   {source}: {reason}"),
            Guest::Built(module) if check => {
                let current = tree.bytes(&module.path).is_ok_and(|bytes| bytes == module.wasm);
                println!("{} {}", if current { "current  " } else { "stale    " }, module.path);
                stale += usize::from(!current);
            }
            Guest::Built(module) => {
                let written = tree.write(&module.path, &module.wasm)?;
                println!("{} {}", if written { "written  " } else { "unchanged" }, module.path);
            }
        }
    }
    if stale > 0 {
        bail!("{stale} prebuilt modules differ from their sources: run `cargo xtask guests`");
    }
    Ok(())
}

fn bless(tree: &Tree) -> Result<()> {
    print_docs(tree)?;
    let before = bless::goldens(tree)?;
    let passed = bless::run_tests(tree)?;
    let changed = bless::changed(&before, &bless::goldens(tree)?);
    for path in &changed {
        println!("changed   {path}");
    }
    println!("{} goldens changed", changed.len());
    if !changed.is_empty() {
        println!("Read the difference. If gas, bytes or outcomes moved, CONTRIBUTING.md says what else it takes.");
    }
    if !passed {
        bail!("tests fail for another reason than their goldens");
    }
    Ok(())
}
