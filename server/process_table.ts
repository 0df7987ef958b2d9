/**
 * The processes of this machine, as Linux tells them in `/proc`. They are read through `cat`: Deno
 * itself may read there only with every permission. Elsewhere, and without the right to run
 * anything, nothing is known.
 */

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** The command line. */
  readonly args: readonly string[];
}

export interface ProcessTable {
  /** Null: it has ended, or nothing is known. */
  read(pid: number): Promise<Process | null>;
  /** The parent of each process that lives. */
  parentsOf(pids: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** True when the process ignores the end of its terminal, as under `nohup`; null: unknown. */
  ignoresHangup(pid: number): Promise<boolean | null>;
}

/** The signals that end this process in order. The end of its terminal is one, unless ignored. */
export async function endSignals(): Promise<readonly Deno.Signal[]> {
  const endsOnHangup = await processTable.ignoresHangup(Deno.pid) === false;
  return ["SIGINT", "SIGTERM", ...(endsOnHangup ? ["SIGHUP" as const] : [])];
}

/** Ends a process at once, where Deno's own exit only waits for a change of a file. */
export async function endProcess(pid: number): Promise<void> {
  const args = ["sh", "-c", 'kill -KILL "$1"', "sh", String(pid)];
  await new Deno.Command("env", { args, stdin: "null", stdout: "null", stderr: "null" }).output();
}

export const processTable: ProcessTable = {
  read: async (pid) => {
    const text = await readProcFiles([`/proc/${pid}/stat`, `/proc/${pid}/cmdline`]);
    const [stat = "", ...rest] = text.split("\n");
    const parent = parseParents(stat).get(pid);
    if (parent === undefined) return null;
    return { pid, parent, args: rest.join("\n").split("\0").filter((arg) => arg !== "") };
  },
  parentsOf: async (pids) =>
    parseParents(await readProcFiles(pids.map((pid) => `/proc/${pid}/stat`))),
  ignoresHangup: async (pid) => {
    const [, mask] =
      /^SigIgn:\s*([0-9a-f]+)$/m.exec(await readProcFiles([`/proc/${pid}/status`])) ?? [];
    return mask === undefined ? null : (Number(`0x${mask.slice(-1)}`) & HANGUP) !== 0;
  },
};

/** The bit of SIGHUP, signal 1. */
const HANGUP = 1;

/** Lines of `/proc/<pid>/stat`: the pid, the name in brackets, the state, the parent. */
function parseParents(text: string): Map<number, number> {
  const lines = text.matchAll(/^(\d+) \(.*\) [A-Za-z] (\d+) /gm);
  return new Map(Array.from(lines, ([, pid, parent]) => [Number(pid), Number(parent)]));
}

/** Files of /proc, one after the other, without those that are not there. */
export async function readProcFiles(files: readonly string[]): Promise<string> {
  if (Deno.build.os !== "linux") return "";
  try {
    const { stdout } = await new Deno.Command("cat", {
      args: [...files],
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  } catch {
    return ""; // there is no `cat`, or no right to run it
  }
}
