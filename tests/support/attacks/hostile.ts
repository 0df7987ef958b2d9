/**
 * Hostile callers: each shot is one thing that has once slowed or ended a service. The rows are those
 * of tests/system/door/; here they are mixed, from a seed, and paced: the attacker shares two cores
 * with the service.
 */
import { connect, type Socket } from "node:net";
import currencyCodes from "currency-codes";
import { anInput } from "../load/orders.ts";
import type { Random } from "../load/random.ts";
import { authorization, callHttp, RawSocket, request } from "../load/raw_calls.ts";

/** A key with every scope, which the hostile callers share. */
export interface Target {
  readonly url: string;
  readonly token: string;
}

const WRONG_KEY = `weir_${"0".repeat(16)}_${"a".repeat(43)}`;
const CALLS_OF_URL = 28_000;
const CALLS_OF_MESSAGE = 20_000;
const PAGES = 100;
const FLOOD = 500;
const WIDE_ORDERS = 40;
const WIDE_LINES = 100;
const SILENT_AT_ONCE = 10;
const UNFINISHED_BYTES = 500_000;
/** The service answers every shot, or hangs up, long before this. */
const MOST_ANSWER_MS = 40_000;

export class Hostile implements Disposable {
  /** How often each shot was fired. */
  readonly fired: Record<string, number> = {};
  readonly #sockets: Socket[] = [];
  #products = 0;
  readonly #shots: Readonly<Record<string, () => Promise<unknown>>>;

  constructor(readonly target: Target, readonly random: Random) {
    const { url, token } = target;
    const asOwner = authorization(token);
    this.#shots = {
      silent: () => Promise.resolve(this.#silent()),
      guess: () => callHttp(url, "query", "whoami", undefined, WRONG_KEY),
      "many calls": () =>
        request(`${url}/trpc/${manyPaths("x", CALLS_OF_URL)}?batch=1`, { headers: asOwner }),
      "many calls in a message": () => this.#message(),
      "large pages": () => request(pagesOf(url), { headers: asOwner }),
      "unfinished body": () => Promise.resolve(this.#unfinished()),
      currencies: () =>
        this.#place(currencyCodes.codes().map((currency) => anInput({ currency, storeId: "all" }))),
      flood: () => this.#place(Array.from({ length: FLOOD }, () => anInput({ storeId: "flood" }))),
      "new products": () => this.#place(this.#wide()),
      "foreign page": () =>
        request(`${url}/trpc/whoami`, { headers: { ...asOwner, origin: "https://evil.example" } }),
    };
  }

  /** Fires shots, one after the other, until `isOver`. A refusal is an answer as good as any. */
  async fire(isOver: () => boolean, pauseMs: number): Promise<void> {
    while (!isOver()) {
      const name = this.random.pick(Object.keys(this.#shots));
      this.fired[name] = (this.fired[name] ?? 0) + 1;
      const shot = this.#shots[name]!().catch(() => undefined); // the service may hang up
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new Error(`no answer to "${name}"`)), MOST_ANSWER_MS);
      await Promise.race([shot, late]).finally(() => clearTimeout(timer));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** The number of the kinds of shots. */
  get kinds(): number {
    return Object.keys(this.#shots).length;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #place(orders: readonly unknown[]): Promise<unknown> {
    const { url, token } = this.target;
    return callHttp(url, "mutation", "orders.placeMany", { orders }, token);
  }

  #open(): Socket {
    const { hostname, port } = new URL(this.target.url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    socket.resume();
    this.#sockets.push(socket);
    return socket;
  }

  #silent(): void {
    for (let made = 0; made < SILENT_AT_ONCE; made++) {
      const socket = this.#open();
      if (made % 2 === 1) socket.write("POST /trpc/orders.place HTTP/1.1\r\nHost: a\r\n");
    }
  }

  #unfinished(): void {
    const { url, token } = this.target;
    this.#open().write(
      `POST /trpc/orders.place HTTP/1.1\r\nHost: ${new URL(url).host}\r\n` +
        `Content-Type: application/json\r\nAuthorization: Bearer ${token}\r\n` +
        `Content-Length: ${UNFINISHED_BYTES + 1}\r\n\r\n${"x".repeat(UNFINISHED_BYTES)}`,
    );
  }

  async #message(): Promise<void> {
    const socket = await RawSocket.open(this.target.url, this.target.token);
    socket.send(
      Array.from({ length: CALLS_OF_MESSAGE }, (_, id) => ({
        id,
        method: "query",
        params: { path: "x" },
      })),
    );
    await socket.ended();
  }

  #wide(): readonly unknown[] {
    return Array.from({ length: WIDE_ORDERS }, () =>
      anInput({
        storeId: "wide",
        lines: Array.from({ length: WIDE_LINES }, () => ({
          sku: `new ${this.#products++}`,
          quantity: 1,
          unitPriceMinor: 100,
        })),
      }));
  }
}

const manyPaths = (path: string, calls: number) => Array(calls).fill(path).join(",");

function pagesOf(url: string): string {
  const inputs = Object.fromEntries(
    Array.from({ length: PAGES }, (_, index) => [index, { storeId: "wide", limit: 200 }]),
  );
  return `${url}/trpc/${manyPaths("orders.list", PAGES)}?batch=1` +
    `&input=${encodeURIComponent(JSON.stringify(inputs))}`;
}
