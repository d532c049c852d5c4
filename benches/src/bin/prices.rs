//! Prints what everything that `V1` has a price for takes, and what its price should be.

use lockstep_benches::prices::{Row, measure_frames, measure_host_functions, measure_operators};

fn main() -> anyhow::Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(15), |rounds| rounds.parse())?;
    print("Operators", &measure_operators(rounds)?);
    print("Host functions", &measure_host_functions(rounds)?);
    print("Frames", &measure_frames(rounds)?);
    Ok(())
}

fn print(title: &str, rows: &[Row]) {
    println!("\n{title}\n\n| what | ns | gas | worth | times too cheap |\n|---|---|---|---|---|");
    for row in rows {
        let mark = if row.cheapness() > 2.0 { " (!)" } else { "" };
        println!(
            "| {} | {:.2} | {:.1} | {:.1} | {:.2}{mark} |",
            row.name,
            row.nanoseconds,
            row.gas,
            row.worth(),
            row.cheapness()
        );
    }
}
