/**
 * The door: what every answer of the server has in common, whoever makes it. It refuses names and
 * pages that are not to be answered (origins.ts), and adds the headers of safety and of CORS.
 *
 * A refusal has words for a person. Below `/trpc` it has the shape of tRPC's errors, and of a path of
 * REST it is a problem. A page cannot read it, so the log says it too, at most once a minute: a page may ask as often as it likes.
 *
 * Tested in tests/server/front/door_test.ts.
 */
import type { IncomingMessage } from "node:http";
import { refuse } from "../../client/contract/refusal.ts";
import { CODE_OF_REASON } from "../router/errors.ts";
import { getLogger } from "../telemetry/log.ts";
import type { PlainAnswer } from "./plain_answer.ts";
import { decide, type DoorRules, isAsked, isCall, type Knock } from "./origins.ts";
import { isRest } from "./rest/paths.ts";
import { answerWith, problemOfRefusal } from "./rest/problem.ts";

const log = getLogger(["weir"]);

const SAID_EVERY_MS = 60_000;
const FORBIDDEN_STATUS = 403;

/** Either an answer, or the headers to add to the answer that the server makes. */
export type Admission =
  | { readonly answer: PlainAnswer }
  | { readonly answer: null; readonly headers: Readonly<Record<string, string>> };

export interface DoorOptions extends DoorRules {
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Called for each request that is refused. */
  readonly onRefused?: () => void;
}

/** Names of this service that are remembered: it has a handful. */
const MAX_NAMES = 100;

export class Door {
  #saidAt = -Infinity;
  /** The headers for calls of programs, by the name they call. To look at a name costs a URL. */
  readonly #headersOfCalls = new Map<string, Readonly<Record<string, string>>>();

  constructor(readonly options: DoorOptions) {}

  /**
   * The headers of answers to calls of programs by this name of the service; undefined: no program
   * has called by it so far. A name that was let in is one that a URL may have.
   */
  headersFor(host: string): Readonly<Record<string, string>> | undefined {
    return this.#headersOfCalls.get(host);
  }

  /** Lets a request in, or answers it. */
  admit(knock: Knock): Admission {
    const { host, origin, path, isUpgrade } = knock;
    const isProgram = origin === null && host !== null && !isUpgrade && isAsked(path);
    if (!isProgram) return this.#decide(knock);
    const known = this.#headersOfCalls.get(host);
    if (known !== undefined) return { answer: null, headers: known };
    const admission = this.#decide(knock);
    if (admission.answer === null && this.#headersOfCalls.size < MAX_NAMES) {
      this.#headersOfCalls.set(host, admission.headers);
    }
    return admission;
  }

  #decide(knock: Knock): Admission {
    const decision = decide(this.options, knock);
    const common = headersOf(knock.path);
    if (decision.kind === "refuse") {
      this.options.onRefused?.();
      this.#say(decision.message);
      return { answer: refusal(decision.message, knock.path, common) };
    }
    const headers = { ...common, ...decision.headers };
    if (decision.kind === "allow") return { answer: { status: 204, headers, body: null } };
    return { answer: null, headers };
  }

  #say(message: string): void {
    if (this.options.now() - this.#saidAt < SAID_EVERY_MS) return;
    this.#saidAt = this.options.now();
    log.warn(`a request is refused: ${message}`);
  }
}

/** No browser may guess a type, and no cache may keep an answer that is for one key or one moment. */
function headersOf(path: string): Record<string, string> {
  const isKept = !isAsked(path) && path !== "/metrics";
  return {
    "x-content-type-options": "nosniff",
    ...(isKept ? {} : { "cache-control": "no-store" }),
  };
}

function refusal(message: string, path: string, common: Record<string, string>): PlainAnswer {
  const status = FORBIDDEN_STATUS;
  if (isRest(path)) {
    return answerWith(problemOfRefusal(refuse("forbidden", message)), common);
  }
  if (!isCall(path)) {
    const headers = { ...common, "content-type": "text/plain; charset=utf-8" };
    return { status, headers, body: `${message}\n` };
  }
  const { reason } = refuse("forbidden", message);
  const data = { code: CODE_OF_REASON[reason], httpStatus: status, reason };
  const body = JSON.stringify({ error: { message, code: -32_003, data } });
  return { status, headers: { ...common, "content-type": "application/json" }, body };
}

/** These may stand in an answer already, and then have one more value. */
const ADDED = new Set(["vary", "cache-control"]);

/** Adds the headers of the door to an answer. */
export function withHeaders(
  response: Response,
  headers: Readonly<Record<string, string>>,
): Response {
  for (const [name, value] of Object.entries(headers)) {
    if (ADDED.has(name)) response.headers.append(name, value);
    else response.headers.set(name, value);
  }
  return response;
}

/** A request as the door sees it. */
export function knockOf(
  { method = "GET", headers, socket }: IncomingMessage,
  { path, host }: Pick<Knock, "path" | "host">,
): Knock {
  return {
    method,
    path,
    host: headers.host ?? host,
    from: socket.remoteAddress ?? null,
    forwardedHost: [headers["x-forwarded-host"]].flat()[0] ?? null,
    origin: headers.origin ?? null,
    asksMethod: headers["access-control-request-method"] ?? null,
    isUpgrade: headers.upgrade?.toLowerCase() === "websocket",
  };
}
