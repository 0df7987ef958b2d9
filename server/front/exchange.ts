/**
 * An exchange: one request, and where its answer goes. What only some requests need is made when it
 * is asked for: most requests are one small order, and should not pay for the others.
 *
 * Tested in tests/server/front/unread_answers_test.ts.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connection, ValueSender } from "../router/context.ts";
import type { RequestAnswers } from "./answers/answer_budget.ts";
import type { ConnectionStreams } from "./connections/streams.ts";
import type { Visitor } from "./connections/visitors.ts";
import { EventStream } from "./event_stream.ts";
import type { Front } from "./front.ts";
import type { Slots } from "./slots.ts";
import type { WatchedClient } from "./slow_clients.ts";

/** The parts of the front that an exchange uses. */
type Parts = Pick<Front, "slowClients" | "answers" | "streams" | "eventStreams">;

export class Exchange implements WatchedClient, Connection {
  takenBytes = 0;
  unreadBytes = 0;
  #isOver = false;
  #gone: AbortController | null = null;
  #answers: RequestAnswers | null = null;
  #streams: ConnectionStreams | null = null;
  #events: EventStream | null = null;

  constructor(
    readonly incoming: IncomingMessage,
    readonly outgoing: ServerResponse,
    readonly visitor: Visitor,
    readonly parts: Parts,
  ) {
    visitor.underWay++;
    visitor.onGone.add(this.#over);
    outgoing.once("close", this.#over);
  }

  /** The client has its answer, or is gone. */
  readonly #over = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.visitor.onGone.delete(this.#over);
    this.visitor.underWay--;
    this.parts.slowClients.delete(this);
    this.#answers?.close();
    if (!this.outgoing.writableFinished) this.#gone?.abort();
  };

  /** Aborts when the client is gone before it has its answer. */
  get gone(): AbortSignal {
    if (this.#gone === null) {
      this.#gone = new AbortController();
      if (this.#isOver && !this.outgoing.writableFinished) this.#gone.abort();
    }
    return this.#gone.signal;
  }

  /** The large answers of this request. They count until the client has read them. */
  get answers(): RequestAnswers {
    if (this.#answers === null) {
      this.#answers = this.parts.answers.ofRequest();
      if (this.#isOver) this.#answers.close();
    }
    return this.#answers;
  }

  get streams(): ConnectionStreams {
    return this.#streams ??= this.parts.streams.ofConnection();
  }

  /** The events of the answer, if it is a stream. */
  get events(): EventStream {
    return this.#events ??= new EventStream(this.parts.slowClients, this.parts.eventStreams);
  }

  /** A subscription by HTTP is a stream of events, and the only call of its request. */
  senderOf(): Promise<ValueSender> {
    return Promise.resolve(this.events.sender);
  }

  get slots(): Slots {
    return this.events.slots;
  }

  /** Sends a whole answer. A client that takes nothing of it for long is disconnected. */
  send(
    status: number,
    headers: Readonly<Record<string, string | number>>,
    body: string | Uint8Array,
  ): void {
    if (this.#isOver || this.outgoing.destroyed) return;
    this.unreadBytes = body.length;
    this.parts.slowClients.add(this);
    this.outgoing.writeHead(status, headers);
    this.outgoing.end(body);
  }

  giveUp(): void {
    this.outgoing.destroy();
  }
}
