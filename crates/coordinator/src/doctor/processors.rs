//! Processors: how many this process may use of those there are, and how fast they are let run.

use super::finding::{Fix, better, good, read};
use report::Finding;

pub(super) fn findings() -> Vec<Finding> {
    let usable = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let online = nix::unistd::sysconf(nix::unistd::SysconfVar::_NPROCESSORS_ONLN)
        .ok()
        .flatten()
        .and_then(|online| u64::try_from(online).ok())
        .unwrap_or(usable);
    let chosen =
        nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).map_or(online, |set| {
            let of_it =
                (0..nix::sched::CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false));
            of_it.count() as u64
        });
    let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    [
        Some(processors(usable, chosen, online)),
        governor.map(|word| clock_rate(&word)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `usable` counts affinity and quota, `chosen` the affinity alone.
fn processors(usable: u64, chosen: u64, online: u64) -> Finding {
    let topic = "processors";
    if usable < chosen {
        better(
            topic,
            format!("{usable} of {online}"),
            "a control group's quota allows no more, and takes the processors away for the rest of each period \
             once it is spent: times vary",
        )
        .fix("raise cpu.max (cpu.cfs_quota_us) of the control group, or --cpus of the container")
    } else if chosen < online {
        better(
            topic,
            format!("{usable} of {online}"),
            "this process is bound to some of them, and --workers defaults to their number",
        )
        .fix(format!("taskset -cp 0-{} $$", online - 1))
    } else {
        good(
            topic,
            usable.to_string(),
            "all there are; --workers defaults to their number",
        )
    }
}

fn clock_rate(governor: &str) -> Finding {
    let topic = "clock rate";
    match governor {
        "performance" => good(topic, governor, "processors run at full speed from the start"),
        _ => better(
            topic,
            governor,
            "processors speed up only once they are busy, which a run of some milliseconds hardly sees",
        )
        .fix("sudo cpupower frequency-set -g performance"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use report::Grade;

    #[test]
    fn fewer_processors_than_there_are_have_a_reason() {
        assert_eq!(processors(8, 8, 8).grade, Grade::Good);
        let bound = processors(2, 2, 8);
        assert_eq!(
            (bound.grade, &bound.fix.unwrap()[..]),
            (Grade::CouldBeBetter, "taskset -cp 0-7 $$")
        );
        assert!(processors(2, 8, 8).means.contains("quota"));
        assert_eq!(clock_rate("performance").grade, Grade::Good);
        assert_eq!(clock_rate("powersave").grade, Grade::CouldBeBetter);
    }
}
