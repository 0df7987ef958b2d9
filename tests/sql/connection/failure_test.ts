import { assertEquals } from "@std/assert";
import {
  classify,
  codeOf,
  isAway,
  isClosedForNow,
  isConnectionLost,
  isSilence,
  isStandby,
  isWithheld,
  NotConnected,
} from "../../../sql/connection/failure.ts";
import { socketError, sqlError } from "../../support/doubles/scripted_store.ts";

Deno.test("classify() calls classes 22 and 23 data; contention and a standby are neither data nor faults", () => {
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

Deno.test("classify() calls data what a function of the operator raises about a row", () => {
  const kindOf = (error: Error) => classify(error).kind;
  // Codes of RAISE, a strict look-up, ASSERT, CASE, a look-up that finds two rows, a missing
  // RETURN, Python, and the check option of a view.
  const raised = ["P0001", "P0002", "P0003", "P0004", "20000", "21000", "2F005", "38000", "44000"];
  // Codes that a person chose: PostgreSQL has none of their classes.
  const chosen = ["45000", "SHOP1", "ORD01", "99001", "U0001"];
  for (const code of [...raised, ...chosen]) {
    assertEquals([code, kindOf(sqlError(code))], [code, "data"]);
    assertEquals([code, classify(sqlError(code)).outcome], [code, "none"]);
    // An error that ends the session says nothing about a row.
    assertEquals([code, classify(sqlError(code, "FATAL")).outcome], [code, "unknown"]);
  }
  assertEquals(
    chosen.map((code) => kindOf(sqlError(code, "FATAL"))),
    Array(5).fill("infrastructure"),
  );
  // Codes of the same kind that say that the function or the schema is broken for every row.
  for (const code of ["42P01", "42883", "39P01", "0A000", "2D000", "XX000", "27000"]) {
    assertEquals([code, kindOf(sqlError(code))], [code, "infrastructure"]);
  }
});

Deno.test("classify() knows by what an error names whether a limit is the row's matter", () => {
  const kindOf = (code: string, fields: Record<string, string>) =>
    classify(Object.assign(sqlError(code), fields)).kind;
  assertEquals(kindOf("54000", { constraint_name: "wide", table_name: "orders" }), "data");
  assertEquals(kindOf("54000", {}), "infrastructure"); // no transaction ids are left
  assertEquals(kindOf("42501", { routine: "aclcheck_error" }), "infrastructure");
});

Deno.test("classify() knows that an ERROR was rolled back, and that a lost or silent session may have committed", () => {
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

Deno.test("classify() takes anything that was thrown", () => {
  for (const thrown of [null, undefined, "text", 7, {}, { code: 7 }]) {
    assertEquals(classify(thrown), {
      kind: "infrastructure",
      outcome: "unknown",
      code: "UNKNOWN",
      timedOut: false,
    });
  }
});

Deno.test("codeOf() is the error's code, or null when it has none", () => {
  assertEquals(codeOf(sqlError("23505")), "23505");
  assertEquals(codeOf(socketError("ECONNRESET")), "ECONNRESET");
  for (const thrown of [null, "text", {}, { code: 7 }, new Error("no code")]) {
    assertEquals(codeOf(thrown), null);
  }
});

Deno.test("a connection is lost after a FATAL or a socket's error, not after an ERROR or a bug", () => {
  const lost = [sqlError("57P01", "FATAL"), sqlError("XX000", "PANIC"), socketError("ECONNRESET")];
  assertEquals(lost.map(isConnectionLost), [true, true, true]);
  // A pooler between us and the server may send the severity in this field alone.
  const ofPooler = Object.assign(new Error(), { severity_local: "ERROR", code: "08P01" });
  const kept = [
    sqlError("57014"),
    sqlError("25006"),
    ofPooler,
    new TypeError("a bug"),
    "text",
    null,
  ];
  assertEquals(kept.map(isConnectionLost), kept.map(() => false));
});

Deno.test("each question about an error is true for its own codes alone", () => {
  const codes = ["25006", "55000", "28000", "28P01", "3D000", "57P03", "53300", "23505", "57014"];
  const those = (asked: (error: unknown) => boolean) =>
    codes.filter((code) => asked(sqlError(code)));
  assertEquals(those(isStandby), ["25006"], "55000 may be said by a primary that lacks a setting");
  assertEquals(those(isWithheld), ["55000"]);
  assertEquals(isWithheld(sqlError("42501")), true);
  assertEquals(those(isClosedForNow), ["57P03", "53300"]);
  assertEquals(those((error) => isSilence(classify(error))), []);
  const silent = ["WEIR_DATABASE_TIMEOUT", "CONNECTION_DESTROYED", "CONNECT_TIMEOUT"];
  for (const code of silent) assertEquals(isSilence(classify(socketError(code))), true);
  assertEquals(isSilence(classify(socketError("ECONNREFUSED"))), false);
  assertEquals(those((error) => isAway(classify(error))), ["57P03"]);
});

Deno.test("a server is away when it never let us in and said so at once, not when a call was lost", () => {
  for (const code of ["ECONNRESET", "CONNECTION_CLOSED"]) {
    assertEquals(isAway(classify(new NotConnected("h:5432: the server hung up", code))), true);
    assertEquals(isAway(classify(socketError(code))), false, "the call was on its way");
  }
  for (const code of ["CONNECT_TIMEOUT", "28P01", "CERT_HAS_EXPIRED"]) {
    assertEquals(isAway(classify(new NotConnected("h:5432: no", code))), false, code);
  }
});

Deno.test("a call whose connection never came about has surely stored nothing, whatever its code", () => {
  for (const code of ["CERT_HAS_EXPIRED", "ECONNRESET", "WEIR_NOT_POSTGRES"]) {
    const { kind, outcome } = classify(new NotConnected("h:5432: no", code));
    assertEquals([kind, outcome], ["infrastructure", "none"], code);
    assertEquals(classify(socketError(code)).outcome, "unknown", "from an open connection");
  }
});
