/**
 * Hearing notices by LISTEN, on a connection of its own that is made again whenever it is lost.
 *
 * A connection that hangs looks healthy from this side, and a standby refuses LISTEN for good. So an
 * echo is sent around now and then by whoever listens, and `renew` tries the next host.
 */
import type { Pool } from "../connection/database.ts";
import { nextHostFirst } from "../connection/pool.ts";
import { connect, type Sql } from "../connection/driver.ts";
import { type Notice, NOTICE_CHANNEL, parseNotice } from "./notices.ts";

/** What is sent to see whether LISTEN still hears; it is no notice. */
const ECHO = "echo";
const PAUSE_MS = 500;

/** Sends an echo around: a listener that works calls `onEcho`. */
export async function sendEcho(pool: Pool): Promise<void> {
  await pool.run((sql) => sql`SELECT pg_notify(${NOTICE_CHANNEL}, ${ECHO})`);
}

export interface NoticeHandlers {
  readonly onNotice: (notice: Notice) => void;
  readonly onEcho: () => void;
  /** LISTEN is in force, at first or again after a lost connection. */
  readonly onListening: () => void;
}

export interface NoticeListener {
  /** Gives the connection up and makes another one, at the next host if there are several. */
  renew(): void;
  /** Resolves when no connection is left. */
  stop(): Promise<void>;
}

/** Begins to listen, and goes on until `stop`. */
export function startNoticeListener(url: string, handlers: NoticeHandlers): NoticeListener {
  return new Listener(url, handlers);
}

class Listener implements NoticeListener {
  #url: string;
  #sql: Sql;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  readonly #retiring = new Set<Promise<void>>();

  constructor(url: string, readonly handlers: NoticeHandlers) {
    this.#url = url;
    this.#sql = this.#listen();
  }

  renew(): void {
    this.#renew(this.#sql);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.all([this.#sql.end({ timeout: 1 }), ...this.#retiring]);
  }

  #listen(): Sql {
    const sql = connect(this.#url, {
      max: 1,
      backoff: () => PAUSE_MS / 1_000,
      connection: { application_name: "weir listen" },
    });
    const { onListening } = this.handlers;
    sql.listen(NOTICE_CHANNEL, (payload) => this.#hear(payload), onListening)
      .catch(() => this.#renew(sql));
    return sql;
  }

  #hear(payload: string): void {
    if (payload === ECHO) return this.handlers.onEcho();
    const notice = parseNotice(payload);
    if (notice !== null) this.handlers.onNotice(notice);
  }

  #renew(lost: Sql): void {
    if (this.#stopped || this.#sql !== lost || this.#timer !== undefined) return;
    const retiring = lost.end({ timeout: 0 }).catch(() => undefined);
    this.#retiring.add(retiring);
    retiring.finally(() => this.#retiring.delete(retiring));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#url = nextHostFirst(this.#url);
      this.#sql = this.#listen();
    }, PAUSE_MS);
  }
}
