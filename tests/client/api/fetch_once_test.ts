/** Requests that are sent once: what this runtime does when a connection breaks before the answer. */
import { createServer } from "node:http";
import { assertEquals } from "@std/assert";
import { fetchWayOf, fetchWayOfRuntime, sentOnce } from "../../../client/api/fetch_once.ts";

/** The requests that arrive when the second of two has its connection broken before the answer. */
async function requestsOf(prepare: (init: RequestInit) => RequestInit): Promise<number> {
  let requests = 0;
  const server = createServer((incoming, outgoing) => {
    const number = ++requests;
    incoming.resume();
    incoming.on("end", () => number === 2 ? outgoing.destroy() : outgoing.end("stored"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const post = () => fetch(`http://127.0.0.1:${port}/`, prepare({ method: "POST", body: "{}" }));
  await (await post()).text();
  await post().then((response) => response.text(), () => undefined);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return requests;
}

Deno.test("Deno sends a POST again by itself, and not one that is sent once", async () => {
  assertEquals(await requestsOf((init) => init), 3, "the reason for a stream");
  assertEquals(await requestsOf((init) => sentOnce(init, fetchWayOfRuntime())), 2);
});

Deno.test("a runtime is taken to send once only where that was seen", () => {
  const agents = ["", "Node.js/24", "Deno/2.9.6", "Bun/1.3", "Mozilla/5.0 Chrome", "Workers/1"];
  assertEquals(agents.map((agent) => fetchWayOf(agent).isOnce), [
    true,
    true,
    true,
    true,
    false,
    false,
  ]);
  assertEquals(agents.filter((agent) => fetchWayOf(agent).streamsBodies), ["Deno/2.9.6"]);
});
