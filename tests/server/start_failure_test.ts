/** The table of failures at the start: what each means, and whether it ends the start. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { endsAfterTries, knownFailure, startFailureLine } from "../../server/start_failure.ts";
import { MigrationError } from "../../sql/migrate.ts";
import { socketError, sqlError } from "../support/doubles/scripted_store.ts";

/** An error of the server with its text. */
function said(code: string, message: string): Error {
  return Object.assign(sqlError(code), { message });
}

const lineOf = (error: Error) => startFailureLine(error) ?? "";

Deno.test("a failure that only a person can mend ends the start, and the line says how", () => {
  const ending: readonly (readonly [Error, RegExp])[] = [
    [sqlError("28P01"), /user and the password in DATABASE_URL/],
    [said("28000", 'no pg_hba.conf entry for host "h", no encryption'), /sslmode=require/],
    [said("28000", "connection requires a valid client certificate"), /sslcert/],
    [said("28000", 'role "nobody" does not exist'), /user in DATABASE_URL/],
    [sqlError("3D000"), /CREATE DATABASE/],
    [sqlError("42501"), /docs\/operating\.md/],
    [sqlError("3F000"), /WEIR_SCHEMA/],
    [sqlError("42704"), /options in DATABASE_URL/],
    [socketError("SELF_SIGNED_CERT_IN_CHAIN"), /sslrootcert/],
    [socketError("ERR_TLS_CERT_ALTNAME_INVALID"), /for another host.*verify-ca/],
    [socketError("WEIR_NO_TLS"), /sslmode/],
    [socketError("WEIR_NO_WAY_IN"), /scram-sha-256/],
    [socketError("WEIR_CERTIFICATE_FILE"), /sslrootcert/],
    [socketError("WEIR_NOT_POSTGRES"), /port in DATABASE_URL/],
    [socketError("WEIR_UNFIT_DATABASE"), /Versions/],
    [new MigrationError("edited"), /^edited$/],
  ];
  for (const [error, line] of ending) {
    assertMatch(lineOf(error), line);
    assert(endsAfterTries(error) < 10, error.message);
  }
});

Deno.test("a failure that may pass is waited for, and the line says where to look", () => {
  const waiting: readonly (readonly [Error, RegExp])[] = [
    [sqlError("53300"), /max_connections/],
    [sqlError("57P03"), /starts, stops or recovers/],
    [sqlError("25006"), /standby/],
    [socketError("ENOTFOUND"), /host in DATABASE_URL/],
    [socketError("EAI_AGAIN"), /name service/],
    [socketError("ECONNREFUSED"), /nobody listens/],
    [socketError("EHOSTUNREACH"), /firewalls/],
    [socketError("CONNECT_TIMEOUT"), /firewalls/],
    [socketError("ECONNRESET"), /sslmode/],
    [socketError("CERT_HAS_EXPIRED"), /renew/],
    [socketError("WEIR_UNFIT_SESSION"), /without the pooler/],
  ];
  for (const [error, line] of waiting) {
    assertMatch(lineOf(error), line);
    assertEquals(endsAfterTries(error), Infinity, error.message);
  }
});

Deno.test("a pooler gives one code to everything, so its words decide", () => {
  const words: readonly (readonly [string, string, RegExp, boolean])[] = [
    ["08P01", "no such database: shop", /\[databases\]/, true],
    ["08P01", "unsupported startup parameter: search_path", /ignore_startup_parameters/, true],
    ["08P01", "no more connections allowed (max_client_conn)", /max_client_conn/, false],
    ["08P01", "SSL required", /sslmode=require/, true],
    ["08P01", "SASL authentication failed", /password in DATABASE_URL/, true],
    ["08P01", "server login has been failing, try again later", /pooler's log/, false],
    ["XX000", "Tenant or user not found", /region/, true],
    ["XX000", "MaxClientsInSessionMode: max clients reached", /max_client_conn/, false],
  ];
  for (const [code, message, line, ends] of words) {
    const error = said(code, message);
    assertMatch(lineOf(error), line, message);
    assertEquals(endsAfterTries(error) < 10, ends, message);
  }
  assertEquals(knownFailure(said("XX000", "cache lookup failed")), null);
});

Deno.test("an error that no row knows is left to the caller, and never ends the start", () => {
  assertEquals(startFailureLine(new TypeError("a bug")), null);
  assertEquals(endsAfterTries(sqlError("42703")), Infinity);
});
