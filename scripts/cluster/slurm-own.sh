#!/bin/bash
# An example for Slurm and own tasks: one rank a node, all of a node's cores for its workers. A program whose
# maps are kept (`map_checkpointed`) goes on where it was when Slurm starts the job again.
#
#   sbatch --nodes 16 scripts/cluster/slurm-own.sh target/release/examples/own kept /shared/results 100000 10
#
#SBATCH --job-name=handoff-own
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=01:00:00
#SBATCH --requeue
#SBATCH --output=handoff-%j.out
#SBATCH --error=handoff-%j.log
#SBATCH --open-mode=append
set -eu
: "${1:?which program?}"

# --mpi=pmix is Open MPI's; MPICH's is --mpi=pmi2. A rank that dies ends all others, and a node that is gone has
# Slurm start the job again. --cpu-bind=none leaves a rank's workers all cores.
srun --mpi=pmix --kill-on-bad-exit=1 --cpu-bind=none "$@"
