//! `docs/host-abi.md`: the imports of contracts, and the codes in receipts and return values.

use super::{
    REVISIONS, heads,
    markdown::{code, grouped, names, table},
};
use lockstep_gas::{
    Abi, HostPrice, ModExpPrice, Native, Precompile, PrecompileAddress, Revision, SquarePrice, UnitPrice,
};
use lockstep_host::{Errno, HaltReason, HostImport, ImportTable, ValueType, packed::errno_of};

const HEAD: &str = "\
# Host ABI

Printed from the tables in `host` by `cargo xtask docs`; not to be edited. [spec.md](spec.md) has the order of checks and charges of
each function.

## Imports

A module imports these functions by module and name, with exactly the type given here. A price is in gas: the base, and
what is added for each *word* of 32 bytes that is copied or hashed (the last counted as whole), each *byte* that is kept,
each *topic* of a log, each *page* that is added to a memory, each *entry* of a vector that is read. `–` means that
the revision does not offer the import. An ABI in brackets means that contracts of no other ABI can have it.

";

const PRECOMPILES: &str = "
## Precompiled contracts

Calls of these addresses are answered by the host ([precompiles.md](precompiles.md)). The price is that of the answer; the
call itself costs what every call costs.

";

const HALTS: &str = "
## Halt reasons

Receipts contain the code. The last column is the error number that a caller by `callExport` gets for such an end.

";

const ERRNOS: &str = "
## Error numbers of the packed convention

Error numbers from 1 to `0xFEFF` are the contract's own; from `0xFF00` on they are the host's, and those that are not listed
here are not in use.

";

/// The whole page.
pub(super) fn text() -> String {
    [HEAD, &imports(), PRECOMPILES, &precompiles(), HALTS, &halts(), ERRNOS, &errnos()].concat()
}

fn imports() -> String {
    let rows = rows().into_iter().map(|row| {
        let name = format!("{}.{}", row.module, row.name);
        let prices = REVISIONS.iter().map(|(_, revision)| offer(row, revision));
        [code(&name), signature(row)].into_iter().chain(prices).chain([row.summary.trim().to_owned()]).collect()
    });
    table(&heads(&["import", "type"], &["what it does"]), rows)
}

/// Every row of every table, once, in the order of the tables of the last revision, which has the most.
fn rows() -> Vec<&'static HostImport> {
    let mut rows: Vec<&'static HostImport> = Vec::new();
    for (_, revision) in REVISIONS.iter().rev() {
        for row in Abi::ALL.iter().flat_map(|abi| ImportTable::of(*abi, revision).rows().collect::<Vec<_>>()) {
            if !rows.iter().any(|known| is_same(known, row)) {
                rows.push(row);
            }
        }
    }
    rows
}

/// Whether two rows are one import: ABIs can have functions of one name that do different things.
fn is_same(a: &HostImport, b: &HostImport) -> bool {
    (a.module, a.name, a.signature, a.function) == (b.module, b.name, b.signature, b.function)
}

/// The price of an import under a revision, and the ABIs that have it where not all do.
fn offer(row: &HostImport, revision: &Revision) -> String {
    let admitted: Vec<Abi> = Abi::ALL.iter().copied().filter(|abi| revision.rules.abis.contains(*abi)).collect();
    let has = |abi: &&Abi| ImportTable::of(**abi, revision).find(row.module, row.name).any(|known| is_same(known, row));
    let offering: Vec<&Abi> = admitted.iter().filter(has).collect();
    let price = price(&revision.schedule.host(row.function));
    match offering.len() {
        0 => "–".to_owned(),
        all if all == admitted.len() => price,
        _ => format!("{price} ({})", names(offering.into_iter())),
    }
}

fn price(price: &HostPrice) -> String {
    let HostPrice { base, per_word, per_byte, per_topic, per_page, per_item } = *price;
    let units = [
        (per_word, "a word"),
        (per_byte, "a byte"),
        (per_topic, "a topic"),
        (per_page, "a page"),
        (per_item, "an entry"),
    ];
    let by_size = units.iter().filter(|(amount, _)| *amount > 0);
    let mut terms: Vec<String> = by_size.map(|(amount, unit)| format!("{} {unit}", grouped(*amount))).collect();
    if base > 0 || terms.is_empty() {
        terms.insert(0, grouped(base));
    }
    terms.join(" + ")
}

fn signature(row: &HostImport) -> String {
    let parameters = row.parameter_names.iter().zip(row.parameters());
    let parameters: Vec<String> = parameters.map(|(name, kind)| format!("{name}: {}", wasm_type(*kind))).collect();
    let result = row.result().map_or("()", wasm_type);
    code(&format!("({}) -> {result}", parameters.join(", ")))
}

const fn wasm_type(kind: ValueType) -> &'static str {
    match kind {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
    }
}

fn precompiles() -> String {
    let mut addresses: Vec<PrecompileAddress> = Vec::new();
    for (address, _) in REVISIONS.iter().flat_map(|(_, revision)| revision.precompiles.iter()) {
        if !addresses.contains(address) {
            addresses.push(*address);
        }
    }
    let rows = addresses.iter().map(|address| {
        let answers = REVISIONS.iter().map(|(_, revision)| revision.precompiles.get(address));
        let name = answers.clone().flatten().next().map_or("", precompile_name);
        let prices = answers.map(|precompile| precompile.map_or_else(|| "–".to_owned(), precompile_price));
        [code(&shown(address)), code(name)].into_iter().chain(prices).collect()
    });
    table(&heads(&["address", "contract"], &[]), rows)
}

/// An address without the zeros before it.
fn shown(address: &PrecompileAddress) -> String {
    let digits: String = address.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{}", digits.trim_start_matches('0'))
}

const fn precompile_name(precompile: &Precompile) -> &'static str {
    match precompile {
        Precompile::Native(native) => native.name(),
        Precompile::Module { .. } => "a module",
    }
}

fn precompile_price(precompile: &Precompile) -> String {
    let unit = |price: &UnitPrice, unit| format!("{} + {} a {unit}", grouped(price.base), grouped(price.unit));
    let Precompile::Native(native) = precompile else { return "of its module".to_owned() };
    match native {
        Native::EcRecover { base } | Native::Bn254Add { base } | Native::Bn254Mul { base } => grouped(*base),
        Native::Sha256(price) | Native::Ripemd160(price) | Native::Identity(price) => unit(price, "word"),
        Native::Bn254Pairing(price) => unit(price, "pair"),
        Native::Blake2f(price) => unit(price, "round"),
        Native::ModExp { price: ModExpPrice::Eip198, length_bytes_max } => {
            format!("EIP-198; lengths up to {}", grouped(u64::from(*length_bytes_max)))
        }
        Native::ModExp { price: ModExpPrice::Measured { setup, iteration }, length_bytes_max } => format!(
            "{} + ({}) an iteration; lengths up to {}",
            square(setup),
            square(iteration),
            grouped(u64::from(*length_bytes_max))
        ),
    }
}

/// A polynomial of the words w.
fn square(price: &SquarePrice) -> String {
    format!("{} + {} w + {} w²", grouped(price.base), grouped(price.word), grouped(price.square))
}

fn halts() -> String {
    let rows = HaltReason::ALL.iter().map(|reason| {
        vec![reason.code().to_string(), code(&format!("{reason:?}")), reason.text().to_owned(), hex(errno_of(*reason))]
    });
    table(&["code", "name", "text", "error number"], rows)
}

fn errnos() -> String {
    let named = (0..=u16::MAX).map(Errno::new).filter_map(|errno| errno.name().map(|name| (errno, name)));
    table(&["number", "meaning"], named.map(|(errno, name)| vec![hex(errno), name.to_owned()]))
}

fn hex(errno: Errno) -> String {
    code(&format!("{:#06X}", errno.code()).replace("0X", "0x"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_shows_the_terms_that_it_has() {
        assert_eq!(price(&HostPrice::flat(40)), "40");
        assert_eq!(price(&HostPrice::flat(0)), "0");
        assert_eq!(price(&HostPrice::words(0, 3)), "3 a word");
        assert_eq!(price(&HostPrice::words(7_000, 3)), "7,000 + 3 a word");
        let log = HostPrice { per_topic: 375, per_byte: 8, ..HostPrice::flat(375) };
        assert_eq!(price(&log), "375 + 8 a byte + 375 a topic");
    }

    #[test]
    fn an_import_that_a_revision_lacks_has_no_price_there() {
        let text = text();
        let line = text.lines().find(|line| line.starts_with("| `crypto.sha256` |"));
        let cells: Vec<&str> = line.unwrap().split(" | ").collect();
        assert_eq!(cells[1], "`(data: i32, length: i32, result: i32) -> ()`");
        assert_eq!(cells[2], "–");
        assert!(cells[3].contains("a word"));
    }
}
