/**
 * A service with two processes on one port: orders and figures are as exact as with one, a process
 * that is killed comes again, and all end together.
 */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { isReady, report, withFaults } from "../../support/faults/fault_run.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";
import { anInput } from "../../support/load/orders.ts";
import { RawSocket, request } from "../../support/load/raw_calls.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { runService, type ServiceProcess } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";

const TWO = { WEIR_PROCESSES: "2" };
const KILLS = 4;
/** A signal that follows sooner counts as the same one. */
const SECOND_SIGNAL_MS = 600;

/** The processes that the supervisor has started, oldest first. */
async function processesOf({ pid }: Pick<ServiceProcess, "pid">): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["--sort=start_time", "-o", "pid=,args=", "--ppid", String(pid)],
  }).output();
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) =>
    line.includes("server/cli/main.ts")
  );
  return lines.map((line) => Number(line.trim().split(" ")[0]));
}

const lives = (pid: number) =>
  Deno.stat(`/proc/${pid}/cmdline`).then(() => Deno.readTextFile(`/proc/${pid}/cmdline`))
    .then((text) => text !== "", () => false);

async function valuesOf(url: string, sample: RegExp): Promise<number[]> {
  const { text } = await request(`${url}/metrics`);
  return [...text.matchAll(sample)].map(([, value]) => Number(value));
}

const UP = /^weir_process_up\{process="\d"\} (\d)$/gm;
const RESTARTS = /^weir_process_restarts_total\{process="\d"\} (\d+)$/gm;
const COMMITTED = /^weir_orders_total\{process="\d",outcome="committed"\} (\d+)$/gm;

Deno.test("two processes take orders on one port while each is killed in turn, and nothing is lost or doubled", () =>
  withFaults(async (run) => {
    const service = await run.instance(TWO);
    const { url } = service;
    const load = run.load({ urls: () => [url], ratePerSecond: 250 });
    load.start();
    await until("both to take orders", async () => {
      const taken = await valuesOf(url, COMMITTED);
      return taken.length === 2 && taken.every((orders) => orders > 0);
    });
    for (let kills = 1; kills <= KILLS; kills++) {
      const [first] = await processesOf(service);
      Deno.kill(first!, "SIGKILL");
      await service.says(new RegExp(`(is ready again[^]*){${kills}}`));
      await until("both to answer", async () => String(await valuesOf(url, UP)) === "1,1");
    }
    assertEquals((await valuesOf(url, RESTARTS)).sort(), [KILLS / 2, KILLS / 2]);
    await run.verify(load);
    report("two processes", load.figures);
  }));

Deno.test("a subscriber at one process sees the orders of both", () =>
  withFaults(async (run) => {
    const { url } = await run.instance(TWO);
    for (let orders = 1; orders <= 8; orders++) {
      const client = createTestClient(url, KEY);
      await client.api.orders.place.mutate(anInput({ storeId: "both" }));
      const seen = Promise.withResolvers<void>();
      const live = client.api.dashboard.live.subscribe({ storeId: "both" }, {
        onData: ({ data: { currencies: [first] } }) => {
          if (first?.today.orders === orders) seen.resolve();
        },
        onError: seen.reject,
      });
      await seen.promise;
      live.unsubscribe();
      await client.close();
    }
  }));

Deno.test("SIGTERM ends all processes in order, and a killed supervisor leaves none behind", () =>
  withFaults(async (run) => {
    for (const end of ["SIGTERM", "SIGKILL"] as const) {
      const service = await run.instance(TWO);
      const pids = await processesOf(service);
      assertEquals(pids.length, 2);
      const sockets = await Promise.all(
        Array.from({ length: 8 }, () => RawSocket.open(service.url, KEY)),
      );
      const placing = sockets.map((socket) => socket.call("mutation", "orders.place", anInput()));
      placing.forEach((placed) => placed.catch(() => undefined)); // a kill may come before an answer
      await Promise.all(sockets.map((socket) => socket.call("query", "whoami", undefined)));
      service.signal(end);
      const { code, stdout, stderr } = await service.ended;
      if (end === "SIGTERM") {
        const answers = await Promise.all(placing);
        assertEquals(answers.map(({ error }) => error), answers.map(() => undefined));
        assertEquals(code, 0);
        for (const line of [/"process 1: stopped"/, /"process 2: stopped"/, /"stopped"/]) {
          assertMatch(stdout, line);
        }
        assertEquals(/killing/.exec(stdout + stderr), null);
      }
      await until("no process to be left", async () => {
        const left = await Promise.all(pids.map(lives));
        return left.every((isLeft) => !isLeft);
      });
    }
  }));

Deno.test("a process that is killed while the database is away comes again, and all get ready when it is back", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    try {
      proxy.cut();
      const service = await run.startService({
        ...TWO,
        DATABASE_URL: proxy.through(run.postgres.url),
      });
      const [first] = await processesOf(service);
      Deno.kill(first!, "SIGKILL");
      await service.says(/was ended by SIGKILL; starting it again/);
      assertEquals(await isReady(service.url), false);
      await proxy.mend();
      await service.says(/"message":"ready"/);
      assertEquals(await valuesOf(service.url, UP), [1, 1]);
    } finally {
      await proxy.close();
    }
  }));

Deno.test("the metrics of all processes have one port of their own, and add up to all orders", () =>
  withFaults(async (run) => {
    const service = await run.instance({ ...TWO, WEIR_METRICS_PORT: "0" });
    const [, port] = await service.says(/metrics on http:\/\/127\.0\.0\.1:(\d+)/);
    assertEquals((await request(`${service.url}/metrics`)).status, 404);
    for (let orders = 0; orders < 20; orders++) {
      const socket = await RawSocket.open(service.url, KEY); // each on a connection of its own
      socket.send({
        id: 1,
        method: "mutation",
        params: { path: "orders.place", input: anInput() },
      });
      await socket.next(({ result }) => result !== undefined);
      await socket.close();
    }
    const committed = await valuesOf(`http://127.0.0.1:${port}`, COMMITTED);
    assertEquals(committed.reduce((sum, value) => sum + value, 0), 20);
    assertEquals(committed.length, 2);
    assert(committed.every((value) => value > 0), "the system shares the connections out");
  }));

Deno.test("a signal during the start, and a second one at any time, end all processes", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    try {
      const away = { ...TWO, DATABASE_URL: proxy.through(run.postgres.url) };
      proxy.cut();
      const early = await run.startService(away);
      early.signal("SIGTERM");
      assertEquals((await early.ended).code, 0);
      await proxy.mend();
      const service = await run.instance(away);
      const pids = await processesOf(service);
      proxy.replies = "held"; // a batch under way holds the first signal up
      const socket = await RawSocket.open(service.url, KEY);
      socket.send({
        id: 1,
        method: "mutation",
        params: { path: "orders.place", input: anInput() },
      });
      service.signal("SIGTERM");
      await service.says(/process \d: stopping/);
      await new Promise((resolve) => setTimeout(resolve, SECOND_SIGNAL_MS));
      service.signal("SIGTERM");
      assertEquals((await service.ended).code, 1);
      await until("no process to be left", async () => {
        const left = await Promise.all(pids.map(lives));
        return left.every((isLeft) => !isLeft);
      });
      socket.socket.terminate();
    } finally {
      await proxy.close();
    }
  }));

Deno.test("a process that cannot start ends the service in one line, and a port in use too", () =>
  withFaults(async (run) => {
    const wrong = run.postgres.url.replace(/\/\w*$/, "/no_such_database");
    const refused = await runService({ ...TWO, DATABASE_URL: wrong });
    assertEquals(refused.code, 1);
    assertMatch(refused.stderr, /process \d ended with code 1 before it was ready/);
    const service = await run.instance(TWO);
    const { port } = new URL(service.url);
    const second = await runService({ ...TWO, PORT: port, DATABASE_URL: run.postgres.url });
    assertEquals(second.code, 1);
    assertMatch(second.stderr, /^weir: PORT \d+ is in use by another process$/m);
    assertGreater((await processesOf(service)).length, 1);
  }));
