//! `lockstep completions` and `lockstep man`: the arguments as shells and `man` want them, made of their definition.

use crate::{
    failure::{Class, Failure},
    report::Report,
    value::Value,
};
use clap::Args;
use std::{fs, path::PathBuf};

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// The folder; it is made if it does not exist
    pub(crate) folder: PathBuf,
}

/// The completions of a shell: a script for its folder of completions.
pub(crate) fn completions(arguments: &CompletionsArguments, mut definition: clap::Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut definition, "lockstep", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a page for each command.
pub(crate) fn man(arguments: &ManArguments, definition: clap::Command) -> Result<Report, Failure> {
    let folder = &arguments.folder;
    let name = folder.display();
    fs::create_dir_all(folder).map_err(|error| Failure::io(Class::File, error, format!("cannot make {name}")))?;
    let written = clap_mangen::generate_to(definition, folder);
    written.map_err(|error| Failure::io(Class::File, error, format!("cannot write into {name}")))?;
    let mut report = Report::new("man");
    report.add("folder", Value::text(name.to_string()));
    Ok(report)
}
