import { assert, assertEquals } from "@std/assert";
import {
  readDescriptorLimit,
  RESERVED_DESCRIPTORS,
  visitorBounds,
} from "../../../../server/front/connections/descriptors.ts";

const NONE = { maxConnections: null, maxConnectionsPerAddress: null };

Deno.test("the bounds of connections stay below the descriptors of this process", async () => {
  const descriptors = await readDescriptorLimit();
  assert(descriptors !== null && descriptors > RESERVED_DESCRIPTORS);
  const { maxConnections, maxConnectionsPerAddress } = await visitorBounds(NONE);
  assert(maxConnections <= descriptors - RESERVED_DESCRIPTORS);
  assertEquals(maxConnectionsPerAddress, Math.ceil(maxConnections / 2));
  const most = await visitorBounds({ ...NONE, maxConnections: 1_000_000 });
  assertEquals(most.maxConnections, descriptors - RESERVED_DESCRIPTORS);
});

Deno.test("bounds that are set hold", async () => {
  assertEquals(await visitorBounds({ maxConnections: 20, maxConnectionsPerAddress: 5 }), {
    maxConnections: 20,
    maxConnectionsPerAddress: 5,
  });
});
