/**
 * A knock at a server's door. It tells a frozen server, whose sockets stay open, from a slow one.
 *
 * A knock asks for TLS on a connection of its own. PostgreSQL answers that with one letter before it
 * looks at anything else, also when all its connections are taken, and writes nothing to its log. Any
 * answer counts, and so does a refusal: only silence means that nobody is there.
 */
import { connect, type Socket } from "node:net";
import { TLS_REQUEST } from "../socket.ts";
import type { Host } from "../url.ts";

/**
 * A near server that says nothing for so long is frozen or cut off. Chosen: with the 600 ms before the
 * knock, silence is noticed within 2 s.
 */
const SILENCE_MS = 1_200;

/** Knocks under way, by host: all calls that wait for a server share one. */
const knocks = new Map<string, Promise<boolean>>();

/**
 * True when the server gives any answer; false when it is silent.
 * @param farMs a time in which the server would have answered twice, however far it is
 */
export function answersKnock({ name, port }: Host, farMs = 0): Promise<boolean> {
  const key = `${name} ${port}`;
  let knock = knocks.get(key);
  if (knock === undefined) {
    knock = answers(connect(port, name), Math.max(SILENCE_MS, farMs)).finally(() =>
      knocks.delete(key)
    );
    knocks.set(key, knock);
  }
  return knock;
}

async function answers(socket: Socket, silenceMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const answered = () => resolve(true);
  socket.once("data", answered).once("error", answered).once("close", answered);
  socket.once("connect", () => socket.write(TLS_REQUEST));
  // An answer that lies in the socket while this process is busy is read before the second timer.
  let timer = setTimeout(() => timer = setTimeout(() => resolve(false), 0), silenceMs);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.on("error", () => undefined).destroy();
  }
}
