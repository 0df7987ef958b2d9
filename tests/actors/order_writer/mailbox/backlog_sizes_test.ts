import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { BacklogSizes } from "../../../../actors/order_writer/mailbox/backlog_sizes.ts";

Deno.test("the sizes of backlogs know the longest, and the units below any limit", () => {
  const change = fc.record({ of: fc.nat(4), size: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.nat(12), (changes, limit) => {
      const sizes = new BacklogSizes<number>(5);
      const known = new Map<number, number>();
      for (const { of, size } of changes) {
        sizes.move(of, known.get(of) ?? 0, size);
        known.set(of, size);
        const units = [...known].map(([, each]) => Math.ceil(each / 5));
        const most = Math.max(0, ...units);
        const longest = sizes.longest();
        if (most === 0) assertEquals(longest, null);
        else assert(longest !== null && Math.ceil((known.get(longest) ?? 0) / 5) === most);
        const below = units.reduce((sum, each) => sum + Math.min(each, limit), 0);
        assertEquals(sizes.unitsBelow(limit), below);
      }
    }),
  );
});
