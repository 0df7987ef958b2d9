import { assertEquals } from "@std/assert";
import { classify } from "../../../sql/connection/failure.ts";
import { socketError, sqlError } from "../../support/doubles/scripted_store.ts";

Deno.test("only classes 22 and 23 are data; contention and a standby are neither data nor faults", () => {
  const kinds = Object.fromEntries(
    ["22001", "22P02", "23502", "23514", "40001", "40P01", "55P03", "25006", "42703", "42501"]
      .map((code) => [code, classify(sqlError(code)).kind]),
  );
  assertEquals(kinds, {
    "22001": "data",
    "22P02": "data",
    "23502": "data",
    "23514": "data",
    "40001": "contention",
    "40P01": "contention",
    "55P03": "contention",
    "25006": "read_only",
    "42703": "infrastructure",
    "42501": "infrastructure",
  });
  for (const code of ["53100", "53300", "57014", "57P01", "58030", "XX000", "08006", "3D000"]) {
    assertEquals([code, classify(sqlError(code)).kind], [code, "infrastructure"]);
  }
});

Deno.test("an ERROR was rolled back; an ended session or a silent one may have committed", () => {
  const outcomes = (errors: Error[]) => new Set(errors.map((error) => classify(error).outcome));
  assertEquals(
    outcomes([sqlError("57014"), sqlError("42703"), sqlError("40001"), sqlError("53100")]),
    new Set(["none"]),
  );
  const notSent = ["ECONNREFUSED", "CONNECT_TIMEOUT", "ENOTFOUND", "EHOSTUNREACH"];
  assertEquals(outcomes(notSent.map(socketError)), new Set(["none"]));
  assertEquals(
    outcomes([sqlError("53300", "FATAL"), sqlError("57P03", "FATAL")]),
    new Set(["none"]),
  );
  assertEquals(
    outcomes([
      sqlError("57P01", "FATAL"),
      sqlError("57P02", "FATAL"),
      sqlError("08006"),
      sqlError("XX000", "PANIC"),
      ...["ECONNRESET", "EPIPE", "ETIMEDOUT", "CONNECTION_CLOSED", "CONNECTION_DESTROYED"].map(
        socketError,
      ),
      socketError("WEIR_DATABASE_TIMEOUT"),
      new TypeError("no code at all"),
    ]),
    new Set(["unknown"]),
  );
});

Deno.test("a failure may be any thrown value", () => {
  for (const thrown of [null, undefined, "text", 7, {}, { code: 7 }]) {
    assertEquals(classify(thrown), {
      kind: "infrastructure",
      outcome: "unknown",
      code: "UNKNOWN",
      timedOut: false,
    });
  }
});
