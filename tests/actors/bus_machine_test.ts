import { assertEquals } from "@std/assert";
import { createActor } from "xstate";
import { type BusEvent, busMachine } from "../../actors/bus_machine.ts";

Deno.test("the bus's state follows the ways that are heard, in any order", () => {
  const actor = createActor(busMachine).start();
  const after = (type: BusEvent["type"], way: BusEvent["way"]) => {
    actor.send({ type, way });
    return actor.getSnapshot().value;
  };
  assertEquals(actor.getSnapshot().value, "down");
  assertEquals(after("HEARD", "postgres"), "postgres");
  assertEquals(after("HEARD", "redis"), "redis");
  assertEquals(after("HEARD", "redis"), "redis");
  assertEquals(after("LOST", "redis"), "postgres");
  assertEquals(after("LOST", "redis"), "postgres");
  assertEquals(after("LOST", "postgres"), "down");
  assertEquals(after("HEARD", "redis"), "redis");
  actor.stop();
});
