//! Temporary.
use lockstep_benches::{prices::*, scene::*};
fn main() -> anyhow::Result<()> {
    let mut p = Probe::new("grow", "(drop (memory.grow (i32.const 1)))", 1).times(5, 100);
    if std::env::args().nth(1).as_deref() == Some("big") { p = Probe::new("grow", "(drop (memory.grow (i32.const 500)))", 500).times(1, 1); }
    let s = Scene::new(&[p.module()?])?;
    for _ in 0..30 {
        let tx = s.call(1, &[])?;
        let st = std::time::Instant::now();
        s.execute(tx)?;
        print!("{:.0} ", st.elapsed().as_nanos() as f64 / 500.0);
    }
    println!();
    Ok(())
}
