/**
 * The listener hears notices by LISTEN, on a connection of its own. A lost connection is made
 * again.
 *
 * A connection that hangs looks healthy from this side, and a standby always refuses LISTEN. So the
 * owner of a listener sends an echo from time to time, and calls `renew` when the echo is not
 * heard. `renew` tries the next host.
 *
 * Tested in tests/server/figures/bus_test.ts.
 */
import type { Pool } from "../connection/database.ts";
import { nextHostFirst } from "../connection/pool.ts";
import { connect, type Sql } from "../connection/driver.ts";
import { type Notice, NOTICE_CHANNEL, notify, parseNotice } from "./notices.ts";

/** The payload of an echo, which is no notice. It shows whether LISTEN still hears. */
const ECHO = "echo";
const PAUSE_MS = 500;

/** Sends an echo. A listener that works calls `onEcho`. */
export async function sendEcho(pool: Pool): Promise<void> {
  await pool.run((sql) => notify(sql, [ECHO]));
}

export interface NoticeHandlers {
  readonly onNotice: (notice: Notice) => void;
  readonly onEcho: () => void;
  /** Called when LISTEN is in force: at the start, and again after a lost connection. */
  readonly onListening: () => void;
}

export interface NoticeListener {
  /** Drops the connection and opens another one, at the next host when there are several. */
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
