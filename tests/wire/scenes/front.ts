/** The front without procedures: health, metrics, the page, and unknown paths. */
import { anOrder } from "../calls.ts";
import { pageName } from "../fixture.ts";
import { exchange } from "../raw_http.ts";
import { scene } from "../scene.ts";
import type { Wire } from "../wire.ts";

/** Series that exist only after their first event. */
const SERIES = [
  'weir_orders_total{outcome="committed"}',
  'weir_orders_total{outcome="replayed"}',
  'weir_orders_total{outcome="idempotency_mismatch"}',
  'weir_aggregator_runs_total{outcome="folded"}',
];

export const front = scene("front", async (wire, { url }) => {
  const plain: readonly (readonly [string, string])[] = [
    ["GET", "/healthz"],
    ["HEAD", "/healthz"],
    ["POST", "/healthz"],
    ["GET", "/healthz?x=1"],
    ["GET", "/healthz/"],
    ["GET", "/readyz"],
    ["HEAD", "/readyz"],
    ["HEAD", "/metrics"],
    ["POST", "/"],
    ["OPTIONS", "/"],
    ["DELETE", "/index.html"],
    ["GET", "/nothing"],
    ["HEAD", "/nothing"],
    ["POST", "/nothing"],
    ["GET", "/nothing.js"],
    ["GET", "/nothing.exe"],
    ["GET", "/a/b.js"],
    ["GET", "/..%2fdeno.json"],
    ["GET", "/trpcx"],
  ];
  for (const [method, target] of plain) {
    await wire.http(`${method} ${target}`, { method, target });
  }
  await wire.http("an impossible host", {
    method: "GET",
    target: "/healthz",
    headers: { host: "a:b:c" },
  });
  await playMetrics(wire);
  const page = { method: "GET", target: "/" };
  const { status } = await exchange(Number(new URL(url).port), page);
  await wire.http(pageName(status), page, {
    show: (text) => text.startsWith("<!") ? "<the page>" : text,
  });
});

/** Names, types, help and labels; the values are left out. */
async function playMetrics(wire: Wire): Promise<void> {
  const order = anOrder("metrics");
  for (const name of ["for the metrics", "for the metrics, again"]) {
    await wire.mutate(name, "orders.place", order);
  }
  await wire.mutate("for the metrics, other content", "orders.place", {
    ...order,
    currency: "USD",
  });
  await wire.http("GET /metrics", { method: "GET", target: "/metrics" }, {
    fits: (text) => SERIES.every((series) => text.includes(series)),
    show: (text) =>
      text.split("\n").map((line) => line.startsWith("#") ? line : line.split(" ")[0]),
  });
}
