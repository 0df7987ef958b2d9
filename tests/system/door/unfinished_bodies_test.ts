/** Bodies and messages that never come to their end, many at once, with a good key and without. */
import { connect, type Socket } from "node:net";
import { assertLess } from "@std/assert";
import { WebSocket } from "ws";
import { withAttack } from "../../support/attacks/attack.ts";
import { until } from "../../support/services/services.ts";

const BODIES = 400;
/** The attacker shares two cores with the instance, so it sends its megabytes over ten seconds. */
const PACE_MS = 200;
/** A little less than the bound of a body. */
const BYTES = 1_000_000;
const SOCKETS = 16;
const FRAGMENTS = 60;

/** Sends most of a body, and keeps the connection. */
function unfinished(url: string, token: string | null): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  socket.resume();
  socket.write(
    `POST /trpc/orders.place HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n` +
      (token === null ? "" : `Authorization: Bearer ${token}\r\n`) +
      `Content-Length: ${BYTES + 1}\r\n\r\n`,
  );
  return new Promise((resolve) => socket.write("x".repeat(BYTES), () => resolve(socket)));
}

for (const withKey of [false, true]) {
  Deno.test(`400 unfinished bodies ${withKey ? "with" : "without"} a key cost little memory, and slow nobody else down`, () =>
    withAttack(async ({ url, token, run }) => {
      const sockets: Socket[] = [];
      await run(`unfinished bodies, ${withKey ? "with a key" : "no key"}`, async ({ repeat }) => {
        await repeat(8, async () => {
          const paced = new Promise((resolve) => setTimeout(resolve, PACE_MS));
          if (sockets.length < BODIES) {
            sockets.push(await unfinished(url, withKey ? token : null));
          }
          await paced;
        });
      });
      for (const socket of sockets) socket.destroy();
    }));
}

Deno.test("unfinished messages of sixteen sockets are cut at their bound, and slow nobody else down", () =>
  withAttack(async ({ url, token, run }) => {
    const codes: number[] = [];
    await run("unfinished messages", async ({ repeat }) => {
      let begun = 0;
      await repeat(SOCKETS, async () => {
        if (begun < SOCKETS) await new Promise((resolve) => setTimeout(resolve, PACE_MS * begun++));
        const socket = new WebSocket(`${url.replace(/^http/, "ws")}/trpc`, {
          headers: { authorization: `Bearer ${token}` },
        });
        let isClosed = false;
        socket.on("error", () => undefined);
        socket.on("close", (code: number) => {
          isClosed = true;
          codes.push(code);
        });
        await until(
          "the socket to be open",
          () => isClosed || socket.readyState === WebSocket.OPEN,
        );
        for (let fragment = 0; fragment < FRAGMENTS && !isClosed; fragment++) {
          await new Promise<void>((resolve) =>
            socket.send("x".repeat(1_048_576), { fin: false }, () => resolve())
          );
        }
        await until("the socket to be closed", () => isClosed);
        await new Promise((resolve) => setTimeout(resolve, SOCKETS * PACE_MS));
      });
    });
    assertLess(codes.filter((code) => code === 1_000).length, 1, "each was cut");
  }));
