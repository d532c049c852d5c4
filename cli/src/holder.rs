//! Which process has a file open, where the system says so.

use std::path::Path;

/// As in `process 4711 (lockstep)`: the processes that have `file` open, but this one. `None` where that is not known: on
/// another system than Linux, or for processes of other users.
#[cfg(target_os = "linux")]
pub(crate) fn holder(file: &Path) -> Option<String> {
    use std::{fs, os::unix::fs::MetadataExt};
    let wanted = fs::metadata(file).ok()?;
    let is_it = |open: fs::DirEntry| {
        fs::metadata(open.path()).is_ok_and(|is| (is.dev(), is.ino()) == (wanted.dev(), wanted.ino()))
    };
    let mut holders: Vec<u32> = Vec::new();
    for process in fs::read_dir("/proc").ok()?.filter_map(Result::ok) {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(mut open) = fs::read_dir(process.path().join("fd")) else { continue };
        if id != std::process::id() && open.any(|open| open.is_ok_and(is_it)) {
            holders.push(id);
        }
    }
    holders.sort_unstable();
    let named = holders.iter().map(|id| match fs::read_to_string(format!("/proc/{id}/comm")) {
        Ok(name) => format!("process {id} ({})", name.trim()),
        Err(_) => format!("process {id}"),
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() { None } else { Some(named.join(", ")) }
}

/// Not known here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn holder(_file: &Path) -> Option<String> {
    None
}
