/** The supervisor, with child processes that only sleep or fail. */
import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { EmbeddedError, type EmbeddedEvent } from "../../../server/embedded/embedded_event.ts";
import { type ServiceSpec, supervise } from "../../../server/embedded/supervisor.ts";

interface Play {
  /** The behaviour of the n-th process, from 1. */
  script(start: number): string;
  prepare?(): Promise<void>;
  onStart?(start: number): void;
}

interface Stage {
  readonly spec: ServiceSpec;
  readonly options: {
    readonly restart: boolean;
    readonly onEvent: (event: EmbeddedEvent) => void;
  };
  readonly events: EmbeddedEvent[];
  readonly ports: number[];
  /** Resolves at the next event of this kind. */
  next(kind: EmbeddedEvent["kind"]): Promise<EmbeddedEvent>;
}

/** A service that answers once its newest process has written so to the log. */
async function withStage(play: Play, test: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const logPath = `${folder}/service.log`;
  const ports: number[] = [];
  const events: EmbeddedEvent[] = [];
  const waiting: { kind: string; resolve: (event: EmbeddedEvent) => void }[] = [];
  const onEvent = (event: EmbeddedEvent) => {
    events.push(event);
    const index = waiting.findIndex(({ kind }) => kind === event.kind);
    if (index >= 0) waiting.splice(index, 1)[0]?.resolve(event);
  };
  const spec: ServiceSpec = {
    service: "redis",
    title: "Sleeper",
    dataPath: folder,
    logPath,
    urlOf: (port) => `redis://127.0.0.1:${port}/0`,
    prepare: () => play.prepare?.() ?? Promise.resolve(),
    command: (port, options) => {
      ports.push(port);
      play.onStart?.(ports.length);
      return new Deno.Command("sh", { ...options, args: ["-c", play.script(ports.length)] });
    },
    answers: async () => {
      const log = await Deno.readTextFile(logPath).catch(() => "");
      return log.includes(`start ${ports.length} is up\n`);
    },
    stopSignal: "SIGTERM",
  };
  const next = (kind: EmbeddedEvent["kind"]) =>
    new Promise<EmbeddedEvent>((resolve) => waiting.push({ kind, resolve }));
  try {
    await test({ spec, options: { restart: true, onEvent }, events, ports, next });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const up = (start: number) => `echo "start ${start} is up"; exec sleep 300`;
const FAILS = "echo 'FATAL:  address already in use' >&2; exit 3";

Deno.test("a first start that fails is tried again on another port", () =>
  withStage({ script: (start) => start < 3 ? FAILS : up(start) }, async (stage) => {
    const supervisor = await supervise(stage.spec, stage.options);
    assertEquals(new Set(stage.ports).size, 3);
    assertEquals(supervisor.port, stage.ports[2]);
    assertEquals(stage.events.map((event) => event.kind), ["retrying", "retrying", "ready"]);
    assertStringIncludes(
      stage.events[0]?.message ?? "",
      "it ended with code 3: FATAL:  address already in use",
    );
    await supervisor.stop();
  }));

Deno.test("a service that cannot be prepared is refused at once", () =>
  withStage({
    script: up,
    prepare: () => Promise.reject(new EmbeddedError("it does not stop")),
  }, async (stage) => {
    await assertRejects(
      () => supervise(stage.spec, stage.options),
      EmbeddedError,
      "it does not stop",
    );
    assertEquals(stage.ports, []);
  }));

Deno.test("a process that ends is started again on its port, as often as it takes", () =>
  withStage({ script: (start) => start === 2 ? FAILS : up(start) }, async (stage) => {
    const supervisor = await supervise(stage.spec, stage.options);
    const { pid, port } = supervisor;
    const failed = stage.next("retrying");
    const again = stage.next("ready");
    Deno.kill(pid, "SIGKILL");
    await failed;
    assertEquals(supervisor.pid, 0);
    await again;
    assertNotEquals(supervisor.pid, pid);
    assertEquals(stage.ports, [port, port, port]);
    await supervisor.stop();
    assertEquals(stage.events.map((event) => event.kind), [
      "ready",
      "exited",
      "retrying",
      "ready",
      "stopped",
    ]);
  }));

Deno.test("an exit without restart is only reported", () =>
  withStage({ script: up }, async (stage) => {
    const supervisor = await supervise(stage.spec, { ...stage.options, restart: false });
    const exited = stage.next("exited");
    Deno.kill(supervisor.pid, "SIGKILL");
    assertStringIncludes((await exited).message, "was ended by SIGKILL");
    await supervisor.stop();
    await supervisor.stop();
    assertEquals(stage.ports.length, 1);
  }));

Deno.test("stop() ends a process that is just being started again", async () => {
  const { promise: secondStart, resolve } = Promise.withResolvers<void>();
  const play: Play = {
    script: (start) => start === 1 ? up(start) : "exec sleep 300",
    onStart: (start) => {
      if (start === 2) resolve();
    },
  };
  await withStage(play, async (stage) => {
    const supervisor = await supervise(stage.spec, stage.options);
    Deno.kill(supervisor.pid, "SIGKILL");
    await secondStart;
    await supervisor.stop();
    assertEquals(stage.events.map((event) => event.kind), ["ready", "exited", "stopped"]);
  });
});
