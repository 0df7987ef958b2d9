/**
 * The door: what every answer of the server has in common, whoever makes it. It refuses names and
 * pages that are not to be answered (origins.ts), and adds the headers of safety and of CORS.
 *
 * A refusal has words for a person and, below `/trpc`, the shape of tRPC's errors. A page cannot read
 * it, so the log says it too, at most once a minute: a page may ask as often as it likes.
 *
 * Tested in tests/server/front/door_test.ts.
 */
import { refuse } from "../../client/contract/refusal.ts";
import { CODE_OF_REASON } from "../router/errors.ts";
import { getLogger } from "../telemetry/log.ts";
import { decide, type DoorRules, isCall, type Knock } from "./origins.ts";

const log = getLogger(["weir"]);

const SAID_EVERY_MS = 60_000;
const FORBIDDEN_STATUS = 403;

/** An answer as plain values. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** Either an answer, or the headers to add to the answer that the server makes. */
export type Admission =
  | { readonly answer: PlainAnswer }
  | { readonly answer: null; readonly headers: Readonly<Record<string, string>> };

export interface DoorOptions extends DoorRules {
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

export class Door {
  #saidAt = -Infinity;

  constructor(readonly options: DoorOptions) {}

  /** Lets a request in, or answers it. */
  admit(knock: Knock): Admission {
    const decision = decide(this.options, knock);
    const common = headersOf(knock.path);
    if (decision.kind === "refuse") {
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
  const isKept = !isCall(path) && path !== "/metrics";
  return {
    "x-content-type-options": "nosniff",
    ...(isKept ? {} : { "cache-control": "no-store" }),
  };
}

function refusal(message: string, path: string, common: Record<string, string>): PlainAnswer {
  const status = FORBIDDEN_STATUS;
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

/** Runs a server of Fetch's requests behind the door. */
export function behindDoor(
  door: Door,
  serve: (request: Request) => Promise<Response>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    // A request without a possible host reaches nothing: the server says so itself.
    if (!URL.canParse(request.url)) return await serve(request);
    const admission = door.admit(knockOf(request));
    if (admission.answer !== null) {
      const { status, headers, body } = admission.answer;
      return new Response(body, { status, headers });
    }
    const response = await serve(request);
    if (response.status === 101) return response; // the upgrade's own; its headers are sent
    for (const [name, value] of Object.entries(admission.headers)) {
      if (ADDED.has(name)) response.headers.append(name, value);
      else response.headers.set(name, value);
    }
    return response;
  };
}

function knockOf({ method, url, headers }: Request): Knock {
  const target = new URL(url);
  return {
    method,
    path: target.pathname,
    host: headers.get("host") ?? target.host,
    origin: headers.get("origin"),
    asksMethod: headers.get("access-control-request-method"),
    isUpgrade: headers.get("upgrade")?.toLowerCase() === "websocket",
  };
}
