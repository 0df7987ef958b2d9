/** Runs the load (load.ts) as a process of its own, so that it takes nothing of a server's core. */
import type { LoadReport, LoadTask } from "./load_task.ts";

const WARM_UP_MS = 1_000;
const MEASURE_MS = 4_000;

export async function runLoad(
  task: Pick<LoadTask, "url" | "callers" | "call"> & Partial<LoadTask>,
): Promise<LoadReport> {
  const whole: LoadTask = {
    warmUpMs: WARM_UP_MS,
    measureMs: MEASURE_MS,
    ratePerSecond: null,
    goodStatus: 200,
    ...task,
  };
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "tests/bench/http/load.ts", JSON.stringify(whole)],
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout)) as LoadReport;
}
