//! What the kernel accounts to a process: resident, proportional and private anonymous memory, and
//! how much of a range lies in huge pages.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::ops::Range;

/// What is resident; cheap to read (`/proc/<pid>/status`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResidentMemory {
    /// Bytes resident now, shared ones included (`VmRSS`).
    pub rss: u64,
    /// The most ever resident (`VmHWM`), bytes.
    pub rss_peak: u64,
}

/// All that the kernel accounts, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Resident now, shared pages included.
    pub rss: u64,
    /// The most ever resident.
    pub rss_peak: u64,
    /// Resident now, each shared page divided by the number of those that map it.
    pub pss: u64,
    /// Private pages of anonymous memory: heap, stacks, private mappings and copies made by writing
    /// to inherited or file-backed pages, as far as no other process maps the same page. What a
    /// forked child still shares with its parent is not private to either of them.
    ///
    /// Taken from `/proc/<pid>/smaps`, mapping by mapping: `Private_Clean + Private_Dirty` where
    /// the mapping has no file, and where it has one `Private_Dirty`, at most `Anonymous` (a dirty
    /// page of a private file mapping is the process's own copy). `smaps_rollup` does not have it: its
    /// `Private_*` hold a file's pages too, its `Anonymous` shared ones.
    pub private: u64,
}

impl ResidentMemory {
    /// Of a process; `NotFound` if there is none.
    pub fn of(pid: u32) -> io::Result<ResidentMemory> {
        let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(parse_status(&text))
    }
}

impl ProcessMemory {
    /// Of a process; `NotFound` if there is none.
    ///
    /// The kernel walks all page tables of the process for it: 10 ms a GB of small pages mapped, so
    /// not while a clock runs.
    pub fn of(pid: u32) -> io::Result<ProcessMemory> {
        let resident = ResidentMemory::of(pid)?;
        let smaps = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
        Ok(ProcessMemory::from(resident, &smaps))
    }

    fn from(ResidentMemory { rss, rss_peak }: ResidentMemory, smaps: &str) -> ProcessMemory {
        let (mut pss, mut private) = (0, 0);
        for mapping in parse_smaps(smaps) {
            pss += mapping.pss;
            private += mapping.private_anonymous();
        }
        ProcessMemory {
            rss,
            rss_peak,
            pss,
            private,
        }
    }
}

/// What the kernel accounts to this process, its files held open: for a process that is going to
/// be unable to open any.
#[derive(Debug)]
pub struct Accounts {
    status: File,
    smaps: File,
}

impl Accounts {
    /// Of the process that opens them. A child that is forked later would read its parent's.
    pub fn open() -> io::Result<Accounts> {
        Ok(Accounts {
            status: File::open("/proc/self/status")?,
            smaps: File::open("/proc/self/smaps")?,
        })
    }

    /// As [`ResidentMemory::of`] this process.
    pub fn resident(&self) -> io::Result<ResidentMemory> {
        Ok(parse_status(&read_again(&self.status)?))
    }

    /// As [`ProcessMemory::of`] this process.
    pub fn memory(&self) -> io::Result<ProcessMemory> {
        Ok(ProcessMemory::from(
            self.resident()?,
            &read_again(&self.smaps)?,
        ))
    }
}

/// The present content of a file of /proc, from its start.
fn read_again(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Bytes of the mappings that touch `range` that are in huge pages, private or shared.
pub(crate) fn huge_bytes(range: Range<u64>) -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/smaps")?;
    Ok(parse_smaps(&text)
        .filter(|mapping| {
            mapping.addresses.start < range.end && range.start < mapping.addresses.end
        })
        .map(|mapping| mapping.huge)
        .sum::<u64>()
        .min(range.end - range.start))
}

fn parse_status(text: &str) -> ResidentMemory {
    let mut memory = ResidentMemory::default();
    for (key, bytes) in text.lines().filter_map(parse_size) {
        match key {
            "VmRSS" => memory.rss = bytes,
            "VmHWM" => memory.rss_peak = bytes,
            _ => {}
        }
    }
    memory
}

/// One mapping of `smaps`: addresses, and bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct MappingMemory {
    addresses: Range<u64>,
    has_file: bool,
    pss: u64,
    private_clean: u64,
    private_dirty: u64,
    anonymous: u64,
    huge: u64,
}

impl MappingMemory {
    fn private_anonymous(&self) -> u64 {
        let private = match self.has_file {
            true => self.private_dirty,
            false => self.private_clean + self.private_dirty,
        };
        private.min(self.anonymous)
    }

    fn take(&mut self, key: &str, bytes: u64) {
        match key {
            "Pss" => self.pss = bytes,
            "Private_Clean" => self.private_clean = bytes,
            "Private_Dirty" => self.private_dirty = bytes,
            "Anonymous" => self.anonymous = bytes,
            "AnonHugePages" | "ShmemPmdMapped" | "FilePmdMapped" => self.huge += bytes,
            _ => {}
        }
    }
}

fn parse_smaps(text: &str) -> impl Iterator<Item = MappingMemory> {
    let mut lines = text.lines().peekable();
    std::iter::from_fn(move || {
        let mut mapping = loop {
            if let Some(header) = parse_header(lines.next()?) {
                break header;
            }
        };
        while let Some(line) = lines.next_if(|line| parse_header(line).is_none()) {
            if let Some((key, bytes)) = parse_size(line) {
                mapping.take(key, bytes);
            }
        }
        Some(mapping)
    })
}

/// `55de4408a000-55de4408d000 r--p 00000000 fe:00 247749    /usr/bin/sed`; inode 0 means no file.
fn parse_header(line: &str) -> Option<MappingMemory> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let addresses = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
    let inode = fields.nth(3)?;
    Some(MappingMemory {
        addresses,
        has_file: inode != "0",
        ..MappingMemory::default()
    })
}

/// `Private_Dirty:        12 kB` as key and bytes.
fn parse_size(line: &str) -> Option<(&str, u64)> {
    let (key, value) = line.split_once(':')?;
    let kib: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
    Some((key, kib.checked_mul(1024)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
55de4408a000-55de4408d000 rw-p 00000000 fe:00 247749                     /usr/bin/a file: with kB
Rss:                  12 kB
Pss:                  11 kB
Shared_Dirty:          0 kB
Private_Clean:         4 kB
Private_Dirty:         8 kB
Anonymous:             4 kB
AnonHugePages:         0 kB
VmFlags: rd mr mw me
7f0000000000-7f0000400000 rw-p 00000000 00:00 0
Pss:                4096 kB
Private_Clean:       100 kB
Private_Dirty:      1900 kB
Anonymous:          4096 kB
AnonHugePages:      2048 kB
ShmemPmdMapped:        0 kB
7f1000000000-7f1000400000 rw-s 00000000 00:18 99                         /dev/shm/x
Pss:                 100 kB
Private_Dirty:       100 kB
Anonymous:             0 kB
ShmemPmdMapped:     2048 kB
";

    #[test]
    fn private_anonymous_memory_is_summed_mapping_by_mapping() {
        let mappings: Vec<_> = parse_smaps(SMAPS).collect();
        let private: Vec<_> = mappings
            .iter()
            .map(|m| m.private_anonymous() / 1024)
            .collect();
        assert_eq!(private, [4, 2000, 0]);
        assert_eq!(mappings.iter().map(|m| m.pss / 1024).sum::<u64>(), 4207);
        assert_eq!(mappings[1].addresses, 0x7f0000000000..0x7f0000400000);
        assert_eq!(
            mappings.iter().map(|m| m.huge / 1024).collect::<Vec<_>>(),
            [0, 2048, 2048]
        );
    }

    #[test]
    fn status_is_read() {
        let memory = parse_status("Name:\tVmRSS: x\nVmHWM:\t    2080 kB\nVmRSS:\t    2000 kB\n");
        assert_eq!(
            memory,
            ResidentMemory {
                rss: 2000 * 1024,
                rss_peak: 2080 * 1024
            }
        );
    }

    #[test]
    fn accounts_held_open_tell_what_is_now() {
        let accounts = Accounts::open().unwrap();
        accounts.memory().unwrap();
        // Other tests take memory and give it back meanwhile.
        let ballast = vec![1u8; 64 << 20];
        let now = accounts.memory().unwrap();
        assert!(now.private >= 64 << 20, "{now:?}");
        assert!(accounts.resident().unwrap().rss >= 64 << 20);
        drop(ballast);
    }

    #[test]
    fn this_process_has_memory_and_no_process_has_none() {
        let memory = ProcessMemory::of(std::process::id()).unwrap();
        assert!(memory.rss > 0 && memory.rss_peak >= memory.rss);
        assert!(memory.private > 0 && memory.pss >= memory.private);
        assert!(ProcessMemory::of(4_194_305).is_err());
    }
}
