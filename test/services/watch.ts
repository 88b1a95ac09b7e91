/**
 * A shell that becomes the command, after it has started a watcher: the watcher reads from a pipe that only the process
 * which starts it holds, and when that ends, however it ends, kills the command and removes its folder ($0). When the
 * command ended before, the kill fails and the folder stays.
 */
const UNDER_WATCH = `
exec 3<&0 </dev/null
{ read -r _ <&3 || { kill -9 $$ && sleep 1 && rm -rf -- "$0"; }; } >/dev/null 2>&1 &
exec 3<&- "$@"`

/** The command that ends with this process and then leaves no folder. Its standard input must be a pipe. */
export const underWatch = (folder: string, command: readonly string[]): string[] => [
  'sh',
  '-c',
  UNDER_WATCH,
  folder,
  ...command,
]
