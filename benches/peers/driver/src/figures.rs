//! What is measured: figures, each a request that every peer is asked.

use anyhow::Context as _;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Calls of the host in one run of the program `host_calls`.
const HOST_CALLS_EACH: f64 = 10_000.0;

/// Modules that are kept ready.
const MODULES: u32 = 1_000;

/// Contracts that call each other.
const DEPTH: u32 = 64;

/// A kind of figure: a table of the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Kernel,
    Engine,
    Whole,
}

/// A request.
pub(crate) enum Request {
    /// The module of that name is run so many times.
    Run,
    /// An instance of the module is made.
    Instantiate,
    /// The module is compiled.
    Compile,
    /// Copies of the module are kept; the process is a new one each time.
    Keep,
    /// Tokens are transferred.
    Transfer,
    /// Contracts call each other.
    Nested,
}

/// What is measured.
pub(crate) struct Figure {
    pub(crate) group: Group,
    /// What it is, in the data: a kind, and a subject after a space.
    kind: &'static str,
    pub(crate) subject: String,
    pub(crate) request: Request,
    /// The module, where there is one.
    pub(crate) path: PathBuf,
    /// Parts that one answer is of.
    pub(crate) parts: f64,
}

impl Figure {
    /// The name in the data.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.kind, self.subject)
    }

    /// The heading of the column.
    pub(crate) fn heading(&self) -> String {
        let heading = match self.request {
            Request::Run if self.group == Group::Kernel => return self.subject.clone(),
            Request::Compile => return self.name(),
            Request::Run if self.parts > 1.0 => "host call",
            Request::Run => "call of an empty export",
            Request::Instantiate => "instance",
            Request::Keep => "memory of a module",
            Request::Transfer => "transfer of a token",
            Request::Nested => "nested call",
        };
        heading.to_owned()
    }

    /// Whether the numbers are bytes; they are nanoseconds otherwise.
    pub(crate) const fn is_memory(&self) -> bool {
        matches!(self.request, Request::Keep)
    }

    /// The line that is sent, for so many turns.
    pub(crate) fn line(&self, times: u32) -> String {
        let path = self.path.display();
        match self.request {
            Request::Run => format!("run {} {times}", self.subject),
            Request::Instantiate => format!("instantiate {} {times}", self.subject),
            Request::Compile => format!("compile {path} {times}"),
            Request::Keep => format!("keep {path} {MODULES}"),
            Request::Transfer => format!("transfer {times}"),
            Request::Nested => format!("nested {DEPTH} {times}"),
        }
    }
}

/// Kernels beside those of `contracts/kernels`, with what each leaves in its memory: by another implementation of the same.
const KERNELS: [(&str, &str); 2] = [("big_integers", "6632ce7a80e1b24c"), ("sha256", "50129185605e60fc")];

/// What the kernel `name` must leave, where it is known.
pub(crate) fn checksum(name: &str) -> Option<&'static str> {
    KERNELS.iter().find(|(known, _)| *known == name).map(|(_, checksum)| *checksum)
}

/// Every figure.
pub(crate) fn all(root: &Path) -> anyhow::Result<Vec<Figure>> {
    let mut kernels: Vec<PathBuf> = fs::read_dir(root.join("contracts/kernels"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    kernels.retain(|path| path.extension().is_some_and(|ending| ending == "wasm"));
    for (name, _) in KERNELS {
        kernels.push(assembled(root, "benches/peers/kernels", name)?);
    }
    kernels.sort_by(|one, other| one.file_stem().cmp(&other.file_stem()));
    let mut figures = Vec::new();
    for path in kernels {
        let subject = path.file_stem().and_then(|name| name.to_str()).context("a kernel has a name")?.to_owned();
        figures.push(Figure { group: Group::Kernel, kind: "kernel", subject, request: Request::Run, path, parts: 1.0 });
    }
    let engine = |kind, subject: &str, request, path, parts| Figure {
        group: Group::Engine,
        kind,
        subject: subject.to_owned(),
        request,
        path,
        parts,
    };
    let (empty, host_calls) =
        (assembled(root, "benches/programs", "empty")?, assembled(root, "benches/programs", "host_calls")?);
    figures.push(engine("instance", "empty", Request::Instantiate, empty.clone(), 1.0));
    figures.push(engine("call", "empty", Request::Run, empty, 1.0));
    figures.push(engine("host call", "host_calls", Request::Run, host_calls, HOST_CALLS_EACH));
    let wrc20 = root.join("contracts/wrc20/wrc20.wasm");
    for (subject, path) in [
        ("0.9 KB", wrc20.clone()),
        ("48 KB", root.join("contracts/token-rust/token_rust.wasm")),
        ("2.0 MB", root.join("contracts/json-voting-go/json_voting_go.wasm")),
    ] {
        figures.push(engine("compile", subject, Request::Compile, path, 1.0));
    }
    figures.push(engine("memory", "a module", Request::Keep, wrc20.clone(), f64::from(MODULES)));
    let whole = |kind, subject: &str, request, parts| {
        let path = PathBuf::new();
        Figure { group: Group::Whole, kind, subject: subject.to_owned(), request, path, parts }
    };
    figures.push(whole("transfer", "token", Request::Transfer, 1.0));
    figures.push(whole("nested", "call", Request::Nested, f64::from(DEPTH)));
    Ok(figures)
}

/// A program in the binary format, which not every peer can do without.
fn assembled(root: &Path, folder: &str, name: &str) -> anyhow::Result<PathBuf> {
    let wasm = wat::parse_file(root.join(folder).join(format!("{name}.wat")))?;
    let modules = root.join("target/peers/modules");
    fs::create_dir_all(&modules)?;
    let path = modules.join(format!("{name}.wasm"));
    fs::write(&path, wasm)?;
    Ok(path)
}
