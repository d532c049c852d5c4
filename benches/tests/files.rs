//! Every file of the bench of hostile files is read as it is meant to.

use lockstep_benches::{
    files::{Kind, Shape, longest_proof, modules, random, samples},
    hostile::Dice,
};
use std::collections::BTreeSet;

#[test]
fn files_of_every_kind_are_read_as_they_are_meant_to() {
    let mut dice = Dice::new(3);
    let mut kinds = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut all = modules().unwrap();
    all.push(longest_proof().unwrap());
    for _ in 0..3 {
        let shape = random(&mut dice);
        let shape = Shape { accounts: shape.accounts % 20 + 1, keys: shape.keys % 9, codes: shape.codes % 99, ..shape };
        all.extend(samples(&shape).unwrap());
    }
    for sample in all {
        let row = sample.measure(1).unwrap_or_else(|error| panic!("{}: {error:#}", sample.name));
        assert!(row.bytes > 0 && row.times_hashing() > 0.0, "{}", sample.name);
        assert!(names.insert((row.kind, row.name)), "names are unique: {}", sample.name);
        kinds.insert(row.kind);
    }
    assert_eq!(kinds, Kind::ALL.into());
}
