/** Every procedure without a key, with one of another scope, and with one of another store. */
import type { InstanceTest } from "../../support/services/instance.ts";
import { type Procedure, PROCEDURES } from "../calls.ts";
import { scene } from "../scene.ts";
import type { Wire } from "../wire.ts";

const SCOPES = ["orders:write", "orders:read", "dashboard:read", "ops"] as const;
const OTHER_STORE = "with another store's key";
/** Any valid key may call it. */
const WHOAMI = { type: "query", path: "whoami", input: undefined } as const;
/** A key of any store may call these; the scene of `ops` does. */
const OF_NO_STORE = new Set(["ops.status", "ops.onStatus", "ops.aggregate"]);

export const keys = scene("keys", async (wire, instance) => {
  const { createKey, revokeKey } = instance;
  const callers: [string, (procedure: Procedure) => string | null][] = [];
  callers.push(["without a key", () => null]);
  const revoked = await namedKey(wire, instance, "a revoked key", SCOPES);
  await revokeKey(revoked.keyId);
  callers.push(["with a revoked key", () => revoked.token]);
  const others = new Map<string, string>();
  for (const scope of SCOPES) {
    const rest = SCOPES.filter((other) => other !== scope);
    others.set(scope, (await namedKey(wire, instance, `a key of all but ${scope}`, rest)).token);
  }
  callers.push(["without the scope", ({ scope }) => others.get(scope)!]);
  const { token, keyId } = await createKey(SCOPES, "store-2");
  wire.name(token, "<a key of store-2>");
  wire.name(keyId, "<its id>");
  callers.push([OTHER_STORE, () => token]);
  for (const [who, tokenOf] of callers) {
    for (const procedure of PROCEDURES) await playOne(wire, procedure, who, tokenOf(procedure));
  }
  await playAllStores(wire, token);
  await playOne(wire, WHOAMI, "without a key", null);
  await playOne(wire, WHOAMI, "with a revoked key", revoked.token);
  await playOne(wire, WHOAMI, "with a key of store-2", token);
});

async function namedKey(
  wire: Wire,
  { createKey }: InstanceTest,
  name: string,
  scopes: readonly (typeof SCOPES)[number][],
) {
  const key = await createKey(scopes);
  wire.name(key.token, `<${name}>`);
  wire.name(key.keyId, `<the id of ${name}>`);
  return key;
}

/** Plays the calls over HTTP and over WebSocket. */
async function playOne(
  wire: Wire,
  { type, path, input }: Omit<Procedure, "scope">,
  who: string,
  token: string | null,
): Promise<void> {
  if (who === OTHER_STORE && OF_NO_STORE.has(path)) return;
  const name = `${path} ${who}`;
  const options = { token };
  if (type === "mutation") await wire.mutate(name, path, input, options);
  else if (type === "query") await wire.query(name, path, input, options);
  else {
    await wire.stream(name, path, input, async (events) => {
      for (let count = 0; count < 3; count++) await events.nextOrEnd();
    }, options);
  }
  await wire.socket(`${name}, by WebSocket`, async (socket) => {
    await socket.ask({ id: 1, method: type, params: { path, input } });
  }, options);
}

/** A key of one store that asks for all of them together. */
async function playAllStores(wire: Wire, token: string): Promise<void> {
  const options = { token };
  await wire.query("the snapshot of all stores", "dashboard.snapshot", {}, options);
  await wire.query("the snapshot without an input", "dashboard.snapshot", undefined, options);
  await wire.stream("the live figures of all stores", "dashboard.live", {}, async (events) => {
    for (let count = 0; count < 3; count++) await events.nextOrEnd();
  }, options);
  await wire.query("the letters of all stores", "ops.deadLetters.list", {}, options);
  await wire.mutate("a replay of all stores", "ops.deadLetters.replayMany", { limit: 1 }, options);
  await wire.query("its own letters", "ops.deadLetters.list", { storeId: "store-2" }, options);
  await wire.query("its own orders", "orders.list", { storeId: "store-2" }, options);
}
