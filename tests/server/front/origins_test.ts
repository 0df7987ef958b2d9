/** The door's decisions, by table: names, pages of other origins, preflights. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  decide,
  type Decision,
  type DoorRules,
  type Knock,
} from "../../../server/front/origins.ts";

const LOCAL: DoorRules = { host: "127.0.0.1", allowedHosts: [], allowedOrigins: [] };
const PUBLIC: DoorRules = { ...LOCAL, host: "0.0.0.0" };
const HERE = "127.0.0.1:8080";
const VITE = "http://localhost:5173";
const SHOP = "https://shop.example";

function knock(part: Partial<Knock> = {}): Knock {
  const none = { origin: null, asksMethod: null, isUpgrade: false };
  return { method: "POST", path: "/trpc/orders.place", host: HERE, ...none, ...part };
}

const kindOf = (rules: DoorRules, part: Partial<Knock>) => decide(rules, knock(part)).kind;

function headersOf(decision: Decision): Record<string, string> {
  return decision.kind === "refuse" ? {} : { ...decision.headers };
}

Deno.test("a loopback address answers to the machine's own names alone, on every path", () => {
  const own = [
    "localhost",
    "LOCALHOST:8080",
    HERE,
    "127.0.0.1",
    "127.9.9.9:1",
    "[::1]",
    "[::1]:8080",
    "[0:0:0:0:0:0:0:1]:8080",
  ];
  const foreign = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example:8080",
    "127.evil.example",
    "localhost.",
    "weir.localhost",
    "localhost@evil.example",
    "evil.example#localhost",
    "localhost\\@evil.example",
    "192.168.1.5:8080",
    "0.0.0.0:8080",
    "[::]:8080",
    "[::ffff:7f00:1]:8080",
    "a:b:c",
    "",
    " ",
  ];
  for (const path of ["/", "/metrics", "/healthz", "/readyz", "/trpc", "/trpc/whoami", "/x"]) {
    for (const method of ["GET", "HEAD", "POST", "OPTIONS"]) {
      for (const host of own) assertEquals(kindOf(LOCAL, { method, path, host }), "let in", host);
      for (const host of foreign) {
        assertEquals(kindOf(LOCAL, { method, path, host }), "refuse", host);
        assertEquals(kindOf(LOCAL, { path, host, isUpgrade: true }), "refuse", host);
      }
    }
  }
  assertEquals(kindOf(LOCAL, { host: null }), "let in", "no browser leaves the host out");
});

Deno.test("each loopback address is one, and no other is", () => {
  const asks = (host: string) => kindOf({ ...LOCAL, host }, { host: "evil.example" });
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
    assertEquals(asks(host), "refuse", host);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "weir.internal"]) {
    assertEquals(asks(host), "let in", host);
  }
});

Deno.test("a listed name is answered, with any port, and a name below it is not", () => {
  const rules = { ...LOCAL, allowedHosts: ["shop.example"] };
  const kinds = ["shop.example", "SHOP.example:8080", "a.shop.example", "shop.example.evil"];
  assertEquals(kinds.map((host) => kindOf(rules, { host })), [
    "let in",
    "let in",
    "refuse",
    "refuse",
  ]);
});

Deno.test("elsewhere any name is answered until names are listed, and addresses always", () => {
  assertEquals(kindOf(PUBLIC, { host: "shop.example" }), "let in");
  const rules = { ...PUBLIC, allowedHosts: ["shop.example"] };
  const hosts = ["shop.example:80", "10.0.0.7:8080", "[fd00::1]:8080", HERE, "evil.example"];
  assertEquals(hosts.map((host) => kindOf(rules, { host })), [
    ...Array<string>(4).fill("let in"),
    "refuse",
  ]);
});

Deno.test("on a loopback address a page of another origin is refused, by every way", () => {
  const foreign = [
    "http://evil.example",
    "http://127.0.0.1:8081",
    "http://127.0.0.1",
    "http://localhost:8080", // another name is another origin
    "https://127.0.0.1",
    "null",
    "file://",
    "chrome-extension://127.0.0.1:8080",
    "",
    "nonsense",
  ];
  for (const origin of foreign) {
    for (const path of ["/", "/metrics", "/trpc", "/trpc/whoami"]) {
      const kinds = [
        kindOf(LOCAL, { origin, path, method: "GET" }),
        kindOf(LOCAL, { origin, path }),
        kindOf(LOCAL, { origin, path, method: "OPTIONS", asksMethod: "POST" }),
        kindOf(LOCAL, { origin, path, method: "GET", isUpgrade: true }),
      ];
      assertEquals(kinds, ["refuse", "refuse", "refuse", "refuse"], `${origin} ${path}`);
    }
  }
});

Deno.test("a page of the service itself is no foreigner, also behind a proxy with TLS", () => {
  const own = [
    [HERE, `http://${HERE}`],
    ["localhost:8080", "http://localhost:8080"],
    ["LocalHost:8080", "http://localhost:8080"],
    ["127.0.0.1:80", "http://127.0.0.1"],
    ["127.0.0.1", "https://127.0.0.1"],
    ["127.0.0.1:443", "https://127.0.0.1"],
    ["[::1]:8080", "http://[::1]:8080"],
  ] as const;
  for (const [host, origin] of own) {
    for (const isUpgrade of [false, true]) {
      assertEquals(headersOf(decide(LOCAL, knock({ host, origin, isUpgrade }))), {}, origin);
      assertEquals(kindOf(LOCAL, { host, origin, isUpgrade }), "let in", origin);
    }
  }
  const shop = { host: "shop.example", origin: SHOP };
  assertEquals(kindOf(PUBLIC, { ...shop, isUpgrade: true }), "let in");
  assertEquals(kindOf(PUBLIC, { ...shop, host: "weir:8080", isUpgrade: true }), "refuse");
});

Deno.test("elsewhere a foreign page gets no headers, and no WebSocket", () => {
  for (const allowedOrigins of [[], [SHOP]]) {
    const rules = { ...PUBLIC, allowedOrigins };
    const origin = "https://evil.example";
    for (const method of ["GET", "POST", "OPTIONS"]) {
      const decision = decide(rules, knock({ origin, method, asksMethod: "POST" }));
      assertEquals(decision.kind, "let in");
      assertEquals("access-control-allow-origin" in headersOf(decision), false);
    }
    assertEquals(kindOf(rules, { origin, isUpgrade: true }), "refuse");
    assertEquals(kindOf(rules, { origin: null, isUpgrade: true }), "let in", "a program");
  }
});

for (const [where, rules] of [["loopback", LOCAL], ["elsewhere", PUBLIC]] as const) {
  Deno.test(`a listed origin may read answers and open a WebSocket: ${where}`, () => {
    const listed = { ...rules, allowedOrigins: [VITE, "null", "app://shop"] };
    for (const origin of [VITE, "null", "app://shop"]) {
      assertEquals(headersOf(decide(listed, knock({ origin }))), {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "Retry-After",
        vary: "Origin",
      });
      assertEquals(kindOf(listed, { origin, isUpgrade: true }), "let in");
    }
    const near = ["http://localhost:5174", "https://localhost:5173", `${VITE}.evil.example`];
    assertEquals(kindOf(listed, { origin: "file://", isUpgrade: true }), "let in", "as null");
    for (const origin of near) assertEquals(kindOf(listed, { origin, isUpgrade: true }), "refuse");
    assertEquals(headersOf(decide(listed, knock())), { vary: "Origin" }, "a program");
    const all = decide(
      { ...rules, allowedOrigins: ["*"] },
      knock({ origin: "http://any.example" }),
    );
    assertEquals(headersOf(all)["access-control-allow-origin"], "*");
  });
}

Deno.test("a preflight of a listed origin is answered, with what the stock client sends", () => {
  const rules = { ...LOCAL, allowedOrigins: [VITE] };
  const preflight = knock({ method: "OPTIONS", origin: VITE, asksMethod: "POST" });
  const decision = decide(rules, preflight);
  const headers = headersOf(decision);
  assertEquals(decision.kind, "allow");
  assertEquals(headers["access-control-allow-origin"], VITE);
  assertEquals(headers["access-control-allow-methods"], "GET, POST");
  assertMatch(headers["access-control-allow-headers"] ?? "", /authorization, content-type/);
  assertMatch(headers["access-control-allow-headers"] ?? "", /trpc-accept/);
  assertEquals(headers["access-control-max-age"], "7200");
  assertEquals(headers["vary"], "Origin");
  assertEquals("access-control-allow-credentials" in headers, false);
  assertEquals(decide(rules, { ...preflight, asksMethod: null }).kind, "let in");
});

Deno.test("a path that is no call has no headers for other origins", () => {
  const rules = { ...LOCAL, allowedOrigins: [VITE] };
  for (const path of ["/", "/metrics", "/healthz", "/trpcx"]) {
    assertEquals(headersOf(decide(rules, knock({ origin: VITE, path, method: "GET" }))), {}, path);
  }
});

Deno.test("a refusal names the variable, and cuts a long text of a stranger", () => {
  const message = (part: Partial<Knock>) => {
    const decision = decide(LOCAL, knock(part));
    return decision.kind === "refuse" ? decision.message : "";
  };
  assertMatch(message({ host: "evil.example" }), /"evil\.example".*WEIR_ALLOWED_HOSTS/);
  assertMatch(message({ origin: SHOP }), /"https:\/\/shop\.example".*WEIR_ALLOWED_ORIGINS/);
  assertEquals(message({ origin: "x".repeat(9_000) }).length < 250, true);
});

Deno.test("a proxy tells what stands in the browser's address bar, and nobody else does", () => {
  const rules = { ...PUBLIC, isProxy: (address: string) => address === "10.0.0.1" };
  const page = { origin: SHOP, host: "weir:8080", isUpgrade: true, path: "/trpc" };
  const told = { ...page, forwardedHost: "shop.example" };
  assertEquals(kindOf(rules, { ...told, from: "10.0.0.1" }), "let in");
  assertEquals(
    kindOf(rules, { ...told, from: "10.0.0.1", forwardedHost: "shop.example, inner" }),
    "let in",
  );
  assertEquals(kindOf(rules, { ...told, from: "10.0.0.2" }), "refuse");
  assertEquals(kindOf(PUBLIC, { ...told, from: "10.0.0.1" }), "refuse", "no proxy is trusted");
  assertEquals(kindOf(rules, { ...page, from: "10.0.0.1" }), "refuse", "it says nothing");
  const evil = { ...told, from: "10.0.0.1", origin: "https://evil.example" };
  assertEquals(kindOf(rules, evil), "refuse", "the page is another one");
});
