/**
 * The fast lane: a connection on which simple calls (request_head.ts) come and go without the objects
 * of an HTTP server, which cost more than an order does.
 *
 * The lane takes a request of a program that arrives whole, and that the door lets in. At the first
 * request that is anything else, the connection goes to node:http with all its bytes, and stays there. So
 * the lane has no rules of its own for what is slow, odd, large or wrong.
 *
 * Calls of a connection are answered one after the other, in their order. The next one is taken when
 * the client has read most of what was sent before.
 *
 * Tested in tests/server/front/lane/lane_test.ts.
 */
import { Buffer } from "node:buffer";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Connection, Principal } from "../../router/context.ts";
import { tellBug } from "../../telemetry/bugs.ts";
import type { RequestAnswers } from "../answers/answer_budget.ts";
import { answerCalls, type CallsAnswer } from "../calls/answer_calls.ts";
import { type PlainCalls, plainCallsOf } from "../calls/plain_call.ts";
import { headersOfAnswer } from "../calls/call_requests.ts";
import { unlessRefused } from "../calls/caller.ts";
import type { ConnectionStreams } from "../connections/streams.ts";
import type { Visitor } from "../connections/visitors.ts";
import { bearerToken } from "../keys/auth.ts";
import { TRPC_PATH } from "../origins.ts";
import type { Front } from "../front.ts";
import { Slots } from "../slots.ts";
import type { WatchedClient } from "../slow_clients.ts";
import { IDLE_TIMEOUT_MS } from "../connections/times.ts";
import { httpDate } from "./http_date.ts";
import { readHead, type RequestHead } from "./request_head.ts";

/** As much as one read takes. A longer request comes in parts. */
const MAX_BODY_BYTES = 65_536;
/** No more than this is held for a stranger while its key is looked up, or its refusal held back. */
const STRANGER_BYTES = 16_384;
/** With more than this unread, no further call is taken. */
const FULL_BYTES = 65_536;
const HEAD_END = Buffer.from("\r\n\r\n");
const GOES_ON = `connection: keep-alive\r\nkeep-alive: timeout=${IDLE_TIMEOUT_MS / 1_000}\r\n`;
const ENDS = "connection: close\r\n";
/** The look of a call that no browser's page made. */
const PROGRAM = { path: TRPC_PATH, origin: null, asksMethod: null, isUpgrade: false };

/** A call that the lane answers. */
interface Simple {
  readonly calls: PlainCalls;
  readonly authorization: string | undefined;
  /** Lines of the head of its answer. */
  readonly lines: string;
}

export class Lane implements WatchedClient, Connection {
  /** Bytes that have arrived and are not answered. */
  #arrived: Buffer | null = null;
  #isAnswering = false;
  /** The client sends nothing more. It may read on. */
  #isLast = false;
  /** Nothing more is answered. */
  #isOver = false;
  /** The large answers of the call under way; null: it has none so far. */
  #answers: RequestAnswers | null = null;
  /** Large answers that the client has not read. */
  readonly #unread = new Set<RequestAnswers>();
  /** When the latest answer was sent, or the connection began; monotonic, milliseconds. */
  quietSince = performance.now();

  /**
   * @param adopt gives the socket to node:http, which reads what has arrived first.
   * @param onLeft called when the connection is closed, or is node:http's.
   */
  constructor(
    readonly socket: Socket,
    readonly visitor: Visitor,
    readonly front: Front,
    readonly adopt: (socket: Socket) => void,
    readonly onLeft: (lane: Lane) => void,
  ) {
    front.slowClients.add(this);
    socket.setNoDelay(true);
    socket.on("data", this.#receive).on("drain", this.#go);
    socket.on("end", this.#end).on("close", this.#close);
  }

  get unreadBytes(): number {
    return this.socket.writableLength;
  }

  get takenBytes(): number {
    return this.socket.bytesWritten - this.socket.writableLength;
  }

  giveUp(): void {
    this.socket.destroy();
  }

  /** True while nothing is asked. */
  get isQuiet(): boolean {
    return !this.#isAnswering && this.#arrived === null;
  }

  /** The large answers of the call under way. */
  get answers(): RequestAnswers {
    if (this.#answers === null) {
      this.#answers = this.front.answers.ofRequest();
      if (this.#isOver) this.#answers.close(); // the client is gone, and nobody would close them
    }
    return this.#answers;
  }

  /** A subscription is never simple. */
  get streams(): ConnectionStreams {
    return this.front.streams.ofConnection();
  }

  get slots(): Slots {
    return new Slots(() => Promise.resolve());
  }

  readonly #receive = (chunk: Buffer): void => {
    if (this.#isOver) return;
    this.#arrived = this.#arrived === null ? chunk : Buffer.concat([this.#arrived, chunk]);
    if (this.#isAnswering) this.socket.pause();
    this.#go();
  };

  readonly #end = (): void => {
    this.#isLast = true;
    if (this.isQuiet) this.socket.end();
  };

  readonly #close = (): void => {
    this.#isOver = true;
    this.front.slowClients.delete(this);
    this.onLeft(this);
    this.#answers?.close();
    for (const answers of this.#unread) answers.close();
  };

  /** Closes the connection if nothing is asked. */
  closeIfQuiet(): void {
    if (this.isQuiet) this.socket.destroy();
  }

  /** Answers the next call, if one has arrived and the client reads. */
  readonly #go = (): void => {
    const { socket } = this;
    if (this.#isAnswering || this.#isOver || this.#arrived === null) return;
    if (socket.writableLength > FULL_BYTES) return void socket.pause();
    const arrived = this.#arrived;
    const headBytes = arrived.indexOf(HEAD_END);
    const head = headBytes < 0 ? null : readHead(arrived.toString("latin1", 0, headBytes));
    const call = head === null ? null : this.#callOf(head);
    const bodyAt = headBytes + HEAD_END.length;
    const end = bodyAt + (head?.bodyBytes ?? 0);
    const isMuch = this.visitor.isStranger && arrived.length > STRANGER_BYTES;
    if (call === null || isMuch || end > arrived.length) return this.#giveAway();
    this.#arrived = end < arrived.length ? arrived.subarray(end) : null;
    const body = textOf(arrived, bodyAt, end);
    this.#isAnswering = true;
    this.visitor.underWay++;
    this.#answer(call, body)
      .catch((error) => {
        tellBug("a bug in a call", error);
        socket.destroy();
      })
      .finally(() => {
        this.visitor.underWay--;
        this.#isAnswering = false;
        this.quietSince = performance.now();
        if (this.#isLast && this.#arrived === null) socket.end();
        if (socket.isPaused()) socket.resume();
        this.#go();
      });
  };

  /** Null: the call is not simple, or the door has something to say. */
  #callOf(head: RequestHead): Simple | null {
    if (head.bodyBytes > MAX_BODY_BYTES) return null;
    const calls = plainCallsOf({ ...head, trpcAccept: undefined });
    if (calls === null) return null;
    const { method, host } = head;
    const admission = this.front.door.admit({ ...PROGRAM, method, host });
    if (admission.answer !== null) return null;
    return { calls, lines: linesOf(admission.headers), authorization: head.authorization };
  }

  async #answer({ authorization, calls, lines }: Simple, body: string): Promise<void> {
    const { services } = this.front;
    const token = bearerToken(authorization ?? null);
    const identified: Promise<Principal> = services.auth.authenticate(token);
    const isKnown = await identified.catch(unlessRefused) !== null;
    if (isKnown) this.visitor.known();
    const context = { services, token, identified, connection: this };
    // The answer to a wrong key does not depend on the body.
    const answer = await answerCalls(calls, isKnown ? body : "", context);
    if (!this.#isOver) this.#send(answer, lines, isKnown && !this.front.isStopping);
    this.#answers = null;
  }

  #send({ status, body, retryAfterSeconds }: CallsAnswer, lines: string, goesOn: boolean): void {
    const retryAfter = retryAfterSeconds === null ? "" : `retry-after: ${retryAfterSeconds}\r\n`;
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}` +
      `${retryAfter}content-length: ${Buffer.byteLength(body)}\r\n` +
      `date: ${httpDate()}\r\n${goesOn ? GOES_ON : ENDS}\r\n`;
    const answers = this.#answers;
    if (answers === null) this.socket.write(head + body);
    else {
      this.#unread.add(answers);
      this.socket.write(head + body, () => {
        this.#unread.delete(answers);
        answers.close();
      });
    }
    if (!goesOn) this.#endNow();
  }

  /** Ends the connection after what was sent. What has arrived behind it is not looked at. */
  #endNow(): void {
    this.#isOver = true;
    this.#arrived = null;
    this.socket.destroySoon();
  }

  /**
   * The connection is node:http's from here on, beginning with what has arrived. That goes straight to
   * its parser: put back into the stream, it could be overtaken by bytes that arrive meanwhile. An end
   * of the client that the lane has heard is not told: node:http would end without the last answer.
   */
  #giveAway(): void {
    const { socket } = this;
    const arrived = this.#arrived;
    socket.off("data", this.#receive).off("drain", this.#go);
    socket.off("end", this.#end).off("close", this.#close);
    this.#close();
    this.#arrived = null;
    this.adopt(socket);
    socket.emit("data", arrived);
    socket.resume();
  }
}

const LINES = new WeakMap<object, string>();

/** The lines of the head that all answers with these headers of the door have. */
function linesOf(doorHeaders: Readonly<Record<string, string>>): string {
  let lines = LINES.get(doorHeaders);
  if (lines === undefined) {
    const all = Object.entries(headersOfAnswer(doorHeaders));
    lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    LINES.set(doorHeaders, lines);
  }
  return lines;
}

/** The text of a body, without the mark that some programs begin a text with. */
function textOf(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString("utf8", from, to);
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}

const BYTE_ORDER_MARK = 0xfeff;
