/**
 * The bus: carries the folds' notices between instances, by Redis pub/sub and by LISTEN at once.
 *
 * `publish` sends a notice both ways after the fold's COMMIT. Every instance listens to both and
 * passes each notice on once, so there is nothing to switch when one way falls silent. A connection
 * that hangs looks healthy from this side. So an echo by NOTIFY and a PING to Redis prove every two
 * seconds that each way is heard.
 *
 * Every call here is a hint: it may fail for ever, and a check of the database finds the folds.
 */
import type { Redis } from "ioredis";
import { createActor } from "xstate";
import { busMachine, type Way } from "../../actors/bus_machine.ts";
import type { Pool } from "../../sql/connection/database.ts";
import { sendEcho, startNoticeListener } from "../../sql/figures/notice_listener.ts";
import { type Notice, notify, parseNotice } from "../../sql/figures/notices.ts";
import { askRedis, closeRedis, isAnswer, isPrimary, openRedis } from "../redis/connection.ts";
import type { RedisLinks } from "../redis/links.ts";
import type { Hints } from "../telemetry/hints.ts";
import { getLogger } from "../telemetry/log.ts";
import { RecentlySeen } from "./recently_seen.ts";
import type { BusState } from "../../client/contract/ops_status.ts";

const log = getLogger(["weir"]);

export interface BusOptions {
  /** For LISTEN: best the server itself, without a pooler between. */
  readonly databaseUrl: string;
  /** For NOTIFY. */
  readonly pool: Pool;
  readonly hints: Hints;
  /** Null: there is no Redis, and LISTEN is the only way. */
  readonly redisUrl: string | null;
  readonly redisPrefix: string;
  /** Are told of the connections to Redis. */
  readonly links?: RedisLinks;
  /** Called once for each notice, by whichever way it came first. */
  readonly onNotice: (notice: Notice) => void;
}

export interface Bus {
  /** Tells all instances; call it after COMMIT. A lost notice costs no exactness. */
  publish(notice: Notice): void;
  state(): BusState;
  /** The ways that are heard now. */
  heard(): ReadonlySet<Way>;
  onChange(listener: () => void): () => void;
  stop(): Promise<void>;
}

const ECHO_EVERY_MS = 2_000;
/** Notices that wait for a NOTIFY under way. Beyond it the oldest are lost. */
const MAX_WAITING = 100;

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
    options,
    hear,
    (heard) => actor.send({ type: heard ? "HEARD" : "LOST", way: "redis" }),
  );
  return {
    publish: (notice) => {
      redis?.publish(notice);
      postgres.publish(notice);
    },
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

/** One of the two ways. */
interface NoticeWay {
  publish(notice: Notice): void;
  stop(): Promise<void>;
}

function hearPostgres(
  { databaseUrl, redisUrl, pool, hints }: BusOptions,
  hear: (notice: Notice) => void,
  setHeard: (heard: boolean) => void,
): NoticeWay {
  const sender = new NotifySender(pool, hints);
  let echo: "heard" | "sent" | "not sent" = "heard";
  let sending: Promise<unknown> | null = null;
  const heard = () => {
    echo = "heard";
    setHeard(true);
  };
  const listener = startNoticeListener(databaseUrl, {
    onNotice: hear,
    // An echo that was sent before LISTEN was in force is never heard. That is no reason to
    // connect again.
    onListening: heard,
    onFull: () => pool.makeRoom(),
    onEcho: heard,
    onShared: () => {
      clearInterval(timer);
      setHeard(false);
      log.info(withoutListen(redisUrl));
    },
  });
  const send = async () => {
    const sent = await hints.run("echo", () => sendEcho(pool).then(() => true));
    if (sent === true && echo === "not sent") echo = "sent";
    sending = null;
  };
  const timer = setInterval(() => {
    if (echo !== "heard") setHeard(false);
    // An echo that nobody could send says nothing about this connection.
    if (echo === "sent") listener.renew();
    echo = "not sent";
    sending ??= send();
  }, ECHO_EVERY_MS);
  return {
    publish: (notice) => sender.send(notice),
    stop: async () => {
      clearInterval(timer);
      await Promise.all([listener.stop(), sender.stop(), sending]);
    },
  };
}

/** A pooler that shares sessions out lets nobody listen. */
function withoutListen(redisUrl: string | null): string {
  const way = redisUrl === null ? "the regular check of the database" : "Redis";
  return "a pooler shares the database's sessions out, so there is no LISTEN: the folds of other " +
    `instances are seen by ${way}. WEIR_DIRECT_DATABASE_URL, the address of the server, brings LISTEN back`;
}

/**
 * Sends notices by NOTIFY, one statement at a time. A NOTIFY may wait for a lock of the server, and
 * must not take more than one connection of the reads meanwhile.
 */
class NotifySender {
  #waiting: string[] = [];
  #sending: Promise<void> | null = null;

  constructor(readonly pool: Pool, readonly hints: Hints) {}

  send(notice: Notice): void {
    this.#waiting = [...this.#waiting, JSON.stringify(notice)].slice(-MAX_WAITING);
    this.#sending ??= this.#sendAll();
  }

  async stop(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const payloads = this.#waiting;
      this.#waiting = [];
      await this.hints.run("notify", () => this.pool.run((sql) => notify(sql, payloads)));
    }
    this.#sending = null; // no `await` since the loop's last look, so no notice is missed
  }
}

function hearRedis(
  url: string,
  { redisPrefix, hints, links }: BusOptions,
  hear: (notice: Notice) => void,
  setHeard: (heard: boolean) => void,
): NoticeWay {
  const channel = `${redisPrefix}:folds`;
  const publisher = openRedis(url, "publish", { key: channel, links });
  const subscriber = openRedis(url, "subscribe", { key: channel, links });
  let subscribed = false;
  const subscribe = async () => {
    const done = await hints.run(
      "subscribe",
      () => askRedis(subscriber, (redis) => redis.subscribe(channel) as Promise<unknown>),
    );
    subscribed = done !== null && subscriber.status === "ready";
    setHeard(subscribed);
  };
  subscriber.on("ready", subscribe);
  subscriber.on("close", () => {
    subscribed = false;
    setHeard(false);
  });
  const ping = () =>
    subscriber.ping().catch((error: unknown) => {
      if (isAnswer(error)) return; // a refusal to answer PING proves as much as a PONG
      setHeard(false);
      if (subscriber.status === "ready") subscriber.disconnect(true); // and connect anew
    });
  const timer = setInterval(() => {
    if (subscriber.status === "ready") void (subscribed ? ping() : subscribe());
    void leaveReplica(publisher, hints);
  }, ECHO_EVERY_MS);
  subscriber.on("message", (_channel: string, payload: string) => {
    const notice = parseNotice(payload);
    if (notice !== null) hear(notice);
  });
  return {
    publish: (notice) => {
      const payload = JSON.stringify(notice);
      void hints.run(
        "publish",
        () => askRedis(publisher, (redis) => redis.publish(channel, payload)),
      );
    },
    stop: async () => {
      clearInterval(timer);
      await Promise.all([closeRedis(publisher), closeRedis(subscriber)]);
    },
  };
}

/**
 * Connects anew when Redis is a replica: after a failover behind one address an old connection still
 * leads to the old primary. It takes a PUBLISH, which reaches nobody but its own subscribers.
 */
async function leaveReplica(redis: Redis, hints: Hints): Promise<void> {
  const primary = await hints.run("primary check", () => askRedis(redis, isPrimary));
  if (primary === false && redis.status === "ready") redis.disconnect(true);
}
