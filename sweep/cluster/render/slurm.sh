#!/bin/bash
# Sweep {{ name }} on Slurm, written by `sweep render slurm` (prunesweep {{ version }}).
#
#   sbatch FILE                            start; the same command resumes a sweep that has ended
#   scancel --batch --signal=TERM JOBID    stop: the state is saved, and the job is not queued again
#   sweep status {{ out }}
#
# Every node must see the folder. {{ options.grace }} s before the time limit the driver is told to save its state,
# and the job is queued again: the sweep then resumes where it stopped.
#SBATCH --job-name={{ name }}
#SBATCH --output={{ name }}-%j.log
#SBATCH --open-mode=append
#SBATCH --nodes={{ options.nodes }}
#SBATCH --ntasks-per-node=1
{% if options.cpus %}
#SBATCH --cpus-per-task={{ options.cpus }}
{% endif %}
{% if gpus %}
#SBATCH --gpus-per-node={{ gpus }}
{% endif %}
#SBATCH --mem={{ options.memory }}
{% if options.partition %}
#SBATCH --partition={{ options.partition }}
{% endif %}
{% if options.account %}
#SBATCH --account={{ options.account }}
{% endif %}
#SBATCH --time={{ options.time }}
#SBATCH --signal=B:USR1@{{ options.grace }}
#SBATCH --requeue
# Whole nodes: `ray symmetric-run` ends with `ray stop`, which ends all Ray processes of the user.
#SBATCH --exclusive

{% if setup %}
{{ setup }}

{% endif %}
set -u
work=$(mktemp -d)  # on the first node, where this script and the driver run
again=no           # whether to queue the job again
told_at=           # when the driver was told to stop, in SECONDS

# A token for this job: Ray runs whatever code it receives, and listens on every interface.
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token
export RAY_TMPDIR=/tmp/ps-$SLURM_JOB_ID RAY_USAGE_STATS_ENABLED=0
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300
unset RAY_ADDRESS

# An address of this node that the others can reach: its name may resolve to loopback here.
head=$(getent ahostsv4 "$(hostname)" | awk '$1 !~ /^127\./ {print $1; exit}')
head=${head:-$(hostname -I | awk '{print $1}')}
port=$((20000 + SLURM_JOB_ID % 10000))
address=$head:$port

cat > "$work/config.yaml" <<'PRUNESWEEP_CONFIG'
{{ config }}PRUNESWEEP_CONFIG

cat > "$work/driver" <<'PRUNESWEEP_DRIVER'
work=$1 address=$2
if [ -e "$work/told" ]; then
  echo 143 > "$work/code"  # it was told to stop before the driver began
  exit 143
fi
sweep run "$work/config.yaml" --out {{ out }} --address "$address" &
echo $! > "$work/pid"
if [ -e "$work/told" ]; then kill -TERM $!; fi  # it was told to stop before the pid was written
wait $!
code=$?
echo $code > "$work/code"
exit $code
PRUNESWEEP_DRIVER

tell_driver() {
  told_at=$SECONDS
  touch "$work/told"
  [ -s "$work/pid" ] && kill -TERM "$(cat "$work/pid")"
}
trap 'again=yes; tell_driver' USR1
trap tell_driver TERM

# Each node runs this with HEAD, PORT, and the arguments of symmetric-run. A worker that is faster
# than the head's own node fails to join, with any exit code, and retries while the head is up. The
# head starts no dashboard, which would need ten more processes and a port.
# shellcheck disable=SC2016
node='
  head=$1 port=$2; shift 2
  set -- --num-cpus={{ options.cpus or '"$SLURM_CPUS_ON_NODE"' }} "$@"
  case " $(hostname -I) " in *" $head "*) set -- --include-dashboard=false "$@" ;; esac
  while :; do
    ray symmetric-run "$@"
    code=$?
    (exec 3<> "/dev/tcp/$head/$port") 2> /dev/null || exit $code
    sleep 5
  done'

# --wait=0, --kill-on-bad-exit=0: a node that leaves early must not take the others with it.
srun --nodes={{ options.nodes }} --ntasks={{ options.nodes }} --ntasks-per-node=1 \
{% if options.cpus %}
  --cpus-per-task={{ options.cpus }} \
{% else %}
  --cpu-bind=none \
{% endif %}
{% if gpus %}
  --gpus-per-node={{ gpus }} \
{% endif %}
  --wait=0 --kill-on-bad-exit=0 \
  bash -c "$node" node "$head" "$port" --address "$address" {% if options.nodes > 1 %}--min-nodes {{ options.nodes }} {% endif %}\
  --num-gpus={{ gpus }} --object-store-memory=268435456 \
  -- bash "$work/driver" "$work" "$address" &
step=$!

running() { kill -0 "$step" 2> /dev/null; }
pause() { sleep 1 & wait $!; }  # a signal interrupts `wait` at once, but not `sleep`
too_late() { [ -n "$told_at" ] && [ $((SECONDS - told_at)) -gt {{ options.grace - 120 }} ]; }

while running && [ ! -s "$work/code" ] && ! too_late; do pause; done
for _ in $(seq 90); do  # the other nodes leave after the head
  running || break
  too_late && break
  pause
done
if running; then kill "$step"; fi
code=$(cat "$work/code" 2> /dev/null)
rm -rf "$work"
timeout 30 srun --nodes={{ options.nodes }} --ntasks-per-node=1 rm -rf "$RAY_TMPDIR"

if [ $again = yes ] && [ "$code" != 0 ] && [ "$code" != 3 ]; then
  echo "the time limit is near: job $SLURM_JOB_ID is queued again" >&2
  scontrol requeue "$SLURM_JOB_ID"
elif [ -z "$code" ]; then
  echo "error: the sweep did not start: Ray did not start on {{ options.nodes }} node(s), see above" >&2
  code=5
fi
exit "${code:-143}"
