/** The counter of what the door refuses, by bound. */
import { assertEquals } from "@std/assert";
import { authorization, RawSocket, request } from "../../support/load/raw_calls.ts";
import { RawConnection } from "../../support/load/slow_reader.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { until } from "../../support/services/services.ts";

const MANY_CALLS = 201;
const MANY_STREAMS = 101;
const MIB = 1_048_576;

async function counted(url: string): Promise<Record<string, number>> {
  const { text } = await request(`${url}/metrics`);
  const samples = text.matchAll(/^weir_door_refusals_total\{why="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries(Array.from(samples, ([, why, times]) => [why, Number(times)]));
}

Deno.test("each refusal of the door is counted by its bound: origin, calls, streams and bytes", () =>
  withInstance(async ({ url }) => {
    assertEquals(await counted(url), {});
    await request(`${url}/trpc/whoami`, { headers: { origin: "http://evil.example" } });
    assertEquals(await counted(url), { origin: 1 });

    const paths = Array(MANY_CALLS).fill("whoami").join();
    await request(`${url}/trpc/${paths}?batch=1`, { headers: authorization(KEY) });
    assertEquals(await counted(url), { origin: 1, calls: 1 });

    const socket = await RawSocket.open(url, KEY);
    socket.send(Array.from({ length: MANY_CALLS }, (_, id) => ({
      id,
      method: "query",
      params: { path: "whoami" },
    })));
    await until("both batches to count", async () => (await counted(url))["calls"] === 2);
    await socket.close();

    const viewer = await RawSocket.open(url, KEY);
    for (let made = 0; made < MANY_STREAMS; made++) viewer.subscribe("dashboard.live", {});
    await viewer.next(({ error }) => error !== undefined);
    assertEquals((await counted(url))["streams"], 1);
    await viewer.close();

    const bodies = Array.from({ length: 9 }, () => new RawConnection(url));
    for (const body of bodies) {
      body.send(
        `POST /trpc/orders.place HTTP/1.1\r\nHost: ${new URL(url).host}\r\n` +
          `Authorization: Bearer ${KEY}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${MIB}\r\n\r\n${"x".repeat(MIB - 1)}`,
      );
    }
    await until("a body to be refused", async () => ((await counted(url))["bytes"] ?? 0) >= 1);
    await Promise.all(bodies.map((body) => body.close()));
  }));
