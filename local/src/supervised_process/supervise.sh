# Runs a command for as long as the process that started this script lives. The command ends even if that process is
# killed.
#
#   sh supervise.sh LOG COMMAND...     standard input: a pipe that the starter holds open
#
# Prints the command's process id on standard output, writes the command's output to LOG, and exits with the command's
# status. When the pipe closes, the command gets TERM, and after five seconds KILL.
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
