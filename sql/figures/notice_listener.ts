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
import { isFull } from "../connection/failure.ts";
import { Session } from "../connection/session.ts";
import { type Notice, NOTICE_CHANNEL, notify, parseNotice } from "./notices.ts";

/** The payload of an echo, which is no notice. It shows whether LISTEN still hears. */
const ECHO = "echo";
const PAUSE_MS = 500;
const CONNECT_TIMEOUT_MS = 10_000;

/** Sends an echo. A listener that works calls `onEcho`. */
export async function sendEcho(pool: Pool): Promise<void> {
  await pool.run((sql) => notify(sql, [ECHO]));
}

export interface NoticeHandlers {
  readonly onNotice: (notice: Notice) => void;
  readonly onEcho: () => void;
  /** Called when LISTEN is in force: at the start, and again after a lost connection. */
  readonly onListening: () => void;
  /** Called when the server has no connection left for the listener. */
  readonly onFull: () => void;
  /** Called when a pooler shares the sessions out, so that nobody can listen. It is not tried again. */
  readonly onShared: () => void;
}

export interface NoticeListener {
  /** Drops the connection and opens another one. */
  renew(): void;
  /** Resolves when no connection is left. */
  stop(): Promise<void>;
}

/** Begins to listen, and goes on until `stop`. */
export function startNoticeListener(url: string, handlers: NoticeHandlers): NoticeListener {
  return new Listener(url, handlers);
}

class Listener implements NoticeListener {
  #session: Session;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  readonly #retiring = new Set<Promise<void>>();

  constructor(readonly url: string, readonly handlers: NoticeHandlers) {
    this.#session = this.#listen();
  }

  renew(): void {
    this.#renew(this.#session);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.all([this.#session.end(1_000), ...this.#retiring]);
  }

  #listen(): Session {
    const session = new Session({
      url: this.url,
      name: "listen",
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      onNotification: (_channel, payload) => this.#hear(payload),
      onClosed: () => this.#renew(session),
    });
    this.#hearIn(session).catch((error) => {
      if (isFull(error)) this.handlers.onFull();
      this.#renew(session);
    });
    return session;
  }

  async #hearIn(session: Session): Promise<void> {
    await session.ready;
    if (session.isShared) {
      this.#stopped = true;
      this.handlers.onShared();
      return await session.end(1_000);
    }
    await session.sql.unsafe(`LISTEN ${NOTICE_CHANNEL}`);
    this.handlers.onListening();
  }

  #hear(payload: string): void {
    if (payload === ECHO) return this.handlers.onEcho();
    const notice = parseNotice(payload);
    if (notice !== null) this.handlers.onNotice(notice);
  }

  #renew(lost: Session): void {
    if (this.#stopped || this.#session !== lost || this.#timer !== undefined) return;
    const retiring = lost.end(0);
    this.#retiring.add(retiring);
    retiring.finally(() => this.#retiring.delete(retiring));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#session = this.#listen();
    }, PAUSE_MS);
  }
}
