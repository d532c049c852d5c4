//! The command `cargo xtask`.

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use xtask::{
    Tree, api, bless,
    citations::{Number, Rule, Tie},
    determinism::{self, BUILDS, CROSS},
    docs, embed,
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
    /// List the public items of the libraries below xtask/tests/golden/api
    Api {
        /// Compare, write nothing, and fail if a library has other items
        #[arg(long)]
        check: bool,
    },
    /// Run the tests with their goldens rewritten, list the public items, and print the generated pages anew
    Bless,
    /// Execute the corpus of the digest on every target and compare
    ///
    /// The variable LOCKSTEP_CROSS can name a program that builds and runs for other targets; docs/determinism.md says
    /// how.
    Determinism {
        /// A target to build and run, which then must be possible [default: all that can be]
        #[arg(long = "target", value_name = "TARGET")]
        targets: Vec<String>,
    },
    /// Print docs/gas-table.md and docs/host-abi.md from the tables in the code
    Docs,
    /// Build the machine in a workspace outside this one, in each kind of profile
    Embed {
        /// The build that is made [default: each of them]
        #[arg(long, value_name = "BUILD", value_parser = embed::BUILDS.map(|build| build.name))]
        build: Option<String>,
    },
    /// Rebuild the prebuilt modules of the example contracts
    Guests {
        /// Compare, write nothing, and fail if one is stale
        #[arg(long)]
        check: bool,
    },
    /// Print the rules of docs/spec.md that no code or no test cites, and citations of rules that are not there
    Spec {
        /// A rule whose text and citations are printed instead, as 2.14
        number: Option<String>,
    },
}

fn main() -> Result<()> {
    let tree = Tree::of_this_crate();
    match Arguments::parse().chore {
        Chore::Api { check } => list_api(&tree, check),
        Chore::Bless => bless(&tree),
        Chore::Determinism { targets } => compare_targets(&tree, &targets),
        Chore::Docs => print_docs(&tree),
        Chore::Embed { build } => check_embedding(&tree, build.as_deref()),
        Chore::Guests { check } => rebuild_guests(&tree, check),
        Chore::Spec { number: None } => print_loose_ends(&Tie::of(&tree)?),
        Chore::Spec { number: Some(number) } => print_rule(&Tie::of(&tree)?, &number),
    }
}

/// Writes the public items of each library, or fails if one has other items than its golden.
fn list_api(tree: &Tree, check: bool) -> Result<()> {
    let mut changed = 0_usize;
    for listing in api::listings(tree)? {
        let difference = listing.difference(&tree.text(&listing.path).unwrap_or_default());
        changed += usize::from(difference.is_some());
        match difference {
            None => println!("unchanged {}", listing.path),
            Some(line) if check => println!("changed   {}: {line}", listing.path),
            Some(_) => {
                tree.write(&listing.path, listing.text.as_bytes())?;
                println!("written   {}", listing.path);
            }
        }
    }
    if check && changed > 0 {
        bail!("{changed} libraries have other public items: run `cargo xtask api`, and read the difference");
    }
    Ok(())
}

fn print_docs(tree: &Tree) -> Result<()> {
    for page in docs::pages() {
        let written = tree.write(page.path, page.text.as_bytes())?;
        println!("{} {}", if written { "written  " } else { "unchanged" }, page.path);
    }
    Ok(())
}

/// Prints a row of a table for each build.
fn check_embedding(tree: &Tree, build: Option<&str>) -> Result<()> {
    println!("| build | what came of it | seconds |\n|---|---|---|");
    embed::check_all(tree, build, |name, found, seconds| println!("| {name} | {found} | {seconds:.0} |"))
}

fn rebuild_guests(tree: &Tree, check: bool) -> Result<()> {
    let mut stale = 0_usize;
    for guest in guests::from_wat(tree)?.into_iter().chain(guests::from_folders(tree)?) {
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

/// Prints what no code, no test or no rule belongs to. Fails if there is something.
fn print_loose_ends(tie: &Tie) -> Result<()> {
    let print = |what: &str, rules: Vec<&Rule>| {
        for Rule { number, text, .. } in &rules {
            println!("{what}  {number}  {text}");
        }
        rules.len()
    };
    let loose = print("no code", tie.without(false).collect()) + print("no test", tie.without(true).collect());
    for fault in &tie.faults {
        println!("{fault}");
    }
    let untied: Vec<String> = tie.untied.iter().map(u32::to_string).collect();
    println!("{} rules, {} citations", tie.rules.len(), tie.citations.len());
    if !untied.is_empty() {
        println!("sections without numbers: {}", untied.join(", "));
    }
    let wrong = loose.saturating_add(tie.faults.len());
    if wrong > 0 {
        bail!("{wrong} loose ends: CONTRIBUTING.md says how a rule is tied to code and test");
    }
    Ok(())
}

/// Prints the text of a rule and where it is cited.
fn print_rule(tie: &Tie, number: &str) -> Result<()> {
    let Some(rule) = Number::parse(number).and_then(|number| tie.rules.iter().find(|rule| rule.number == number))
    else {
        bail!("docs/spec.md has no rule {number}");
    };
    println!("{}", rule.text);
    for cited in tie.citations_of(&rule.number) {
        println!("{}  {}", if cited.by_test { "test" } else { "code" }, cited.place);
    }
    Ok(())
}

/// Prints a row of a table for each build. Fails if two differ, or if a target that was asked for did not run.
fn compare_targets(tree: &Tree, targets: &[String]) -> Result<()> {
    if let Some(unknown) = targets.iter().find(|name| BUILDS.iter().all(|build| build.target != **name)) {
        bail!("{unknown} is not among the targets: {}", BUILDS.map(|build| build.target).join(", "));
    }
    println!("| target | profile | digest | seconds |\n|---|---|---|---|");
    let mut first: Option<determinism::Digests> = None;
    let (mut differences, mut missing, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for build in BUILDS.iter().filter(|build| targets.is_empty() || targets.iter().any(|name| name == build.target)) {
        let name = format!("{} | {}", build.target, build.profile);
        match determinism::execute(tree, build) {
            Ok(ran) => {
                println!("| {name} | {} | {:.1} |", ran.digests.total, ran.seconds);
                notes.extend(ran.bad_end.map(|status| format!("{name}: printed everything, then ended with {status}")));
                let first = first.get_or_insert_with(|| ran.digests.clone());
                differences.extend(first.difference(&ran.digests).map(|case| format!("{name}: {case}")));
            }
            Err(reason) => {
                println!("| {name} | not run | |");
                missing.push(format!("{name}: {reason:#}"));
            }
        }
    }
    for note in &notes {
        println!("note: {note}");
    }
    for reason in &missing {
        println!("not run: {reason}");
    }
    if !differences.is_empty() {
        bail!("the first difference of each build from the first:\n  {}", differences.join("\n  "));
    }
    if first.is_none() || !(targets.is_empty() || missing.is_empty()) {
        bail!("a target was not run; {CROSS} can name what builds and runs it (docs/determinism.md)");
    }
    Ok(())
}

fn bless(tree: &Tree) -> Result<()> {
    print_docs(tree)?;
    let before = bless::goldens(tree)?;
    list_api(tree, false)?;
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
