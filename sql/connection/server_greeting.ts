/**
 * The first bytes that a server sends to a client. They show a server that is not PostgreSQL, and
 * one that asks for a proof that the driver cannot give.
 *
 * Tested in tests/sql/connection/socket_test.ts.
 */
import { NotConnected } from "./failure.ts";
import { WEIR_CODE } from "./failure/codes.ts";

/** Messages that PostgreSQL and its poolers begin with: authentication, error, notice, version. */
const BEGINNINGS = "RENv";
const AUTHENTICATION = "R";
/** The ways in that the driver knows, by their numbers in the protocol. */
const KNOWN_WAYS: ReadonlySet<number> = new Set([0, 3, 5, 10]);
const SASL = 10;
const SASL_MECHANISM = "SCRAM-SHA-256";
const NAMES: Readonly<Record<number, string>> = { 2: "Kerberos", 7: "GSSAPI", 9: "SSPI" };
const SHOWN_CHARACTERS = 40;

/** The error that the first answer of the server means; null when the driver can go on. */
export function strangeAnswer(piece: Uint8Array): NotConnected | null {
  const letter = String.fromCharCode(piece[0] ?? 0);
  if (!BEGINNINGS.includes(letter)) {
    return new NotConnected(
      `it is not PostgreSQL that answers there: ${JSON.stringify(beginningOf(piece))}`,
      WEIR_CODE.notPostgres,
    );
  }
  if (letter !== AUTHENTICATION || piece.length < 9) return null;
  const way = new DataView(piece.buffer, piece.byteOffset).getUint32(5);
  if (!KNOWN_WAYS.has(way)) return noWayIn(NAMES[way] ?? `the way in number ${way}`);
  if (way !== SASL) return null;
  const mechanisms = new TextDecoder("latin1").decode(piece.subarray(9)).split("\0");
  if (mechanisms.includes(SASL_MECHANISM)) return null;
  return noWayIn(mechanisms.filter((name) => name !== "").join(", "));
}

function noWayIn(wanted: string): NotConnected {
  return new NotConnected(
    `the server asks for ${wanted}, and Weir has a password to show`,
    WEIR_CODE.noWayIn,
  );
}

function beginningOf(piece: Uint8Array): string {
  const text = new TextDecoder("latin1").decode(piece.subarray(0, SHOWN_CHARACTERS));
  return text.split(/\r?\n/)[0]?.replace(/[^ -~]/g, "?") ?? "";
}
