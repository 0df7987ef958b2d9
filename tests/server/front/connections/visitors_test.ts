import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Exchange } from "../../../../server/front/exchange.ts";
import {
  networkOf,
  type VisitorBounds,
  Visitors,
} from "../../../../server/front/connections/visitors.ts";

class FakeSocket extends EventEmitter {
  isDestroyed = false;
  constructor(readonly remoteAddress: string) {
    super();
  }
  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.emit("close");
  }
}

/** Runs `test` with visitors and sockets that arrive. The time is fake. */
function withVisitors(
  bounds: VisitorBounds,
  test: (stage: {
    visitors: Visitors;
    arrive: (address?: string) => FakeSocket;
    known: (address?: string) => FakeSocket;
    dismissed: string[];
    time: FakeTime;
  }) => void,
): void {
  const time = new FakeTime();
  const dismissed: string[] = [];
  const visitors = new Visitors({
    ...bounds,
    now: () => Date.now(),
    onDismissed: (why) => dismissed.push(why),
  });
  const arrive = (address = "10.0.0.1") => {
    const socket = new FakeSocket(address);
    visitors.arrive(socket as unknown as Socket);
    return socket;
  };
  const known = (address?: string) => {
    const socket = arrive(address);
    visitors.of(socket)!.known();
    return socket;
  };
  try {
    test({ visitors, arrive, known, dismissed, time });
  } finally {
    visitors.stop();
    time.restore();
  }
}

const MANY = { maxConnections: 40, maxConnectionsPerAddress: 100 };

Deno.test("a silent stranger is closed after five seconds, one that is answered is not, and a known caller never", () =>
  withVisitors(MANY, ({ visitors, arrive, known, dismissed, time }) => {
    const [silent, answered, caller] = [arrive(), arrive(), known()];
    visitors.of(answered)!.underWay++;
    time.tick(4_900);
    assertEquals([silent, answered, caller].map(({ isDestroyed }) => isDestroyed), [
      false,
      false,
      false,
    ]);
    time.tick(1_000);
    assertEquals([silent, answered, caller].map(({ isDestroyed }) => isDestroyed), [
      true,
      false,
      false,
    ]);
    visitors.of(answered)!.underWay--;
    time.tick(600);
    assert(answered.isDestroyed);
    time.tick(600_000);
    assert(!caller.isDestroyed);
    assertEquals(dismissed, ["silent", "silent"]);
    assertEquals([visitors.connections, visitors.strangers], [1, 0]);
  }));

Deno.test("the oldest silent stranger gives way to a new one, and known callers keep their places", () =>
  withVisitors(MANY, ({ visitors, arrive, known, dismissed }) => {
    const callers = Array.from({ length: 30 }, () => known());
    const strangers = Array.from({ length: 10 }, () => arrive()); // a quarter of all
    visitors.of(strangers[0]!)!.underWay++;
    const newest = arrive();
    assertEquals(strangers.map(({ isDestroyed }) => isDestroyed).indexOf(true), 1);
    assert(!newest.isDestroyed && callers.every(({ isDestroyed }) => !isDestroyed));
    assertEquals(dismissed, ["gave_way"]);
    assertEquals(visitors.connections, 40);
    for (const stranger of [...strangers, newest]) {
      const visitor = visitors.of(stranger);
      if (visitor !== undefined) visitor.underWay = 1;
    }
    assert(!arrive().isDestroyed, "held refusals keep nobody out");
    assert(strangers[0]!.isDestroyed);
  }));

Deno.test("a new connection is refused where nobody can give way", () =>
  withVisitors(MANY, ({ visitors, arrive, known, dismissed }) => {
    for (let count = 0; count < 40; count++) known();
    assert(arrive().isDestroyed);
    assertEquals([dismissed, visitors.connections], [["full"], 40]);
  }));

Deno.test("one address has its bound, and others come in meanwhile", () =>
  withVisitors({ maxConnections: 40, maxConnectionsPerAddress: 5 }, (stage) => {
    const { visitors, arrive, known, dismissed } = stage;
    for (let count = 0; count < 5; count++) known("10.0.0.1");
    assert(arrive("10.0.0.1").isDestroyed);
    assert(!arrive("10.0.0.2").isDestroyed);
    assertEquals(dismissed, ["address"]);
    assertEquals(visitors.connections, 6);
  }));

Deno.test("an address of IPv6 counts as its network, and one of IPv4 as itself", () => {
  assertEquals(networkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
  assertEquals(networkOf("2001:db8::1"), "2001:db8:0:0");
  assertEquals(networkOf("::1"), "0:0:0:0");
  assertEquals(networkOf("::ffff:10.1.2.3"), "10.1.2.3");
  assertEquals(networkOf("127.0.0.1"), "127.0.0.1");
});

Deno.test("a request hears that its connection is gone, though its answer has had no turn there", () =>
  withVisitors({ maxConnections: 10, maxConnectionsPerAddress: 10 }, ({ visitors, known }) => {
    const socket = known();
    const visitor = visitors.of(socket)!;
    // The answer waits behind another one, so it hears nothing of the connection itself.
    const [incoming, outgoing] = [new EventEmitter(), new EventEmitter()];
    const closed: string[] = [];
    const parts = {
      slowClients: { delete: () => closed.push("slow client") },
      answers: { ofRequest: () => ({ close: () => closed.push("answers") }) },
    };
    const exchange = new Exchange(
      incoming as unknown as IncomingMessage,
      outgoing as unknown as ServerResponse,
      visitor,
      parts as unknown as ConstructorParameters<typeof Exchange>[3],
    );
    const { gone } = exchange;
    assertEquals(exchange.answers !== undefined, true);
    assertEquals(visitor.underWay, 1);
    socket.destroy();
    assertEquals(closed, ["slow client", "answers"]);
    assertEquals([visitor.underWay, gone.aborted], [0, true]);
  }));

Deno.test("a proxy may bring more connections than another address, up to the bound of all", () => {
  const isProxy = (address: string) => address === "10.0.0.9";
  const bounds = { maxConnections: 8, maxConnectionsPerAddress: 2, isProxy };
  withVisitors(bounds, ({ visitors, known, arrive, dismissed }) => {
    for (let count = 0; count < 6; count++) known("10.0.0.9");
    assertEquals([visitors.connections, dismissed], [6, []]);
    known("10.0.0.1");
    known("10.0.0.1");
    arrive("10.0.0.1");
    assertEquals(dismissed, ["address"], "others have their bound");
    arrive("10.0.0.9");
    assertEquals(dismissed, ["address", "full"]);
  });
});
