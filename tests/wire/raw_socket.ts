/**
 * A WebSocket connection whose messages are written and read as text, without tRPC's client. Sent
 * and taken messages are kept in their order.
 */
import { WebSocket } from "ws";

/** The record in the fixture of one message, or of the end of the connection. */
export type SocketEvent =
  | { readonly sent: string }
  | { readonly received: string }
  | { readonly closed: number };

const TIMEOUT_MS = 20_000;

export class WireSocket {
  readonly events: SocketEvent[] = [];
  readonly #incoming: string[] = [];
  #closeCode: number | null = null;
  #wake: () => void = () => undefined;

  private constructor(readonly socket: WebSocket) {
    socket.on("message", (data: { toString(): string }) => {
      this.#incoming.push(data.toString());
      this.#wake();
    });
    socket.on("close", (code: number) => {
      this.#closeCode = code;
      this.#wake();
    });
    socket.on("error", () => this.#wake());
  }

  /** Connects. `headers` go with the upgrade. */
  static async open(
    url: string,
    target: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<WireSocket> {
    const socket = new WebSocket(url.replace(/^http/, "ws") + target, { headers });
    const wire = new WireSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", reject);
    });
    return wire;
  }

  /** Sends text or bytes as they are, anything else as JSON. The fixture shows `shown` instead. */
  send(message: unknown, shown?: string): void {
    const isRaw = typeof message === "string" || message instanceof Uint8Array;
    const data = isRaw ? message : JSON.stringify(message);
    this.events.push({ sent: shown ?? String(data) });
    this.socket.send(data);
  }

  /** Takes the next message. */
  next(): Promise<string> {
    return this.await(() => true);
  }

  /** Sends a message and takes the next one. */
  ask(message: unknown, shown?: string): Promise<string> {
    this.send(message, shown);
    return this.next();
  }

  /** Takes the next message that fits; those before it are not recorded. */
  async await(fits: (text: string) => boolean): Promise<string> {
    for (;;) {
      const text = this.#incoming.shift();
      if (text === undefined) {
        if (this.#closeCode !== null) throw new Error(`closed with ${this.#closeCode}`);
        await this.#change();
      } else if (fits(text)) {
        this.events.push({ received: text });
        return text;
      }
    }
  }

  /** Waits until the server has closed the connection. */
  async closedByServer(): Promise<void> {
    while (this.#closeCode === null) await this.#change();
    this.events.push({ closed: this.#closeCode });
  }

  async close(): Promise<void> {
    this.socket.close();
    while (this.#closeCode === null) await this.#change();
  }

  async #change(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const last = JSON.stringify(this.events.at(-1));
    const timer = setTimeout(() => reject(new Error(`nothing came after ${last}`)), TIMEOUT_MS);
    this.#wake = resolve;
    await promise.finally(() => clearTimeout(timer));
  }
}
