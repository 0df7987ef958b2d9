/**
 * Doors, which are the two ways into an instance for orders: HTTP and WebSocket. Callers come at a
 * steady rate, whatever the answers are. A test compares the answers of some callers with those of
 * others.
 */
import { WebSocket } from "ws";
import type { PlaceInput } from "../../../client/contract/order.ts";
import { callHttp } from "./raw_calls.ts";

export type Way = "http" | "websocket";

/** An open way into one instance, with one key. */
export interface Door {
  /** Calls a procedure. @returns its answer or its error, as tRPC sends them */
  call(path: string, input: unknown): Promise<DoorAnswer>;
  close(): Promise<void>;
}

export interface DoorAnswer {
  readonly result?: { readonly data?: unknown };
  readonly error?: { readonly data?: { readonly reason?: string } };
}

/** Opens a door. */
export async function openDoor(way: Way, url: string, token: string): Promise<Door> {
  if (way === "websocket") return await openSocketDoor(url, token);
  return {
    call: async (path, input) =>
      (await callHttp(url, "mutation", path, input, token)).body as DoorAnswer,
    close: () => Promise.resolve(),
  };
}

async function openSocketDoor(url: string, token: string): Promise<Door> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/trpc?connectionParams=1`);
  const waiting = new Map<number, (answer: DoorAnswer) => void>();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("message", (data: { toString(): string }) => {
    const text = data.toString();
    if (!text.startsWith("{")) return;
    const { id, ...answer } = JSON.parse(text) as DoorAnswer & { readonly id: number };
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", () => resolve());
    socket.once("error", reject);
  });
  socket.send(JSON.stringify({ method: "connectionParams", data: { token } }));
  let calls = 0;
  return {
    call: (path, input) => {
      const id = ++calls;
      const { promise, resolve } = Promise.withResolvers<DoorAnswer>();
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method: "mutation", params: { path, input } }));
      return promise;
    },
    close: async () => {
      socket.close();
      await closed;
    },
  };
}

/** One order and its answer. */
export interface Knock {
  readonly order: PlaceInput;
  readonly sentAt: number;
  readonly ms: number;
  /** The status of an order that was acknowledged, or else the reason of its refusal. */
  readonly said: string;
}

/** A steady stream of calls. Each call goes to the next door, and waits for no earlier call. */
export class Knocking {
  readonly answered: Knock[] = [];
  sent = 0;
  readonly #underWay = new Set<Promise<void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #begunAt = performance.now();

  /** @param ordersOf the orders of the next call: one, or several for `placeMany`. */
  constructor(
    readonly doors: readonly Door[],
    readonly callsPerSecond: number,
    readonly ordersOf: () => readonly PlaceInput[],
  ) {
    this.#go();
  }

  /** Sends no more calls, and waits for all answers. */
  async stop(): Promise<readonly Knock[]> {
    clearTimeout(this.#timer);
    await Promise.all(this.#underWay);
    return this.answered;
  }

  #go(): void {
    const due = (performance.now() - this.#begunAt) * this.callsPerSecond / 1_000;
    while (this.sent < due) {
      const call = this.#knock(this.doors[this.sent++ % this.doors.length]!);
      this.#underWay.add(call);
      call.finally(() => this.#underWay.delete(call)).catch(() => undefined); // `stop` throws
    }
    this.#timer = setTimeout(() => this.#go(), 5);
  }

  async #knock(door: Door): Promise<void> {
    const orders = this.ordersOf();
    const [first] = orders;
    const sentAt = performance.now();
    const { result, error } = orders.length === 1
      ? await door.call("orders.place", first)
      : await door.call("orders.placeMany", { orders });
    const ms = performance.now() - sentAt;
    const said = (answer: unknown): string => {
      const { status, error } = answer as { status?: string; error?: { reason?: string } };
      return status ?? error?.reason ?? "no answer";
    };
    const results = (result?.data as { results?: unknown[] } | undefined)?.results;
    orders.forEach((order, index) => {
      const answer = results?.[index] ?? result?.data ?? { error: error?.data ?? {} };
      this.answered.push({ order, sentAt, ms, said: said(answer) });
    });
  }
}

/** The number of orders with each status or reason. */
export function countsOf(knocks: readonly Knock[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { said } of knocks) counts[said] = (counts[said] ?? 0) + 1;
  return counts;
}
