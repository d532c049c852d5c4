//! Prints the table of `docs/performance.md` that compares languages: Dela's four contracts, native and as contracts.
//!
//! `dela [N...]`: the numbers of operations; 1, 10, 100 and 1,000 if none is given.

use lockstep_benches::dela::{Contract, Deployed, LANGUAGES};

/// Rounds of which the fastest counts, for up to a hundred operations. More take long enough by themselves.
const ROUNDS: usize = 3;

fn main() -> anyhow::Result<()> {
    let given = std::env::args().skip(1).map(|argument| argument.parse()).collect::<Result<Vec<u64>, _>>()?;
    let numbers = if given.is_empty() { vec![1, 10, 100, 1_000] } else { given };
    let deployed = LANGUAGES.map(|(_, path)| Deployed::new(path));
    println!(
        "| contract | n | native | Rust | C | Go | Rust / native | C / native | Go / native |\n|---|---|---|---|---|---|---|---|---|"
    );
    for contract in Contract::ALL {
        for &n in &numbers {
            let fastest = |run: &dyn Fn() -> anyhow::Result<f64>| {
                let rounds = if n > 100 { 1 } else { ROUNDS };
                (0..rounds).try_fold(f64::INFINITY, |best, _| anyhow::Ok(best.min(run()?)))
            };
            let native = fastest(&|| contract.native(n))?;
            let mut cells = vec![format!("{native:.4}")];
            let mut ratios = Vec::new();
            for machine in &deployed {
                let machine = machine.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
                let milliseconds = fastest(&|| Ok(machine.run(contract, n)?.0))?;
                cells.push(format!("{milliseconds:.3}"));
                ratios.push(format!("{:.0}", milliseconds / native.max(1e-6)));
            }
            println!("| {} | {n} | {} | {} |", contract.name(), cells.join(" | "), ratios.join(" | "));
        }
    }
    Ok(())
}
