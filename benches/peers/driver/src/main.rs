//! `peers`: measures Lockstep and its peers in turn, and prints Markdown.
//!
//! `--rounds N` (7), `--only A,B` (ids of peers), `--figures A,B` (beginnings of names); `--built` measures the programs that were built
//! before, as they are; `--write` puts the tables into docs/performance.md, the data and the charts beside it. Knows no engine: each is a
//! program of its own.

mod chart;
mod figures;
mod page;
mod peers;
mod program;
mod samples;

use anyhow::{Context as _, bail};
use peers::PEERS;
use program::Program;
use std::{env, path::Path};

/// What the command was asked for.
struct Arguments {
    rounds: usize,
    only: Option<Vec<String>>,
    figures: Option<Vec<String>>,
    write: bool,
    built: bool,
}

fn arguments() -> anyhow::Result<Arguments> {
    let mut parsed = Arguments { rounds: 7, only: None, figures: None, write: false, built: false };
    let words = |text: String| text.split(',').map(str::to_owned).collect();
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} takes a value"));
        match argument.as_str() {
            "--rounds" => parsed.rounds = value()?.parse()?,
            "--only" => parsed.only = Some(words(value()?)),
            "--figures" => parsed.figures = Some(words(value()?)),
            "--write" => parsed.write = true,
            "--built" => parsed.built = true,
            _ => bail!("unknown argument {argument}; known: --rounds N, --only A,B, --figures A,B, --write, --built"),
        }
    }
    Ok(parsed)
}

fn main() -> anyhow::Result<()> {
    let arguments = arguments()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).context("this crate lies in a repository")?;
    let asked = |list: &Option<Vec<String>>, test: &dyn Fn(&str) -> bool| {
        list.as_ref().is_none_or(|words| words.iter().any(|word| test(word)))
    };
    let peers: Vec<_> = PEERS.iter().filter(|peer| asked(&arguments.only, &|word| word == peer.id)).collect();
    let mut programs = Vec::new();
    for peer in peers {
        programs.push(if arguments.built { Program::as_built(root, peer) } else { Program::build(root, peer) });
    }
    let machine = page::Machine::now();
    let mut figures = figures::all(root)?;
    figures.retain(|figure| asked(&arguments.figures, &|word| figure.name().starts_with(word)));
    let mut results = Vec::new();
    for figure in figures {
        eprintln!("{}", figure.name());
        results.push(samples::measure(figure, &mut programs, arguments.rounds)?);
    }
    let page = page::Page {
        machine: machine.with_load_of_now(),
        rounds: arguments.rounds,
        programs: &programs,
        results: &results,
    };
    println!("{}", page.markdown());
    if arguments.write {
        page.write(root)?;
    }
    Ok(())
}
