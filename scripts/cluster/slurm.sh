#!/bin/bash
# An example for Slurm: one rank a node, all of a node's cores for its workers, and a checkpoint, so
# that the job goes on where it was if a node fails or its time is up.
#
#   sbatch --nodes 16 scripts/cluster/slurm.sh '/shared/shards/*.npy'
#
#SBATCH --job-name=handoff
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=00:30:00
#SBATCH --requeue
#SBATCH --output=handoff-%j.json
#SBATCH --error=handoff-%j.log
# The log goes on where it was when the job is started again.
#SBATCH --open-mode=append
set -eu
: "${1:?which datasets?}"

# Where `cluster` and `worker` stand beside each other, on a file system that all nodes see.
programs=${HANDOFF_PROGRAMS:-$SLURM_SUBMIT_DIR/target/release}
checkpoint=${HANDOFF_CHECKPOINT:-$SLURM_SUBMIT_DIR/checkpoint-$SLURM_JOB_ID}

# --mpi=pmix is Open MPI's; MPICH's is --mpi=pmi2. A rank that dies ends all others, and a node that
# is gone has Slurm start the job again. --cpu-bind=none leaves a rank's workers all cores.
srun --mpi=pmix --kill-on-bad-exit=1 --cpu-bind=none \
    "$programs/cluster" sum "$@" --checkpoint "$checkpoint" --format json

rm -r "$checkpoint"
