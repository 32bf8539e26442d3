# Records one hook event as one file in the spool. Claude Code runs (docs/decisions/0003-hook-in-sh.md):
#
#     trap 'exit 0' 0; h=<absolute home>; . "$h/record.sh" 2>/dev/null; exit 0
#
# The user's tool waits for this: `cat` is the only process. Exit code 2 would block that tool, and it is the code
# POSIX shells use for their own failures, so whatever ends this shell ends it with 0: said here too, for the lines
# that earlier versions wired. It runs in dash, bash, busybox, zsh, ksh93, mksh and yash.
trap 'exit 0' 0
# In bash a function that somebody exports comes before a command of that name, but in POSIX mode not before those
# that end or undo things; and what is undone then is every function whose name is used below.
POSIXLY_CORRECT=1
unset -f command cat printf read kill cd env umask [
# What is printed may end up in the model's context. Standard error is /dev/null here, and opens nothing: ksh93 keeps
# what a full disk did not take, and prints it later.
exec >&2

# The clock first: bash 5 has one, other shells leave it to the file's time of change.
cc_otel_clock=${EPOCHREALTIME-}
# Bytes are bytes, and A-Z are 26 letters.
LC_ALL=C
# An `env` block in a cloned repository's settings must not choose our `cat`. Where the system keeps its programs
# elsewhere (NixOS), the user's own PATH is the last resort.
PATH=/usr/bin:/bin:$PATH
umask 077
# O_EXCL: process ids recur, and a file that has not been read yet is never written over.
set -C

# Writes the event to a new file; docs/spool.md has the format. Counts it as lost where no file can be made.
cc_otel_record() {
  cc_otel_session=${CLAUDE_CODE_SESSION_ID-}
  [ ${#cc_otel_session} -le 64 ] || cc_otel_session=
  case $cc_otel_session in '' | *[!A-Za-z0-9_-]*) cc_otel_session=unnamed ;; esac
  cc_otel_pid=${CLAUDE_PID-}
  case $cc_otel_pid in '' | *[!0-9]* | ???????????*) cc_otel_pid=0 ;; esac

  cc_otel_n=0
  while [ "$cc_otel_n" -lt 100 ]; do
    cc_otel_name=$cc_otel_session.$cc_otel_pid.$$.$cc_otel_n
    # Where the file cannot be made the braces are not entered and standard input is still whole. Once they are,
    # this is the event's only file, whatever a full disk does to it: the reader knows it by its missing trailer.
    {
      printf '%s\000' cc-otel/1 "CLOCK=$cc_otel_clock" \
        ${CLAUDE_PID+"CLAUDE_PID=$CLAUDE_PID"} \
        ${CLAUDE_PLUGIN_ROOT+"CLAUDE_PLUGIN_ROOT=$CLAUDE_PLUGIN_ROOT"} \
        ${CLAUDE_CODE_ENTRYPOINT+"CLAUDE_CODE_ENTRYPOINT=$CLAUDE_CODE_ENTRYPOINT"} \
        ${TRACEPARENT+"TRACEPARENT=$TRACEPARENT"} \
        ${TRACESTATE+"TRACESTATE=$TRACESTATE"} \
        ${AI_AGENT+"AI_AGENT=$AI_AGENT"} \
        ${CC_OTEL_SOURCE_APP+"CC_OTEL_SOURCE_APP=$CC_OTEL_SOURCE_APP"} \
        '' &&
        cat &&
        printf '\000cc-otel-end %s\n' "$cc_otel_name"
      return
    } >"$h/spool/new/$cc_otel_name"
    cc_otel_n=$((cc_otel_n + 1))
  done
  cc_otel_lost
}

# Counts an event that was not recorded. The file is made beforehand, so that this works without a free inode; where
# it is anything but a file (a FIFO that nobody reads would hold the tool up) the event is not even counted.
cc_otel_lost() {
  # Without `set +C` zsh would append to no file that is not there.
  [ -f "$h/spool/lost" ] || [ ! -e "$h/spool/lost" ] && set +C && printf x >>"$h/spool/lost"
}

# Starts the agent where its process is gone; a race between two starts is the agent's to decide, by its lock.
# Nothing of this environment reaches it, and nobody waits for it.
cc_otel_start() {
  cc_otel_agent= cc_otel_began=
  [ -f "$h/agent.pid" ] && read -r cc_otel_agent cc_otel_began <"$h/agent.pid"
  case $cc_otel_agent in 0* | *[!0-9]* | ???????????*) cc_otel_agent= ;; esac
  [ -n "$cc_otel_agent" ] && kill -0 "$cc_otel_agent" && cc_otel_is_agent && return
  [ -x "$h/start" ] || return
  cd "$h" && exec env -i PATH=/usr/bin:/bin "$h/start" </dev/null >/dev/null 2>&1 &
}

# Whether the process is the one that wrote agent.pid: after a crash its number may be another program's. Where the
# system has no /proc, the number has to do.
cc_otel_is_agent() {
  [ -n "$cc_otel_began" ] && read -r cc_otel_stat <"/proc/$cc_otel_agent/stat" || return 0
  # Behind the program's name, which may hold anything, the time it began is the twentieth word (proc(5)). The words
  # are taken off one by one, because zsh does not split them.
  cc_otel_stat=${cc_otel_stat##*\) } cc_otel_n=1
  while [ "$cc_otel_n" -lt 20 ]; do
    cc_otel_stat=${cc_otel_stat#* } cc_otel_n=$((cc_otel_n + 1))
  done
  [ "${cc_otel_stat%% *}" = "$cc_otel_began" ]
}

if [ "${CC_OTEL_OFF-}" != 1 ] && [ ! -e "$h/off" ]; then
  if [ -e "$h/spool/full" ]; then
    cc_otel_lost
  else
    cc_otel_record
  fi
  # Only the events that begin something (SessionStart, UserPromptSubmit) are wired with `s=1`.
  if [ "${s-}" = 1 ]; then
    cc_otel_start
  fi
fi
