/** Starts a server of yardsticks/ as a process of its own. */
import { cpuMsOf, residentBytesOf } from "../../support/services/service_process.ts";

export interface Yardstick {
  readonly url: string;
  /** The CPU time that it has used so far, milliseconds. */
  cpuMs(): Promise<number>;
  /** Its resident memory now. */
  residentBytes(): Promise<number>;
  stop(): Promise<void>;
}

export async function startYardstick(
  name: string,
  databaseUrl: string,
  options: readonly string[] = [],
): Promise<Yardstick> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `tests/bench/http/yardsticks/${name}.ts`, ...options],
    env: { DATABASE_URL: databaseUrl },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  const port = Number(value);
  if (!Number.isInteger(port)) throw new Error(`${name} did not say its port: ${value}`);
  return {
    url: `http://127.0.0.1:${port}`,
    cpuMs: () => cpuMsOf(child.pid),
    residentBytes: () => residentBytesOf(child.pid),
    stop: async () => {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}
