/**
 * The services that Weir runs itself when it gets no addresses: a PostgreSQL and a Redis in one
 * locked data folder. They start together and stop together.
 * Tested in tests/server/embedded.
 */
import { openDataFolder } from "./data_folder.ts";
import type { OnEmbeddedEvent } from "./embedded_event.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./postgres.ts";
import { type EmbeddedRedis, startEmbeddedRedis } from "./redis.ts";

export { EmbeddedError, type EmbeddedEvent, type OnEmbeddedEvent } from "./embedded_event.ts";
export type { EmbeddedPostgres } from "./postgres.ts";
export type { EmbeddedRedis } from "./redis.ts";

export interface EmbeddedOptions {
  /** Made when missing; one live Weir at a time. */
  readonly dataDir: string;
  readonly postgres: boolean;
  readonly redis: boolean;
  readonly onEvent?: OnEmbeddedEvent;
  /** Settings of PostgreSQL on top of the durable ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** True: a server that ends by itself is started again. Default true. */
  readonly restart?: boolean;
}

export interface EmbeddedServices {
  /** Null when the options did not ask for PostgreSQL. */
  readonly postgres: EmbeddedPostgres | null;
  /** Null when the options did not ask for Redis, or when an event said that it is unavailable. */
  readonly redis: EmbeddedRedis | null;
  /** Stops Redis, then PostgreSQL, then releases the folder. Legal twice. */
  stop(): Promise<void>;
}

/**
 * Resolves when each wanted service answers. When one fails, the other one is stopped.
 * @throws EmbeddedError
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServices> {
  const { dataDir, postgres, redis, settings, restart = true, onEvent = () => undefined } = options;
  const folder = await openDataFolder(dataDir);
  const common = { folder, restart, onEvent };
  const started = await Promise.allSettled([
    postgres
      ? startEmbeddedPostgres(settings ? { ...common, settings } : common)
      : Promise.resolve(null),
    redis ? startEmbeddedRedis(common) : Promise.resolve(null),
  ]);
  const [first, second] = started;
  const services = {
    postgres: first.status === "fulfilled" ? first.value : null,
    redis: second.status === "fulfilled" ? second.value : null,
  };
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await services.redis?.stop();
    await services.postgres?.stop();
    folder.close();
  };
  const failed = started.find((result) => result.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return { ...services, stop: () => stopping ??= stop() };
}
