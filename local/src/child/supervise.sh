# Runs a command for as long as the one who started us lives, and not longer, even if that one is killed.
#
#   sh supervise.sh LOG COMMAND...     standard input: a pipe that the starter holds open
#
# Says the command's process id on standard output, writes the command's output to LOG, and ends as the command ends.
# When the pipe closes, the command is asked to end (TERM), and after five seconds made to (KILL).
exec 9<&0 </dev/null
log=$1
shift

"$@" >>"$log" 2>&1 9<&- &
child=$!
echo "$child"
exec >/dev/null 2>&1

(
    read -r _ <&9
    kill -TERM "$child"
    kill -CONT "$child"
    tenths=0
    while kill -0 "$child" && [ "$tenths" -lt 50 ]; do
        sleep 0.1
        tenths=$((tenths + 1))
    done
    kill -KILL "$child"
) &
watcher=$!

wait "$child"
code=$?
kill "$watcher"
exit "$code"
