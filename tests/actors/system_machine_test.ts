import { assertEquals } from "@std/assert";
import { createActor } from "xstate";
import { type SystemInput, systemMachine } from "../../actors/system_machine.ts";
import { gate, socketError } from "../support/doubles/scripted_store.ts";
import { SimulatedClock } from "../support/doubles/simulated_clock.ts";

function aSystem(input: Partial<SystemInput>) {
  const clock = new SimulatedClock();
  const stops: number[] = [];
  const actor = createActor(systemMachine, {
    clock,
    input: {
      prepare: () => Promise.resolve(),
      stop: () => {
        stops.push(clock.now());
        return Promise.resolve();
      },
      isFatal: () => false,
      onPrepareFailed: () => undefined,
      backoff: { firstMs: 100, maxMs: 1_000 },
      random: () => 0.999,
      ...input,
    },
  }).start();
  const value = () => JSON.stringify(actor.getSnapshot().value);
  return { actor, clock, stops, value };
}

Deno.test("the system keeps trying while the database is away, and serves when it comes", async () => {
  let away = 3;
  const waits: number[] = [];
  const { clock, value } = aSystem({
    prepare: () => away-- > 0 ? Promise.reject(socketError("ECONNREFUSED")) : Promise.resolve(),
    onPrepareFailed: (_, retryAfterMs) => waits.push(retryAfterMs),
  });
  await clock.advance(50);
  assertEquals(value(), `{"starting":"waiting"}`);
  await clock.advance(1_000);
  assertEquals([value(), waits], [`"serving"`, [100, 200, 400]]);
});

Deno.test("a failure that waiting cannot cure ends the system, which keeps it", async () => {
  const fatal = new Error("the schema is newer");
  const { actor, clock, stops, value } = aSystem({
    prepare: () => Promise.reject(fatal),
    isFatal: (error) => error === fatal,
  });
  await clock.advance(10);
  assertEquals(value(), `"stopped"`);
  assertEquals([actor.getSnapshot().context.failure, stops.length], [fatal, 1]);
});

Deno.test("the system stops its parts once, in every state, also when STOP comes twice", async () => {
  const preparing = gate();
  for (const prepare of [() => Promise.resolve(), () => preparing.passed]) {
    const { actor, clock, stops, value } = aSystem({ prepare });
    await clock.advance(10);
    actor.send({ type: "STOP" });
    actor.send({ type: "STOP" });
    await clock.advance(10);
    assertEquals([value(), stops.length], [`"stopped"`, 1]);
    assertEquals(actor.getSnapshot().context.failure, null);
  }
});
