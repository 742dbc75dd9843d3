//! What a measurement has to say about the machine it was made on.

use serde::{Deserialize, Serialize};

/// The facts of a machine that its figures depend on. It names no host and no user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model, as the kernel gives it.
    pub cpu: String,
    /// The instruction set architecture, as Rust names it: `x86_64`, `aarch64`.
    pub arch: String,
    /// Processors that this process may use (its affinity and quota), not those there are.
    pub cores: u32,
    /// Memory of the machine.
    pub memory_bytes: u64,
    /// The kernel's release, such as `6.18.0`.
    pub kernel: String,
    /// Bytes of a base page.
    pub page_size: u64,
    /// How huge pages are set.
    pub huge_pages: HugePages,
    /// Size of the file system at `/dev/shm`; null where there is none.
    pub dev_shm_bytes: Option<u64>,
    /// Whether a hypervisor runs the system; left out where that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_machine: Option<bool>,
    /// How the processor's frequency is chosen; left out where the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
}

/// The settings under `/sys/kernel/mm/transparent_hugepage`, each the chosen word alone
/// (`madvise`, `never`); null where the kernel has no such setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HugePages {
    /// `enabled`: anonymous memory.
    pub enabled: Option<String>,
    /// `shmem_enabled`: shared memory that is not mounted with an option of its own.
    pub shmem_enabled: Option<String>,
}
