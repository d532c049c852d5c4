//! The README's console blocks: every `lockstep` command in them prints what stands below it.
//!
//! `LOCKSTEP_BLESS=1` rewrites what is printed. Commands of other programs are left alone.

use crate::{folder::Folder, transcript::is_blessing};
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
        let arguments: Vec<&str> = command.split_whitespace().collect();
        let ran = folder.run(&arguments);
        assert!((0..=2).contains(&ran.code), "{command}: {}", ran.stderr);
        found.extend(ran.stdout.lines().chain(ran.stderr.lines()).map(str::to_owned));
    }
    found
}

#[test]
fn commands_print_what_the_readme_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let folder = Folder::with_contracts();
    let (mut found, mut commands) = (Vec::new(), 0);
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        found.push(line.to_owned());
        if line == "```console" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            commands += block.iter().filter(|line| STARTS.iter().any(|start| line.starts_with(start))).count();
            found.extend(rerun(&folder, &block));
            found.push("```".to_owned());
        }
    }
    assert!(commands >= 4, "the README shows {commands} commands");
    let found = found.join("\n") + "\n";
    if is_blessing() {
        fs::write(path, found).unwrap();
        return;
    }
    let different = readme.lines().zip(found.lines()).find(|(readme, found)| readme != found);
    assert!(readme == found, "README.md differs (LOCKSTEP_BLESS=1 rewrites it), first {different:#?}");
}
