/**
 * The services that Weir brings along when it is given no addresses: one locked data folder, the
 * PostgreSQL and the Redis in it, started together and stopped together.
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
  /** Start again what ends by itself; default true. */
  readonly restart?: boolean;
}

export interface EmbeddedServices {
  /** Null when it was not asked for. */
  readonly postgres: EmbeddedPostgres | null;
  /** Null when it was not asked for or is not to be had here; an event says which. */
  readonly redis: EmbeddedRedis | null;
  /** Stops Redis, then PostgreSQL, then gives the folder up. Legal twice. */
  stop(): Promise<void>;
}

/**
 * Resolves when all that was asked for answers; when one part fails, what was started is stopped.
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
