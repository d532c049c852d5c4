//! Which files hold the blocks that are to be indexed, and in which order.

use crate::failure::{Class, Failure};
use anyhow::anyhow;
use std::{
    cmp::Ordering,
    fs,
    path::{Path, PathBuf},
};

/// The files that `paths` lead to: files as they are given, and for a folder the files in it, in the order of their names,
/// in which numbers count by their value. What begins with a dot is left out.
pub(crate) fn block_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_in(path)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = folder.display();
    let cannot = |error| Failure::io(Class::File, error, format!("cannot read the folder {name}"));
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let file = entry.map_err(cannot)?.file_name();
        if !file.as_encoded_bytes().starts_with(b".") {
            names.push(file);
        }
    }
    if names.is_empty() {
        let failure = Failure::new(Class::File, anyhow!("there are no blocks in the folder {name}"));
        return Err(failure.remedy("give a folder with a file for each block, or the files themselves"));
    }
    names.sort_by(|a, b| by_name(a.as_encoded_bytes(), b.as_encoded_bytes()));
    Ok(names.into_iter().map(|file| folder.join(file)).collect())
}

/// The order of two names: digits that stand together are a number.
fn by_name(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (part_a, rest_a) = part(a);
        let (part_b, rest_b) = part(b);
        let order = match (part_a.first(), part_b.first()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (without_zeros(part_a), without_zeros(part_b));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y)).then_with(|| part_a.len().cmp(&part_b.len()))
            }
            _ => part_a.cmp(part_b),
        };
        if order.is_ne() || (rest_a.is_empty() && rest_b.is_empty()) {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// The digits, or the bytes that are none, that `name` begins with.
fn part(name: &[u8]) -> (&[u8], &[u8]) {
    let is_number = name.first().is_some_and(u8::is_ascii_digit);
    let length = name.iter().take_while(|byte| byte.is_ascii_digit() == is_number).count();
    name.split_at_checked(length).unwrap_or((name, &[]))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    digits.get(digits.iter().take_while(|&&digit| digit == b'0').count()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_their_value() {
        let ordered =
            ["", "0.bin", "00.bin", "2.bin", "02.bin", "10.bin", "block", "block-9-a", "block-10", "block-10-a", "x"];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(by_name(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a} and {b}");
            }
        }
    }
}
