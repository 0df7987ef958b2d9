/**
 * The fast lanes of an instance: every connection begins on one (lane.ts).
 *
 * Tested in tests/server/front/lane/lane_test.ts.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { IDLE_TIMEOUT_MS } from "../connections/times.ts";
import type { Front } from "../front.ts";
import { Lane } from "./lane.ts";

const LOOK_EVERY_MS = 1_000;

type Adopt = (socket: Socket) => void;

export class Lanes {
  readonly #lanes = new Set<Lane>();
  readonly #looking: ReturnType<typeof setInterval>;
  /** The way in which node:http takes a new connection. */
  readonly #adopt: readonly Adopt[];

  /** Takes over the new connections of `server`. */
  constructor(server: Server, readonly front: Front) {
    this.#adopt = server.listeners("connection") as Adopt[];
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => this.#open(server, socket));
    this.#looking = setInterval(() => this.#closeIdle(), LOOK_EVERY_MS);
  }

  /** Closes every connection on which nothing is asked. */
  closeQuiet(): void {
    for (const lane of this.#lanes) lane.closeIfQuiet();
  }

  /** Closes all connections. */
  stop(): void {
    clearInterval(this.#looking);
    for (const lane of this.#lanes) lane.giveUp();
  }

  #open(server: Server, socket: Socket): void {
    const { visitors } = this.front;
    visitors.arrive(socket);
    const visitor = visitors.of(socket);
    if (visitor === undefined) return;
    const adopt = () => {
      for (const take of this.#adopt) take.call(server, socket);
    };
    this.#lanes.add(
      new Lane(socket, visitor, this.front, adopt, (lane) => this.#lanes.delete(lane)),
    );
  }

  #closeIdle(): void {
    const before = performance.now() - IDLE_TIMEOUT_MS;
    for (const lane of this.#lanes) if (lane.quietSince < before) lane.closeIfQuiet();
  }
}
