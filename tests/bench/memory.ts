/**
 * The memory of a subscriber that has nothing to hear: the dashboards of a night. The resident memory
 * of the service grows by so much for each, against that of a bare WebSocket on Deno.
 */
import { createApiKey } from "../../sql/api_keys.ts";
import { openTestPool } from "../support/services/test_pool.ts";
import { startService } from "../support/services/service_process.ts";
import { Audience } from "./fanout/audience_process.ts";
import { withServices } from "./stage/embedded.ts";
import type { Bench, Figure } from "./stage/figure.ts";
import { startYardstick } from "./http/start_yardstick.ts";

const SUBSCRIBERS = 9_000;
/** A key may have 5,000 subscriptions at an instance. */
const KEYS = 3;
const KIB = 1_024;
/** After this time the garbage of the handshakes is gone, where the process is in no hurry. */
const SETTLED_MS = 20_000;

export const memory: Bench = {
  name: "memory",
  run: () => withServices(measure),
};

interface Measured {
  readonly url: string;
  residentBytes(): Promise<number>;
}

async function measure(databaseUrl: string, redisUrl: string): Promise<Figure[]> {
  const pool = openTestPool(databaseUrl);
  const keys = Array.from(
    { length: KEYS },
    () => createApiKey(pool, { label: "bench", scopes: ["dashboard:read"] }),
  );
  const tokens = (await Promise.all(keys)).map(({ token }) => token);
  await pool.end();
  const weir = await startService({
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    WEIR_MAX_CONNECTIONS_PER_ADDRESS: String(2 * SUBSCRIBERS),
    WEIR_MAX_CONNECTIONS: String(2 * SUBSCRIBERS),
  });
  await weir.says(/"message":"ready"/);
  const ofWeir = await kibOf(weir, tokens);
  await weir.stop();
  // The bare server sends a frame to each that comes, and then one an hour.
  const bare = await startYardstick("broadcast", "", ["300", "3600000"]);
  const ofBare = await kibOf(bare, tokens);
  await bare.stop();
  return [
    { name: "memory.bare_kib", value: ofBare, unit: "KiB a subscriber" },
    {
      name: "memory.kib",
      value: ofWeir,
      unit: "KiB a subscriber",
      ratio: { to: "memory.bare_kib", value: ofWeir / ofBare },
      aim: "at most 1.3",
    },
  ];
}

/** The memory that a server needs for each subscriber, KiB. */
async function kibOf(server: Measured, tokens: readonly string[]): Promise<number> {
  const before = await server.residentBytes();
  const audiences = [];
  for (const token of tokens) {
    audiences.push(await Audience.join(server.url, SUBSCRIBERS / tokens.length, token));
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  const grown = await server.residentBytes() - before;
  for (const audience of audiences) await audience.leave();
  return grown / SUBSCRIBERS / KIB;
}
