//! What the control groups above this process leave of memory and of tasks, in version 1 and 2 of the
//! interface.
//!
//! The limit of every ancestor counts, so the tightest of them is looked for. Parsing is apart from
//! reading files: every `parse_*` takes the text of one file of /proc or of the control group.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::limit::CgroupRoom;
use crate::sys;

/// The interface, whose files have different names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// Where a hierarchy that may have a controller is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// The part of the hierarchy that is to be seen here.
    root: String,
    mount_point: PathBuf,
}

/// The memory that the tightest group leaves; `None` where no group limits it.
pub(crate) fn room() -> Option<CgroupRoom> {
    tightest("memory", available_memory)
}

/// The processes and threads that the tightest group leaves; `None` where no group limits them.
pub(crate) fn tasks() -> Option<CgroupRoom> {
    tightest("pids", |path, _| available_tasks(path))
}

fn tightest(
    controller: &str,
    look: impl Fn(&Path, Version) -> Option<CgroupRoom>,
) -> Option<CgroupRoom> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = parse_mounts(&mounts, controller)
        .into_iter()
        .filter_map(|mount| {
            let group = parse_own_group(&own, mount.version, controller)?;
            Some((groups(&mount, group), mount.version))
        });
    groups
        .flat_map(|(paths, version)| paths.into_iter().map(move |path| (path, version)))
        .filter_map(|(path, version)| look(&path, version))
        .min_by_key(|room| room.available)
}

fn available_memory(path: &Path, version: Version) -> Option<CgroupRoom> {
    let read = |file: &str| fs::read_to_string(path.join(file)).ok();
    let (limit, usage) = match version {
        Version::V1 => ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        Version::V2 => ("memory.max", "memory.current"),
    };
    let (file, limit) = (path.join(limit), parse_limit(version, &read(limit)?)?);
    let stat = read("memory.stat").unwrap_or_default();
    Some(CgroupRoom {
        file,
        limit,
        available: parse_available(version, limit, &read(usage)?, &stat)?,
    })
}

/// The files are the same in both versions.
fn available_tasks(path: &Path) -> Option<CgroupRoom> {
    let file = path.join("pids.max");
    let limit: u64 = fs::read_to_string(&file).ok()?.trim().parse().ok()?;
    let used = fs::read_to_string(path.join("pids.current")).ok()?;
    let available = limit.saturating_sub(used.trim().parse().ok()?);
    Some(CgroupRoom {
        file,
        limit,
        available,
    })
}

/// A limit in bytes, if there is one: version 1 says "no limit" as the highest number of whole
/// pages, version 2 as "max".
fn parse_limit(version: Version, text: &str) -> Option<u64> {
    let unlimited = match version {
        Version::V1 => i64::MAX as u64 / sys::page_size() * sys::page_size(),
        Version::V2 => u64::MAX,
    };
    let limit: u64 = text.trim().parse().ok()?;
    (limit < unlimited).then_some(limit)
}

/// Limit less usage; the file pages that the kernel would drop first are not counted as used.
/// (Pages of shared memory are not among them: they are kept on the lists of anonymous memory.)
fn parse_available(version: Version, limit: u64, usage: &str, stat: &str) -> Option<u64> {
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
fn parse_own_group<'a>(text: &'a str, version: Version, controller: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let found = match version {
            Version::V1 => controllers.split(',').any(|name| name == controller),
            Version::V2 => id == "0" && controllers.is_empty(),
        };
        found.then_some(path)
    })
}

/// The mounts that may have the controller, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)): fields
/// 4 and 5 are root and mount point; after a lone hyphen come type, source and super options.
fn parse_mounts(text: &str, controller: &str) -> Vec<Mount> {
    text.lines()
        .filter_map(|line| parse_mount(line, controller))
        .collect()
}

fn parse_mount(line: &str, controller: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut fields = file_system.split(' ');
    let version = match fields.next()? {
        "cgroup2" => Version::V2,
        "cgroup" if fields.nth(1)?.split(',').any(|option| option == controller) => Version::V1,
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
        let mounts = parse_mounts(MOUNTINFO, "memory");
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
        assert_eq!(
            parse_own_group(text, Version::V1, "memory"),
            Some("/job/a:b")
        );
        assert_eq!(
            parse_own_group(text, Version::V2, "memory"),
            Some("/user/1")
        );
        assert_eq!(parse_own_group("0::/\n", Version::V1, "memory"), None);
        assert_eq!(parse_own_group("unparsable\n", Version::V2, "memory"), None);
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
        assert_eq!(parse_available(Version::V1, 1000, "700\n", v1), Some(450));
        let v2 = "anon 1\nfile 9\nshmem 9\ninactive_file 30\nactive_file 20\n";
        assert_eq!(parse_available(Version::V2, 1000, "700\n", v2), Some(350));
        assert_eq!(parse_available(Version::V2, 1000, "1700\n", ""), Some(0));
    }

    #[test]
    fn no_limit_is_distinguished_from_a_limit() {
        assert_eq!(parse_limit(Version::V1, "1000\n"), Some(1000));
        assert_eq!(parse_limit(Version::V1, "9223372036854771712\n"), None);
        assert_eq!(parse_limit(Version::V2, "1000\n"), Some(1000));
        assert_eq!(parse_limit(Version::V2, "max\n"), None);
    }
}
