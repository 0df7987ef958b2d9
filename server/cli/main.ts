/**
 * The one entrance: `deno task <name> …` runs this file with the name of the task and its
 * arguments.
 *
 * The module of a task is loaded when somebody asks for that task: `deno task keys --help` does not
 * load the HTTP server. Each of these modules exports its `command`, and loading it does nothing.
 */
import { Argument, type Command } from "commander";
import { forgetDriverVariables } from "../config.ts";
import { flushLog } from "../telemetry/log.ts";
import { runTask, taskCommand } from "./command.ts";

type TaskName = keyof typeof TASKS;

const TASKS = {
  start: () => import("./start.ts"),
  demo: () => import("./demo/demo.ts"),
  migrate: () => import("./migrate.ts"),
  keys: () => import("./keys.ts"),
  dlq: () => import("./dlq.ts"),
  aggregate: () => import("./aggregate.ts"),
  audit: () => import("./audit.ts"),
  rebuild: () => import("./rebuild.ts"),
} satisfies Record<string, () => Promise<{ readonly command: Command }>>;

const entrance = taskCommand(
  "weir server/cli/main.ts",
  "Runs one task of Weir. Each task prints its own --help.",
)
  .addArgument(new Argument("<name>", "the task").choices(Object.keys(TASKS)))
  .argument("[arguments...]", "options and arguments of the task")
  .passThroughOptions() // whatever follows the name is for the task
  .action(async (name: TaskName, args: string[]) => {
    const { command } = await TASKS[name]();
    await command.parseAsync(args, { from: "user" });
  });

if (import.meta.main) {
  forgetDriverVariables();
  const code = await runTask(entrance, Deno.args);
  await flushLog();
  Deno.exit(code);
}
