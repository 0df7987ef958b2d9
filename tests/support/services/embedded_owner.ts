/**
 * A process of its own that starts the embedded services and waits until a test kills it:
 * `deno run embedded_owner.ts <data folder> postgres|redis`. It prints one line of JSON, an
 * `Owned`, when the services answer.
 */
import { startEmbedded } from "../../../server/embedded/mod.ts";

export interface Owned {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

export interface Owner extends Owned {
  /** Ends the owner as a crash does (SIGKILL). The services that it started keep running. */
  kill(): Promise<void>;
}

/** Starts an owner and waits until its service answers. */
export async function spawnOwner(dataDir: string, service: "postgres" | "redis"): Promise<Owner> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.url, dataDir, service],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  while (!line.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the owner of ${dataDir} ended before it was ready`);
    line += value;
  }
  const owned: Owned = JSON.parse(line);
  const kill = async () => {
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
  };
  return { ...owned, kill };
}

if (import.meta.main) {
  const [dataDir = "", service] = Deno.args;
  const started = await startEmbedded({
    dataDir,
    postgres: service === "postgres",
    redis: service === "redis",
    settings: { fsync: "off" },
  });
  const one = started.postgres ?? started.redis;
  if (!one) throw new Error(`${service} is not to be had`);
  const owned: Owned = { url: one.url, port: one.port, pid: one.pid };
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(owned)}\n`));
  setInterval(() => undefined, 60_000); // keeps the process until it is killed
}
