/**
 * Redis is lost again and again, at each step of a connection: while it is made, while it
 * subscribes again, and under each command. Every error of the driver's promises must be caught. An
 * error that nobody catches is a FATAL line here, and would end another program.
 */
import { assertEquals } from "@std/assert";
import { statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";
import { anInput } from "../../support/load/orders.ts";
import { RawSocket } from "../../support/load/raw_calls.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { until } from "../../support/services/services.ts";

/** The connections are reset when a piece of the requests has one of these. */
const MOMENTS = [
  /\bhello\b/i,
  /\binfo\b/i,
  /\bsubscribe\b/i,
  /\bping\b/i,
  /\bpublish\b/i,
  /\bconfig\b/i,
  /\bxlen\b/i,
];
const TIMES_EACH = 5;
const KILLS = 3;
const NOBODY = /FATAL|nobody caught|a bug/;
const LOSS_TIMEOUT_MS = 60_000;

Deno.test("a Redis that is lost at each step of a connection leaves no error that nobody catches", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.redis.url);
    const service = await run.instance({ REDIS_URL: proxy.through(run.redis.url) });
    const client = createTestClient(service.url, KEY);
    const subscriber = await RawSocket.open(service.url, KEY);
    subscriber.subscribe("dashboard.live", {});
    const frames = () => subscriber.messages.filter(({ result }) => result?.type === "data");
    let isOver = false;
    const outcomes = new Map<string, number>();
    const placing = (async () => {
      while (!isOver) {
        const { status } = await client.api.orders.place.mutate(anInput());
        outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
      }
    })();
    const back = async () => {
      const state = async () => (await statusOf(service.url)).bus.state;
      await until("Redis to be heard", async () => await state() === "redis");
      const before = frames().length;
      await until("another frame", () => frames().length > before);
    };
    await back();
    for (const moment of MOMENTS) {
      let left = TIMES_EACH;
      proxy.onRequest = (text) => {
        if (left === 0 || !moment.test(text)) return;
        left--;
        proxy.dropConnections();
      };
      proxy.dropConnections(); // so that every step of a connection comes
      await until(`losses at ${moment}`, () => left === 0, LOSS_TIMEOUT_MS);
      await back();
    }
    for (let kill = 0; kill < KILLS; kill++) {
      await run.redis.kill();
      const before = frames().length;
      await until("a frame without Redis", () => frames().length > before);
      await run.redis.start();
      await back();
    }
    isOver = true;
    await placing;
    assertEquals([...outcomes.keys()], ["committed"]);
    await Promise.all([subscriber.close(), client.close()]);
    const { code, stdout, stderr } = await service.stop();
    const lines = (stdout + stderr).split("\n").filter((line) => NOBODY.test(line));
    assertEquals([code, lines], [0, []]);
    await proxy.close();
  }));
