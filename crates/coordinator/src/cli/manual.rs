//! What a shell and `man` want to know of the command line, made from the command line itself.

use super::Cli;
use crate::exit::Failure;
use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::fs;
use std::path::PathBuf;

/// `coordinator completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coordinator completions bash > ~/.local/share/bash-completion/completions/coordinator
  coordinator completions zsh > ~/.zfunc/_coordinator
  coordinator completions fish > ~/.config/fish/completions/coordinator.fish")]
pub struct CompletionsArgs {
    /// The shell to print completions for
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `coordinator man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coordinator man ~/.local/share/man/man1 && man coordinator-sum
  coordinator man /tmp/pages && man /tmp/pages/coordinator.1")]
pub struct ManArgs {
    /// The directory to write them to, created if need be
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// Prints the completions.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    // The generator panics where its writer fails, which memory does not.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "coordinator", &mut script);
    let script = String::from_utf8(script).context("the completions are not UTF-8")?;
    Ok(output::print(&script).context("cannot print the completions")?)
}

/// Writes one page for the program and for each of its commands, and one for the worker.
pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let directory = &args.directory;
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
        .and_then(|()| clap_mangen::generate_to(worker::cli::Cli::command(), directory))
        .with_context(|| format!("cannot write manual pages to {}", directory.display()))?;
    Ok(())
}
