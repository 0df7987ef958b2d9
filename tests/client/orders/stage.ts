/** A client's placing against an instance behind a hostile door, with time that runs faster. */
import { openTransport } from "../../../client/api/transport.ts";
import { Pace } from "../../../client/orders/pace.ts";
import type { Placing } from "../../../client/orders/place.ts";
import { fastClock } from "../../support/doubles/client_clock.ts";
import { type HostileDoor, startHostileDoor } from "../../support/faults/hostile_door.ts";
import { type InstanceTest, KEY, withInstance } from "../../support/services/instance.ts";

export interface PlacingStage extends InstanceTest {
  readonly door: HostileDoor;
  readonly placing: Placing;
  /** Closes the client. */
  readonly close: () => void;
  /** The number of rows in the database with this id. */
  rowsOf(orderId: string): Promise<number>;
}

/** A second of the client takes a twentieth of one. */
const TIMES = 20;

export function withPlacing(
  test: (stage: PlacingStage) => Promise<void>,
  random: () => number = Math.random,
): Promise<void> {
  return withInstance(async (instance) => {
    const door = await startHostileDoor(() => instance.url);
    const transport = openTransport({ url: door.url, token: KEY });
    const closing = new AbortController();
    const clock = fastClock(TIMES, random);
    const placing = { transport, pace: new Pace(clock), clock, closed: closing.signal };
    try {
      await test({
        ...instance,
        door,
        placing,
        close: () => closing.abort(),
        rowsOf: async (orderId) => {
          const rows = await instance.database.sql`
            select from orders where order_id = ${orderId}`;
          return rows.length;
        },
      });
    } finally {
      closing.abort();
      await transport.close();
      await door.close();
    }
  });
}
