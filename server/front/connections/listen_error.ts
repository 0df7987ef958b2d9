/**
 * The failure to listen on HOST and PORT. It has a file of its own so that tasks can name it
 * without loading the HTTP server. Tested in tests/server/service_start_test.ts.
 */
import { describe } from "../../telemetry/log.ts";

/** The server cannot listen on HOST and PORT; the message is one line for the operator. */
export class ListenError extends Error {
  /** @param address `variable` is the one that gave the port, else `PORT`. */
  constructor(address: { host: string; port: number; variable?: string }, cause: unknown) {
    super(whyNot(address, cause), { cause });
    this.name = "ListenError";
  }
}

function whyNot(
  { host, port, variable = "PORT" }: { host: string; port: number; variable?: string },
  cause: unknown,
): string {
  switch (cause instanceof Error && "code" in cause ? cause.code : undefined) {
    case "EADDRINUSE":
      return `${variable} ${port} is in use by another process`;
    case "EADDRNOTAVAIL":
      return "HOST is not an address of this machine";
    default:
      return `HOST and ${variable} are wrong: cannot listen on ${host}:${port}: ${describe(cause)}`;
  }
}
