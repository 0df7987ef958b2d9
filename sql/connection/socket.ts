/**
 * Sockets to PostgreSQL, with TLS as the connection string asks for it.
 *
 * The driver, postgres.js 3.4, could open them itself, but
 * - with several hosts it takes one after the other, and keeps every failure to itself;
 * - it connects again for ever when the server hangs up without a word;
 * - it goes on with TLS after a server has said that it has none;
 * - it waits in silence for an answer that the server will not give to a password.
 *
 * A failure here has a code and a sentence (`NotConnected`).
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { Duplex } from "node:stream";
import { codeOf, NotConnected } from "./failure.ts";
import { CONNECTION, TLS, WEIR_CODE } from "./failure/codes.ts";
import { strangeAnswer } from "./server_greeting.ts";
import type { Host, Target, Tls } from "./url.ts";

/** The bytes by which a client asks for TLS. */
export const TLS_REQUEST = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);
const [YES, NO] = ["S", "N"];
const TLS_PROTOCOL = "postgresql";

/** Opens sockets for one driver. */
export class Sockets {
  #closed = false;
  /** Sockets that PostgreSQL has not answered on yet. */
  readonly #young = new Set<Socket>();

  /**
   * @param timeoutMs the time to reach a host
   * @param choose says which of several hosts to take
   */
  constructor(
    readonly target: Target,
    readonly timeoutMs: number,
    readonly choose: ((timeoutMs: number) => Promise<Host>) | undefined,
  ) {}

  /** A socket, for the driver. It fails after this, with `NotConnected`, when no host was reached. */
  async open(): Promise<Socket> {
    let host = this.target.hosts[0]!;
    try {
      host = await this.choose?.(this.timeoutMs) ?? host;
      return await this.#reach(host);
    } catch (error) {
      return failing(notConnected(error, host));
    }
  }

  /** From now on every attempt fails. Attempts under way go on. */
  close(): void {
    this.#closed = true;
  }

  /** Ends the attempts under way. */
  end(): void {
    this.close();
    for (const socket of this.#young) socket.destroy();
    this.#young.clear();
  }

  async #reach(host: Host): Promise<Socket> {
    const { tls, connectTimeoutMs } = this.target;
    const timeoutMs = Math.min(this.timeoutMs, connectTimeoutMs ?? this.timeoutMs);
    if (this.#closed) throw new NotConnected("the connections were ended", CONNECTION.destroyed);
    const raw = connectTcp(host.port, host.name);
    this.#young.add(raw);
    raw.once("close", () => this.#young.delete(raw));
    let late: NotConnected | null = null;
    const timer = setTimeout(() => {
      late = new NotConnected(`no answer in ${timeoutMs} ms`, CONNECTION.connectTimeout);
      raw.destroy(late);
    }, timeoutMs);
    try {
      await happens(raw, "connect");
      const socket = tls === null ? raw : await secured(raw, host, tls);
      this.#young.delete(raw);
      return this.#watch(socket, host);
    } catch (error) {
      raw.destroy();
      throw late ?? error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Looks at the first answer to the driver. */
  #watch(socket: Socket, host: Host): Socket {
    this.#young.add(socket);
    socket.once("close", (failed: boolean) => {
      // The driver would connect again for ever, without a pause, and tell nobody.
      if (!failed) socket.emit("error", this.#hungUp(socket, host));
      this.#young.delete(socket);
    });
    socket.once("data", (piece: Uint8Array) => {
      this.#young.delete(socket);
      const strange = strangeAnswer(piece);
      if (strange === null) return;
      piece.fill(0xff); // the driver would print a line about it, and wait
      socket.destroy(notConnected(strange, host));
    });
    return Object.assign(socket, { host: host.name, port: host.port }); // for the driver's errors
  }

  /** After its first answer the server may have done something, so the outcome is unknown. */
  #hungUp(socket: Socket, host: Host): Error {
    const error = notConnected(new NotConnected("the server hung up", CONNECTION.closed), host);
    if (this.#young.has(socket)) return error;
    return Object.assign(new Error(error.message), { code: error.code });
  }
}

/** Makes TLS of a socket, unless the server has none and the client may do without. */
async function secured(raw: Socket, host: Host, tls: Tls): Promise<Socket> {
  const options = await tlsOptions(host, tls);
  if (!tls.direct) {
    raw.write(TLS_REQUEST);
    const answer = await happens<Uint8Array>(raw, "data");
    const letter = String.fromCharCode(answer[0] ?? 0);
    if (letter === NO && tls.optional) return raw;
    if (letter === NO) {
      throw new NotConnected("the server has no TLS, and sslmode asks for it", TLS.missing[0]);
    }
    // More than one byte: somebody on the way slips in an answer in plain text (CVE-2021-23222).
    if (letter !== YES || answer.length > 1) {
      throw strangeAnswer(answer) ??
        new NotConnected("the server's answer about TLS makes no sense", WEIR_CODE.notPostgres);
    }
  }
  const socket = connectTls({ ...options, socket: raw });
  await happens(socket, "secureConnect");
  return socket;
}

async function tlsOptions(host: Host, tls: Tls): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([
    readPem("sslrootcert", tls.rootCertFile),
    readPem("sslcert", tls.certFile),
    readPem("sslkey", tls.keyFile),
  ]);
  return {
    // An address is never sent as the server's name, but it is looked for in the certificate.
    ...(isIP(host.name) === 0 ? { servername: host.name } : { host: host.name }),
    rejectUnauthorized: tls.check !== "nothing",
    ...(tls.check === "chain" ? { checkServerIdentity: () => undefined } : {}),
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(tls.keyPassword === null ? {} : { passphrase: tls.keyPassword }),
    ...(tls.direct ? { ALPNProtocols: [TLS_PROTOCOL] } : {}),
    minVersion: tls.minVersion,
  };
}

/** @throws NotConnected that names the parameter and the file */
async function readPem(parameter: string, file: string | null): Promise<string | null> {
  if (file === null) return null;
  try {
    const text = await Deno.readTextFile(file);
    if (text.includes("-----BEGIN ")) return text;
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : error instanceof Deno.errors.NotCapable
      ? "this process may not read there; /etc/ssl and the data folder are open to it"
      : "it cannot be read";
    throw new NotConnected(`${parameter}: ${file}: ${why}`, WEIR_CODE.certificateFile);
  }
  throw new NotConnected(`${parameter}: ${file}: it is no PEM`, WEIR_CODE.certificateFile);
}

/** Resolves with the first event of this name. @throws the error of the socket, or its end */
async function happens<T>(socket: Socket | TLSSocket, event: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const closed = () => reject(new NotConnected("the server hung up", CONNECTION.closed));
  socket.once(event, resolve).once("error", reject).once("close", closed);
  try {
    return await promise;
  } finally {
    socket.off(event, resolve).off("error", reject).off("close", closed);
    socket.on("error", () => undefined); // the driver hears it too, or nobody needs it
  }
}

/** An error that names the host. */
export function notConnected(error: unknown, { name, port }: Host): NotConnected {
  const message = error instanceof Error ? error.message || error.name : String(error);
  const code = codeOf(error) ?? CONNECTION.closed;
  const where = `${name.includes(":") ? `[${name}]` : name}:${port}`;
  const text = message.includes(where) ? message : `${where}: ${message}`;
  return new NotConnected(text, code, { cause: error });
}

/** A stream that fails with `error`, one tick later: the driver listens by then. */
function failing(error: NotConnected): Socket {
  const stream = new Duplex({
    construct: (done) => done(error),
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(),
  });
  return stream as Socket;
}
