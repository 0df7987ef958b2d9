/** Starts a server of yardsticks/ as a process of its own. */

export interface Yardstick {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startYardstick(name: string, databaseUrl: string): Promise<Yardstick> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `tests/bench/http/yardsticks/${name}.ts`],
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
    stop: async () => {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}
