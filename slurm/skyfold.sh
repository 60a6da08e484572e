# shellcheck shell=bash
# What the job scripts of this folder share; they source it. `bash skyfold.sh` inside a Slurm job fails when the job is
# being pre-empted.
#
# Variables that a job may be given (sbatch --export, qsub -v, or the shell that submits under Slurm):
#   SKYFOLD           the program; default: skyfold, found on the PATH
#   SKYFOLD_LAUNCHER  how ranks are started, e.g. "mpirun --bind-to none"; default: see README.md
#   SKYFOLD_SCRIPTS   folder of this file; default: that of the job script (Slurm), the submission folder (PBS)
#   SKYFOLD_THREADS   PBS: threads of each rank; default: OMP_NUM_THREADS, else 1
#   SKYFOLD_ARGS      PBS: options of the command, where qsub cannot pass arguments
#   SKYFOLD_RESUBMIT  PBS: job script to submit when work is left and qrerun is not allowed
#   SKYFOLD_WARNING   PBS: seconds before the end of the wall time at which the run is stopped; default: 120

SKYFOLD=${SKYFOLD:-skyfold}
export HDF5_USE_FILE_LOCKING=${HDF5_USE_FILE_LOCKING:-FALSE}  # no use: skyfold has a lock of its own, and some file systems refuse
readonly STOPPED=75  # skyfold's exit code: stopped with work left, run the same command again

say() { echo "$(date '+%F %T') ${SLURM_JOB_ID:-${PBS_JOBID:-}}: $*" >&2; }

# Runs `skyfold COMMAND OPTIONS` on the ranks of this job. A signal to this shell makes the ranks stop in good order.
# Leaves skyfold's exit code in `code`.
run_skyfold() {
  command -v "$SKYFOLD" >/dev/null || { say "no program $SKYFOLD (set SKYFOLD, or load the module that has it)"; exit 2; }
  local ranks=$1; shift
  "$SKYFOLD" launch --launcher "$SKYFOLD_LAUNCHER" --ranks "$ranks" ${SLURM_JOB_ID:+--check "bash ${BASH_SOURCE[0]}"} -- "$@" &
  launch=$!
  # In the background, so that this shell acts on signals at once and not when the program has ended.
  trap 'kill -USR1 $launch 2>/dev/null' USR1 TERM
  while kill -0 "$launch" 2>/dev/null; do wait "$launch"; done  # a signal ends wait early
  wait "$launch"
  code=$?
}

# --- Slurm ---------------------------------------------------------------------------------------

# srun where Slurm has the plugin for PMIx, by which Open MPI's ranks find one another: then Slurm binds the ranks, and
# they get the whole grace time of a pre-emption. Otherwise mpirun, within the processors that Slurm leaves to it.
slurm_launcher() {
  if srun --mpi=list 2>&1 | grep -qw pmix; then
    echo "srun --mpi=pmix --kill-on-bad-exit=1${SLURM_CPUS_PER_TASK:+ --cpus-per-task=$SLURM_CPUS_PER_TASK}"
  else
    echo "mpirun --bind-to none"
  fi
}

# What Slurm knows of this job. (The id of an array's last task is that of the array.)
slurm_name() {
  if [ -n "${SLURM_ARRAY_JOB_ID:-}" ]; then echo "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"; else echo "$SLURM_JOB_ID"; fi
}
slurm_fact() { scontrol show job "$(slurm_name)" | sed -n "/\(^\| \)$1=/{s/.*\(^\| \)$1=//;s/ .*//;p;q}"; }

# Slurm signals the ranks of a pre-empted job, but not this shell. Under mpirun that looks like the loss of a node.
slurm_is_preempted() {
  local start preempted
  start=$(slurm_fact StartTime) preempted=$(slurm_fact PreemptTime)
  [[ $preempted == 2* && ! $preempted < $start ]]  # and not in an earlier attempt
}

# Puts this job back into the queue: one that runs, and not one that its user has cancelled or whose time is up.
slurm_requeue() {
  local state
  state=$(slurm_fact JobState)
  if [ "$state" = RUNNING ] && scontrol requeue "$(slurm_name)"; then
    say "work is left: back in the queue"
  else
    say "work is left, and the job is $state: submit it again to finish"
  fi
}

slurm_job() {
  [ $# -gt 1 ] || { say "usage: sbatch $1.sbatch OPTIONS-OF-skyfold-$1"; exit 2; }
  SKYFOLD_LAUNCHER=${SKYFOLD_LAUNCHER:-$(slurm_launcher)}
  run_skyfold 0 "$@"  # as many ranks as the job has tasks
  [ "$code" != "$STOPPED" ] || slurm_requeue
  exit "$code"
}

# --- PBS -----------------------------------------------------------------------------------------

# Seconds of wall time that this job was given; nothing when that cannot be found out.
pbs_walltime() {
  if [ -n "${PBS_WALLTIME:-}" ]; then
    echo "$PBS_WALLTIME"
  elif command -v qstat >/dev/null; then
    qstat -f "$PBS_JOBID" 2>/dev/null | sed -n 's/.*Resource_List.walltime = //p' |
      awk -F: '{ s = 0; for (i = 1; i <= NF; ++i) s = 60 * s + $i; print s }'
  fi
}

# PBS tells nobody that the wall time ends, and its SIGTERM leaves mpirun's ranks a second: so this shell warns itself.
pbs_warn_before_walltime() {
  local shell=$$ seconds
  seconds=$(pbs_walltime)
  [ -n "$seconds" ] || return 0
  seconds=$((seconds - ${SKYFOLD_WARNING:-120}))
  ( sleep $((seconds > 0 ? seconds : 0)) && kill -USR1 "$shell" ) >/dev/null 2>&1 &
  alarm=$!
}

# Torque's node file has a line for each processor and PBS_NUM_PPN of them on a node; that of OpenPBS and PBS
# Professional has a line for each rank (mpiprocs).
pbs_ranks() {
  local ranks
  ranks=$(grep -c . "$PBS_NODEFILE")
  [ -z "${PBS_NUM_PPN:-}" ] || ranks=$((ranks / OMP_NUM_THREADS))
  echo $((ranks > 0 ? ranks : 1))
}

pbs_again() {
  if qrerun "$PBS_JOBID" 2>/dev/null; then
    say "work is left: back in the queue"
  elif [ -n "${SKYFOLD_RESUBMIT:-}" ] && qsub -V -W "depend=afterany:$PBS_JOBID" "$SKYFOLD_RESUBMIT"; then
    say "work is left: submitted again"
  else
    say "work is left: submit the same job again"
  fi
}

pbs_job() {
  local command=$1 ranks; shift
  if [ $# = 0 ]; then
    local words
    read -ra words <<<"${SKYFOLD_ARGS:-}"
    set -- "${words[@]}"
  fi
  [ $# -gt 0 ] || { say "usage: qsub -v SKYFOLD_ARGS='OPTIONS-OF-skyfold-$command' $command.pbs"; exit 2; }
  export OMP_NUM_THREADS=${SKYFOLD_THREADS:-${OMP_NUM_THREADS:-1}}
  ranks=$(pbs_ranks)
  # Debian's Open MPI does not know PBS: the hosts come from its file.
  SKYFOLD_LAUNCHER="${SKYFOLD_LAUNCHER:-mpirun --bind-to none} --hostfile $PBS_NODEFILE --map-by node -x HDF5_USE_FILE_LOCKING"
  alarm=
  pbs_warn_before_walltime
  run_skyfold "$ranks" "$command" "$@"
  [ -z "$alarm" ] || pkill -P "$alarm" 2>/dev/null
  [ "$code" != "$STOPPED" ] || pbs_again
  exit "$code"
}

if [ "${BASH_SOURCE[0]}" = "$0" ] && [ -n "${SLURM_JOB_ID:-}" ]; then ! slurm_is_preempted; fi
