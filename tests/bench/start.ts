/**
 * The time of a start with a warm data folder: from the start of the process until it can take an
 * order. PostgreSQL, Redis and the process itself are included.
 */
import { type Bench, median } from "./stage/figure.ts";

const STARTS = 5;

export const start: Bench = {
  name: "start",
  run: async () => {
    const dataDir = await Deno.makeTempDir({ prefix: "weir-bench-" });
    try {
      await readyMs(dataDir); // this start makes the database and applies the migrations
      const times: number[] = [];
      for (let count = 0; count < STARTS; count++) times.push(await readyMs(dataDir));
      return [{ name: "start.ready_ms", value: median(times), unit: "ms", aim: "under 2,000" }];
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  },
};

/** Starts the service, waits until it says that it is ready, and stops it. */
async function readyMs(dataDir: string): Promise<number> {
  const begunAt = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-net",
      "--allow-env",
      "--allow-sys",
      "--allow-run=env",
      `--allow-read=node_modules,sql,deno.json,${dataDir}`,
      `--allow-write=${dataDir}`,
      "server/cli/main.ts",
      "start",
    ],
    env: { PORT: "0", WEIR_DATA_DIR: dataDir, LOG_FORMAT: "json" },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let ms = NaN;
  let printed = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    printed += text;
    if (Number.isNaN(ms) && printed.includes(`"message":"ready"`)) {
      ms = performance.now() - begunAt;
      child.kill("SIGTERM");
    }
  }
  await child.status;
  if (Number.isNaN(ms)) throw new Error(`the service did not become ready: ${printed}`);
  return ms;
}
