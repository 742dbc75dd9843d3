//! The cases, by what they are about.

mod deaths;
mod ends;
mod failures;
mod hostile;
mod limits;
mod privileges;
mod starts;
mod streams;

use crate::pools::Pools;

/// One behaviour that every start method is to have.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Pools),
    /// Whether its workers have children, whom nobody but the subreaper can reap.
    pub(crate) leaves_orphans: bool,
}

macro_rules! cases {
    ($($file:ident: $($name:ident)*;)*) => {
        &[$($(Case {
            name: concat!(stringify!($file), "::", stringify!($name)),
            run: $file::$name,
            leaves_orphans: {
                let name = stringify!($name).as_bytes();
                matches!(name, [.., b'g', b'r', b'a', b'n', b'd', b'c', b'h', b'i', b'l', b'd'])
            },
        }),*),*]
    };
}

pub(crate) const ALL: &[Case] = cases! {
    failures: an_error_is_its_tasks_own a_panic_is_its_tasks_own unknown_tasks_and_outputs;
    deaths: every_way_to_die retries_are_counted a_second_try_succeeds a_closed_socket
        nonsense_costs_the_task_only killed_while_idle killed_in_turn a_flood_of_stderr
        a_lost_grandchild;
    limits: a_task_that_takes_too_long cancelled_while_queued cancelled_while_running
        the_queue_bound_is_exact many_tiny_tasks recycled_with_a_backlog an_output_too_long;
    streams: long_outputs_arrive_whole long_inputs_are_streamed death_mid_stream
        a_source_that_fails a_file_that_is_cut maps_and_reductions;
    privileges: a_sandbox_lets_nothing_out a_sandbox_leaves_what_tasks_need
        a_sandbox_has_its_inputs an_initializer_is_not_confined
        threads_of_an_initializer_cannot_be_confined only_descriptors_that_were_given
        no_new_privileges;
    hostile: nonsense_beside_a_lane lies_about_lengths lies_about_arrays a_stall_mid_frame a_flood answers_twice answers_for_others
        programs_that_go_wrong programs_that_do_not_greet a_worker_that_hides_its_memory
        a_flooding_grandchild;
    starts: an_initializer_that_fails an_initializer_that_dies no_such_program
        programs_that_quit_at_once a_program_that_says_nothing no_fork_beside_threads;
    ends: drain_answers_everything now_resolves_all dropped_while_busy dropped_with_a_grandchild
        deaf_to_sigterm;
};

pub(crate) fn named(name: &str) -> &'static Case {
    ALL.iter()
        .find(|case| case.name == name)
        .unwrap_or_else(|| panic!("no case {name}"))
}
