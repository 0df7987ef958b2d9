/** The door before a server: refusals as answers, and the headers that every answer has. */
import { Buffer } from "node:buffer";
import { request as httpRequest } from "node:http";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { WebSocket } from "ws";
import { Door } from "../../../server/front/door.ts";
import { withLogLines } from "../../support/doubles/log_lines.ts";
import { EventStream } from "../../support/load/event_stream.ts";
import { anInput } from "../../support/load/orders.ts";
import { authorization, callHttp } from "../../support/load/raw_calls.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";

const ELSEWHERE = "http://localhost:5173";
const OPTIONS = { host: "127.0.0.1", allowedHosts: [], allowedOrigins: [], now: () => 0 };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A request with any `Host`, which `fetch` does not allow. */
function ask(
  url: string,
  path: string,
  { method = "GET", ...headers }: Record<string, string> = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const call = httpRequest({ hostname, port, path, method, headers }, (answer) => {
      let text = "";
      answer.on("data", (part: Buffer) => text += part.toString());
      answer.on(
        "end",
        () => resolve({ status: answer.statusCode!, headers: answer.headers, text }),
      );
    });
    call.on("error", reject);
    call.end();
  });
}

/** The status of an upgrade's answer; 101 when it succeeded. */
function upgradeStatus(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/trpc`, { headers });
    socket.on("open", () => {
      socket.on("close", () => resolve(101));
      socket.close();
    });
    socket.on("unexpected-response", (_request: unknown, answer: { statusCode: number }) => {
      resolve(answer.statusCode);
      socket.terminate();
    });
    socket.on("error", reject);
  });
}

Deno.test("a rebound name and a foreign page are refused by a service on loopback, on every path", () =>
  withInstance(async ({ url, api }) => {
    const rebound = { host: "evil.example" };
    for (const path of ["/", "/metrics", "/healthz", "/readyz", "/nothing", "/main.js"]) {
      for (const headers of [rebound, { origin: ELSEWHERE }]) {
        const { status, text } = await ask(url, path, headers);
        assertEquals(status, 403, path);
        assertMatch(text, /WEIR_ALLOWED_(HOSTS|ORIGINS) can list it\n$/);
        assert(!text.includes("weir_"), "no metric leaves");
      }
    }
    const call = { ...authorization(KEY), "content-type": "application/json" };
    for (const headers of [rebound, { origin: ELSEWHERE }]) {
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const answer = await ask(url, "/trpc/orders.list", { method, ...call, ...headers });
        assertEquals(answer.status, 403);
        const { error } = JSON.parse(answer.text);
        assertEquals(error.code, -32_003);
        assertEquals(error.data, { code: "FORBIDDEN", httpStatus: 403, reason: "forbidden" });
        assertEquals(answer.headers["access-control-allow-origin"], undefined);
      }
      assertEquals(await upgradeStatus(url, headers), 403);
    }
    assertEquals((await api.orders.list.query({ storeId: "berlin" })).orders, []);
    assertEquals(await upgradeStatus(url, { origin: url }), 101, "the service's own page");
    assertEquals(await upgradeStatus(url, {}), 101, "a program");
  }));

Deno.test("a listed origin is let in on loopback, and so is a listed name", () =>
  withInstance(async ({ url }) => {
    const origin = { origin: ELSEWHERE };
    const preflight = await ask(url, "/trpc/orders.place", {
      method: "OPTIONS",
      ...origin,
      "access-control-request-method": "POST",
    });
    assertEquals([preflight.status, preflight.text], [204, ""]);
    assertEquals(preflight.headers["access-control-allow-origin"], ELSEWHERE);
    const placed = await fetch(`${url}/trpc/orders.place`, {
      method: "POST",
      headers: { ...origin, ...authorization(KEY), "content-type": "application/json" },
      body: JSON.stringify(anInput()),
    });
    assertEquals(placed.headers.get("access-control-allow-origin"), ELSEWHERE);
    assertEquals((await placed.json()).result.data.status, "committed");
    assertMatch(placed.headers.get("vary") ?? "", /\bOrigin\b/);
    assertEquals(await upgradeStatus(url, origin), 101);
    assertEquals((await ask(url, "/healthz", { host: "shop.example" })).status, 200);
    assertEquals((await ask(url, "/healthz", { host: "evil.example" })).status, 403);
  }, { environment: { WEIR_ALLOWED_ORIGINS: ELSEWHERE, WEIR_ALLOWED_HOSTS: "shop.example" } }));

Deno.test("every answer says nosniff, and calls and metrics are kept by no cache", () =>
  withInstance(async ({ url }) => {
    const noStore = /\bno-store\b/;
    const answers = [
      ...await Promise.all(
        ["/", "/healthz", "/readyz", "/metrics", "/nothing", "/trpc", "/trpc/no.such"].map(
          async (path) => ({ path, headers: (await ask(url, path)).headers }),
        ),
      ),
      { path: "/", headers: (await ask(url, "/", { method: "POST" })).headers },
      { path: "/metrics", headers: (await ask(url, "/metrics", { origin: ELSEWHERE })).headers },
    ];
    for (const { path, headers } of answers) {
      assertEquals(headers["x-content-type-options"], "nosniff", path);
      const isKept = !/^\/(trpc|metrics)/.test(path);
      assertEquals(noStore.test(String(headers["cache-control"])), !isKept, path);
    }
    for (const token of [KEY, "wrong", null]) {
      const { headers } = await callHttp(url, "query", "whoami", undefined, token);
      assertEquals(headers.get("x-content-type-options"), "nosniff");
      assertEquals(headers.get("cache-control"), "no-store");
    }
    const large = await callHttp(url, "mutation", "orders.place", "x".repeat(1_100_000), KEY);
    assertEquals([large.status, large.headers.get("cache-control")], [413, "no-store"]);
    const stream = await EventStream.open(url, "dashboard.live", { token: KEY });
    assertEquals(stream.response.headers.get("x-content-type-options"), "nosniff");
    assertEquals(
      stream.response.headers.get("cache-control"),
      "no-cache, no-transform, no-store",
      "a proxy must not compress a stream",
    );
    await stream.close();
  }));

Deno.test("the log says a refusal, at most once a minute", () =>
  withLogLines((lines) => {
    let now = 0;
    const door = new Door({ ...OPTIONS, now: () => now });
    const none = { origin: null, asksMethod: null, isUpgrade: false };
    const knock = { method: "GET", path: "/", host: "evil.example", ...none };
    for (; now < 60_000; now += 100) assert(door.admit(knock).answer !== null);
    assertEquals(lines.length, 1);
    assertMatch(lines[0] ?? "", /^warning: a request is refused: .*"evil\.example"/);
    door.admit(knock);
    assertEquals(lines.length, 2);
  }));
