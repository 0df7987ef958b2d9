/**
 * The bus: carries the folds' notices between instances, by Redis pub/sub and by LISTEN at once.
 *
 * A fold sends its notice by NOTIFY within its transaction; `publish` sends it by Redis after
 * COMMIT. Every instance listens to both and passes each notice on once, so there is nothing to
 * switch when one way falls silent. A connection that hangs looks healthy from this side. So an
 * echo by NOTIFY and a PING to Redis prove every two seconds that each way is heard.
 */
import { createActor } from "xstate";
import { busMachine, type Way } from "../../actors/bus_machine.ts";
import type { Pool } from "../../sql/connection/database.ts";
import { sendEcho, startNoticeListener } from "../../sql/figures/notice_listener.ts";
import { type Notice, parseNotice } from "../../sql/figures/notices.ts";
import { closeRedis, openRedis } from "../redis/connection.ts";
import type { RedisLinks } from "../redis/links.ts";
import { RecentlySeen } from "./recently_seen.ts";
import type { BusState } from "../../client/contract/ops_status.ts";

export interface BusOptions {
  readonly databaseUrl: string;
  /** For the echoes. */
  readonly pool: Pool;
  /** Null: there is no Redis, and LISTEN is the only way. */
  readonly redisUrl: string | null;
  readonly redisPrefix: string;
  /** Are told of the connections to Redis. */
  readonly links?: RedisLinks;
  /** Called once for each notice, by whichever way it came first. */
  readonly onNotice: (notice: Notice) => void;
}

export interface Bus {
  /** Tells the other instances, by Redis; call it after COMMIT. A lost notice costs no exactness. */
  publish(notice: Notice): void;
  state(): BusState;
  /** The ways that are heard now. */
  heard(): ReadonlySet<Way>;
  onChange(listener: () => void): () => void;
  stop(): Promise<void>;
}

const ECHO_EVERY_MS = 2_000;

/** Starts listening, both ways. */
export function startBus(options: BusOptions): Bus {
  const seen = new RecentlySeen(1_000);
  const actor = createActor(busMachine).start();
  const hear = (notice: Notice) => {
    if (seen.add(`${notice.epoch}:${notice.version}`)) options.onNotice(notice);
  };
  const postgres = hearPostgres(
    options,
    hear,
    (heard) => actor.send({ type: heard ? "HEARD" : "LOST", way: "postgres" }),
  );
  const redis = options.redisUrl === null ? null : hearRedis(
    options.redisUrl,
    `${options.redisPrefix}:folds`,
    hear,
    (heard) => actor.send({ type: heard ? "HEARD" : "LOST", way: "redis" }),
    options.links,
  );
  return {
    publish: (notice) => redis?.publish(notice),
    state: () => actor.getSnapshot().value as BusState,
    heard: () => actor.getSnapshot().context.heard,
    onChange: (listener) => {
      const subscription = actor.subscribe(listener);
      return () => subscription.unsubscribe();
    },
    stop: async () => {
      await Promise.all([redis?.stop(), postgres.stop()]);
      actor.stop();
    },
  };
}

function hearPostgres(
  { databaseUrl, pool }: BusOptions,
  hear: (notice: Notice) => void,
  setHeard: (heard: boolean) => void,
): { stop(): Promise<void> } {
  let echoed = true;
  const heard = () => {
    echoed = true;
    setHeard(true);
  };
  const listener = startNoticeListener(databaseUrl, {
    onNotice: hear,
    // An echo that was sent before LISTEN was in force is never heard. That is no reason to
    // connect again.
    onListening: heard,
    onEcho: heard,
  });
  const timer = setInterval(() => {
    if (!echoed) {
      setHeard(false);
      listener.renew();
    }
    echoed = false;
    sendEcho(pool).catch(() => undefined); // not sent is not heard, which the next turn sees
  }, ECHO_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await listener.stop();
    },
  };
}

function hearRedis(
  url: string,
  channel: string,
  hear: (notice: Notice) => void,
  setHeard: (heard: boolean) => void,
  links: RedisLinks | undefined,
): { publish(notice: Notice): void; stop(): Promise<void> } {
  const publisher = openRedis(url, "publish", links);
  const subscriber = openRedis(url, "subscribe", links);
  subscriber.on("ready", () => {
    subscriber.subscribe(channel).then(() => setHeard(true), () => setHeard(false));
  });
  subscriber.on("close", () => setHeard(false));
  const timer = setInterval(() => {
    if (subscriber.status !== "ready") return;
    subscriber.ping().catch(() => {
      setHeard(false);
      if (subscriber.status === "ready") subscriber.disconnect(true); // and connect anew
    });
  }, ECHO_EVERY_MS);
  subscriber.on("message", (_channel: string, payload: string) => {
    const notice = parseNotice(payload);
    if (notice !== null) hear(notice);
  });
  return {
    publish: (notice) => {
      publisher.publish(channel, JSON.stringify(notice)).catch(() => undefined); // NOTIFY went too
    },
    stop: async () => {
      clearInterval(timer);
      await Promise.all([closeRedis(publisher), closeRedis(subscriber)]);
    },
  };
}
