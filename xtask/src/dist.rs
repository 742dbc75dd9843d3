//! `cargo xtask dist`: what a machine needs to run Handoff, in one directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use clap::Args;

use harness::exit;
use harness::interrupt::Interrupt;
use harness::workspace::{Binaries, root};

/// The programs, in the order of the README.
const PROGRAMS: [&str; 3] = ["datagen", "coordinator", "worker"];
/// A shell, and what it wants before and after a program's name in the name of the completions' file.
const SHELLS: [(&str, &str, &str); 3] = [("bash", "", ""), ("zsh", "_", ""), ("fish", "", ".fish")];

/// Where to put it.
#[derive(Debug, Args)]
pub(crate) struct DistArgs {
    /// The directory to fill, laid out as under /usr/local
    #[arg(long, value_name = "DIR", default_value = "target/dist")]
    out: PathBuf,
    /// Use the binaries in this directory instead of building them
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
}

/// Builds the programs and puts them, their completions and their manual pages there.
///
/// # Errors
///
/// Where something cannot be built, run or written.
pub(crate) fn main(args: &DistArgs, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let binaries = match &args.bin_dir {
        Some(directory) => Binaries::in_directory(directory, &PROGRAMS)?,
        None => Binaries::build(&PROGRAMS, interrupt)?,
    };
    let out = root().join(&args.out);
    let programs = folder(&out, "bin")?;
    for program in PROGRAMS {
        let command = binaries.command(program);
        let (from, to) = (Path::new(command.get_program()), programs.join(program));
        // Beside it first: the program that is replaced may be running.
        let beside = programs.join(format!(".{program}.new"));
        fs::copy(from, &beside)
            .and_then(|_| fs::rename(&beside, &to))
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    let pages = folder(&out, "share/man/man1")?;
    done(binaries.command("coordinator").arg("man").arg(&pages))?;
    done(binaries.command("datagen").arg("--man").arg(&pages))?;
    for (shell, before, after) in SHELLS {
        let scripts = folder(&out, &format!("share/completions/{shell}"))?;
        for (program, asked) in [("coordinator", "completions"), ("datagen", "--completions")] {
            let script = done(binaries.command(program).args([asked, shell]))?;
            let path = scripts.join(format!("{before}{program}{after}"));
            fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    eprintln!(
        "In {}: bin, share/man and share/completions; copy them to /usr/local or ~/.local",
        out.display()
    );
    Ok(ExitCode::from(exit::DONE))
}

fn folder(out: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = out.join(name);
    fs::create_dir_all(&path)
        .with_context(|| format!("cannot create {} (see --out)", path.display()))?;
    Ok(path)
}

/// Runs a program to its end and gives its stdout.
fn done(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} failed: {}",
            command.get_program().display(),
            said.trim()
        );
    }
    Ok(output.stdout)
}
