//! The facts of this machine that figures depend on.
//!
//! Whatever measures saves them beside its figures: the coordinator and the laboratory. What the facts mean
//! for a figure is left to them.

use report::{HugePages, Machine};
use std::fs;
use std::path::Path;

/// Gathers them; what cannot be read is empty or 0.
pub fn machine() -> Machine {
    let page_size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    Machine {
        cpu: cpu_model().unwrap_or_default(),
        arch: std::env::consts::ARCH.to_owned(),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u32),
        memory_bytes: memory_bytes(),
        kernel: sysinfo::System::kernel_version().unwrap_or_default(),
        page_size: page_size.ok().flatten().unwrap_or(0) as u64,
        huge_pages: HugePages {
            enabled: chosen("enabled"),
            shmem_enabled: chosen("shmem_enabled"),
        },
        dev_shm_bytes: nix::sys::statvfs::statvfs("/dev/shm")
            .ok()
            .map(|shm| shm.blocks() * shm.fragment_size()),
        virtual_machine: virtual_machine(),
        governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    }
}

/// Whether a hypervisor runs this system; unknown where the processor has no flag for it.
fn virtual_machine() -> Option<bool> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let flags = info.lines().find(|line| line.starts_with("flags"))?;
    Some(flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

/// The only line of a file, where there is one.
fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|line| !line.is_empty())
}

fn memory_bytes() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    system.total_memory()
}

fn cpu_model() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The chosen word of a setting of transparent huge pages.
fn chosen(setting: &str) -> Option<String> {
    let path = Path::new("/sys/kernel/mm/transparent_hugepage").join(setting);
    in_brackets(&fs::read_to_string(path).ok()?)
}

/// The word in brackets of a setting such as `always [madvise] never`.
pub fn in_brackets(setting: &str) -> Option<String> {
    let (_, rest) = setting.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}
