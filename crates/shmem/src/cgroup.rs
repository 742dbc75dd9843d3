//! What the memory control groups above this process leave, in version 1 and 2 of the interface.
//!
//! The limit of every ancestor counts, so the tightest of them is looked for. Parsing is apart from
//! reading files: every `parse_*` takes the text of one file of /proc or of the control group.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::room::CgroupRoom;
use crate::sys;

/// The interface, whose files have different names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// Where a hierarchy that can limit memory is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// The part of the hierarchy that is to be seen here.
    root: String,
    mount_point: PathBuf,
}

/// The room that the tightest group leaves; `None` where no group limits the memory.
pub(crate) fn room() -> Option<CgroupRoom> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = parse_mounts(&fs::read_to_string("/proc/self/mountinfo").ok()?);
    let mut tightest: Option<CgroupRoom> = None;
    for mount in mounts {
        let Some(group) = parse_own_group(&own, mount.version) else {
            continue;
        };
        for path in groups(&mount, group) {
            let Some(available) = available(&path, mount.version) else {
                continue;
            };
            if tightest
                .as_ref()
                .is_none_or(|least| available < least.available)
            {
                tightest = Some(CgroupRoom { path, available });
            }
        }
    }
    tightest
}

fn available(path: &Path, version: Version) -> Option<u64> {
    let read = |file: &str| fs::read_to_string(path.join(file)).ok();
    let (limit, usage) = match version {
        Version::V1 => ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        Version::V2 => ("memory.max", "memory.current"),
    };
    parse_available(
        version,
        &read(limit)?,
        &read(usage)?,
        &read("memory.stat").unwrap_or_default(),
    )
}

/// Limit less usage; the file pages that the kernel would drop first are not counted as used.
/// (Pages of shared memory are not among them: they are kept on the lists of anonymous memory.)
fn parse_available(version: Version, limit: &str, usage: &str, stat: &str) -> Option<u64> {
    // Version 1 says "no limit" as the highest number of whole pages, version 2 as "max".
    let unlimited = i64::MAX as u64 / sys::page_size() * sys::page_size();
    let limit: u64 = limit
        .trim()
        .parse()
        .ok()
        .filter(|limit| *limit < unlimited)?;
    let usage: u64 = usage.trim().parse().ok()?;
    let keys = match version {
        Version::V1 => ["total_inactive_file", "total_active_file"],
        Version::V2 => ["inactive_file", "active_file"],
    };
    let droppable: u64 = stat
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(key, _)| keys.contains(key))
        .filter_map(|(_, value)| value.trim().parse::<u64>().ok())
        .sum();
    Some(limit.saturating_sub(usage.saturating_sub(droppable)))
}

/// The group of this process in the hierarchy of that version, from `/proc/self/cgroup`:
/// `4:memory:/path` or `0::/path`.
fn parse_own_group(text: &str, version: Version) -> Option<&str> {
    text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let found = match version {
            Version::V1 => controllers.split(',').any(|name| name == "memory"),
            Version::V2 => id == "0" && controllers.is_empty(),
        };
        found.then_some(path)
    })
}

/// The mounts that can limit memory, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)): fields
/// 4 and 5 are root and mount point; after a lone hyphen come type, source and super options.
fn parse_mounts(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_mount).collect()
}

fn parse_mount(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut fields = file_system.split(' ');
    let version = match fields.next()? {
        "cgroup2" => Version::V2,
        "cgroup" if fields.nth(1)?.split(',').any(|option| option == "memory") => Version::V1,
        _ => return None,
    };
    let mut fields = mount.split(' ').skip(3);
    let (root, mount_point) = (unescape(fields.next()?), unescape(fields.next()?));
    Some(Mount {
        version,
        root,
        mount_point: mount_point.into(),
    })
}

/// mountinfo writes space, tab, newline and backslash as `\ooo`.
fn unescape(text: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (code, plain)| {
        text.replace(code, plain)
    })
}

/// The directories of a group and of all its ancestors that are to be seen, the group first.
fn groups(mount: &Mount, group: &str) -> Vec<PathBuf> {
    let below = Path::new(group)
        .strip_prefix(&mount.root)
        .unwrap_or(Path::new(""));
    // A group outside of what is mounted here (seen from a cgroup namespace: `/../x`): the mount
    // itself is then the nearest that can be read.
    let inside = below
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let below = if inside { below } else { Path::new("") };
    below
        .ancestors()
        .map(|part| mount.mount_point.join(part))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24683656k
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
41 31 0:38 /docker/ab\\040c /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
";

    #[test]
    fn memory_hierarchies_are_found_among_the_mounts() {
        let mounts = parse_mounts(MOUNTINFO);
        let found: Vec<_> = mounts
            .iter()
            .map(|m| (m.version, m.root.as_str(), m.mount_point.as_path()))
            .collect();
        assert_eq!(
            found,
            [
                (Version::V1, "/", Path::new("/sys/fs/cgroup/memory")),
                (
                    Version::V2,
                    "/docker/ab c",
                    Path::new("/sys/fs/cgroup/unified")
                ),
            ]
        );
    }

    #[test]
    fn the_own_group_is_found_in_either_version() {
        let text = "9:name=systemd:/\n4:cpu,memory:/job/a:b\n1:memoryless:/x\n0::/user/1\n";
        assert_eq!(parse_own_group(text, Version::V1), Some("/job/a:b"));
        assert_eq!(parse_own_group(text, Version::V2), Some("/user/1"));
        assert_eq!(parse_own_group("0::/\n", Version::V1), None);
        assert_eq!(parse_own_group("nonsense\n", Version::V2), None);
    }

    #[test]
    fn every_visible_ancestor_counts() {
        let mount = |root: &str| Mount {
            version: Version::V2,
            root: root.to_owned(),
            mount_point: "/cg".into(),
        };
        let paths = |root, group| {
            groups(&mount(root), group)
                .into_iter()
                .map(|path| path.to_str().unwrap().trim_end_matches('/').to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(paths("/", "/a/b"), ["/cg/a/b", "/cg/a", "/cg"]);
        assert_eq!(paths("/docker/x", "/docker/x/job"), ["/cg/job", "/cg"]);
        assert_eq!(paths("/docker/x", "/elsewhere"), ["/cg"]);
        assert_eq!(paths("/", "/../other"), ["/cg"]);
        assert_eq!(paths("/", "/"), ["/cg"]);
    }

    #[test]
    fn what_a_group_leaves_is_its_limit_less_what_it_cannot_drop() {
        let v1 = "cache 5\ninactive_file 999\ntotal_inactive_file 100\ntotal_active_file 50\n";
        assert_eq!(
            parse_available(Version::V1, "1000\n", "700\n", v1),
            Some(450)
        );
        let v2 = "anon 1\nfile 9\nshmem 9\ninactive_file 30\nactive_file 20\n";
        assert_eq!(
            parse_available(Version::V2, "1000\n", "700\n", v2),
            Some(350)
        );
        assert_eq!(
            parse_available(Version::V2, "1000\n", "1700\n", ""),
            Some(0)
        );
        assert_eq!(parse_available(Version::V2, "max\n", "700\n", v2), None);
        let unlimited = "9223372036854771712\n";
        assert_eq!(parse_available(Version::V1, unlimited, "700\n", ""), None);
    }
}
