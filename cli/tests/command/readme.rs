//! Console blocks of the README and of pages: every `lockstep` command in them prints the lines below it.
//!
//! A block of "text" with a name is the file of that name as the commands left it. A block of another language with a name is
//! a file that the commands find, unless the name is a path: then it is a file of the repository. `LOCKSTEP_BLESS=1` rewrites what is
//! printed. Commands of other programs are left alone.

use crate::{
    folder::Folder,
    indexers::{block, write_blocks},
    transcript::is_blessing,
};
use std::{fs, path::Path};

/// How a reader starts the command out of a checkout, and how once it is installed.
const STARTS: [&str; 2] = ["$ cargo run --release -- ", "$ lockstep "];

/// Prints the block anew. Gives nothing back where no line is a command of ours.
fn rerun(folder: &Folder, block: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = block.iter().peekable();
    while let Some(line) = lines.next() {
        found.push((*line).to_owned());
        let Some(start) = STARTS.iter().find_map(|start| line.strip_prefix(start)) else { continue };
        let mut command = start.to_owned();
        while command.ends_with('\\') {
            let line = lines.next().unwrap();
            found.push((*line).to_owned());
            command = command.trim_end_matches('\\').to_owned() + line;
        }
        while lines.next_if(|line| !line.starts_with("$ ")).is_some() {}
        // Arguments have no white space; the quotes are for the shell.
        let arguments: Vec<&str> = command.split_whitespace().map(|argument| argument.trim_matches('\'')).collect();
        let ran = folder.run(&arguments);
        assert!((0..=2).contains(&ran.code), "{command}: {}", ran.stderr);
        found.extend(ran.stdout.lines().chain(ran.stderr.lines()).map(str::to_owned));
    }
    found
}

#[test]
fn commands_print_what_the_readme_says() {
    check("README.md", 4);
}

/// A command for each language is in a table.
#[test]
fn commands_of_the_readmes_table_run() {
    let folder = Folder::with_contracts();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split("`lockstep ").nth(1)?.split('`').next());
    let mut count = 0;
    for command in rows.filter(|command| command.starts_with("run contracts/")) {
        let arguments: Vec<&str> = command.split_whitespace().map(|argument| argument.trim_matches('\'')).collect();
        let ran = folder.run(&arguments);
        assert!((0..=1).contains(&ran.code) && ran.stdout.starts_with("outcome"), "{command}: {}", ran.stderr);
        count += 1;
    }
    assert!(count >= 9, "{count} commands");
}

#[test]
fn commands_print_what_the_page_of_diagnosis_says() {
    check("docs/diagnosis.md", 6);
}

#[test]
fn commands_print_what_the_pages_of_abis_say() {
    check("docs/abi-json.md", 2);
    check("docs/abi-dela.md", 3);
}

#[test]
fn commands_print_what_the_page_of_indexers_says() {
    let folder = Folder::with_contracts();
    write_blocks(&folder, "blocks", 0..3, 0);
    folder.write("next.bin", &block(3, 0));
    check_in(&folder, "docs/abi-metashrew.md", 4);
}

#[test]
fn commands_print_what_the_pages_for_beginners_say() {
    check("docs/ten-minutes.md", 6);
    check("docs/abi-ewasm.md", 1);
    check("docs/abi-packed.md", 4);
    check("docs/operating.md", 14);
}

/// The modules lie where the compilers of the page put them.
#[test]
fn commands_print_what_the_page_of_first_contracts_says() {
    let folder = Folder::with_contracts();
    for (built, target) in [
        ("first-rust/first_rust.wasm", "target/wasm32-unknown-unknown/release/first_rust.wasm"),
        ("first-c/first_c.wasm", "first_c.wasm"),
        ("first-as/counter.wasm", "counter.wasm"),
        ("first-go/first_go.wasm", "first_go.wasm"),
    ] {
        folder.write(target, &folder.read(&format!("contracts/{built}")));
    }
    check_in(&folder, "docs/first-contract.md", 10);
}

/// A number as pages write it: a comma behind each three digits from the right.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| core::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// What the prose of the page says of the files that its commands write.
#[test]
fn the_figures_of_the_worked_call_are_those_of_its_files() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/abi-packed.md")).unwrap();
    let file = |name: &str| page.split(&format!("```text {name}\n")).nth(1).unwrap().split("\n```").next().unwrap();
    let stacks: Vec<(&str, u64)> = file("call.folded")
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(stack, gas)| (stack, gas.parse().unwrap()))
        .collect();
    let sum = |of: &dyn Fn(&str) -> bool| stacks.iter().filter(|(stack, _)| of(stack)).map(|(_, gas)| gas).sum::<u64>();
    let parts = [
        sum(&|stack| stack.ends_with(";ethereum.callExport")),
        sum(&|stack| stack.contains(";ethereum.callExport;") && stack.ends_with(";start of the frame")),
        sum(&|stack| stack.ends_with(";concat")),
        sum(&|stack| stack.contains(";concat;")),
    ];
    for gas in parts {
        assert!(gas > 0 && page.contains(&format!("\n| {} | ", grouped(gas))), "no row for {gas}");
    }
    let total = grouped(sum(&|_| true));
    assert!(page.contains(&format!("receipt's {total} ")), "{total}");
    let passed = 1_000_000 - parts[1..].iter().sum::<u64>();
    assert!(
        page.contains(&format!("\n{}", grouped(passed))) || page.contains(&format!(" {} came back", grouped(passed)))
    );
    let resumed = file("call.trace").lines().find(|line| line.starts_with("{\"event\":\"resume\"")).unwrap();
    assert!(resumed.contains(&format!("\"gas_returned\":\"{passed}\"")), "{resumed}");
    assert!(resumed.contains(&format!("\"result\":\"{}\"", 5 << 24)) && page.contains(&grouped(5 << 24)), "{resumed}");
    assert!(page.contains("\noutput        0x00000005000000006162636465\n"));
}

/// Runs the commands of a page, of which there are at least `commands_min`.
fn check(page: &str, commands_min: usize) {
    check_in(&Folder::with_contracts(), page, commands_min);
}

/// The same in a folder of files that the page speaks of.
fn check_in(folder: &Folder, page: &str, commands_min: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (mut found, mut commands) = (Vec::new(), 0);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        found.push(line.to_owned());
        if line == "```console" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            commands += block.iter().filter(|line| STARTS.iter().any(|start| line.starts_with(start))).count();
            found.extend(rerun(folder, &block));
            found.push("```".to_owned());
        } else if let Some(file) = line.strip_prefix("```text ").filter(|file| !file.contains('/')) {
            let content = String::from_utf8(folder.read(file)).unwrap();
            found.extend(content.lines().map(str::to_owned));
            found.push("```".to_owned());
            while lines.next().is_some_and(|line| line != "```") {}
        } else if let Some((_, file)) = line.strip_prefix("```").and_then(|info| info.split_once(' ')) {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if !file.contains('/') {
                folder.write(file, format!("{}\n", block.join("\n")).as_bytes());
            }
            found.extend(block.into_iter().map(str::to_owned));
            found.push("```".to_owned());
        }
    }
    assert!(commands >= commands_min, "{page} shows {commands} commands");
    let found = found.join("\n") + "\n";
    if is_blessing() {
        fs::write(path, found).unwrap();
        return;
    }
    let different = text.lines().zip(found.lines()).find(|(text, found)| text != found);
    assert!(text == found, "{page} differs (LOCKSTEP_BLESS=1 rewrites it), first {different:#?}");
}
