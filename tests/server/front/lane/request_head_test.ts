import { assertEquals } from "@std/assert";
import { readHead } from "../../../../server/front/lane/request_head.ts";

const PLACE = "POST /trpc/orders.place HTTP/1.1";
const LENGTH = "content-length: 12";

function head(first: string, ...lines: string[]): string {
  return [first, ...lines].join("\r\n");
}

Deno.test("readHead() reads what simple clients send, whatever the case of the names", () => {
  const common = { host: "127.0.0.1:80", contentType: "application/json", accept: "*/*" };
  assertEquals(
    readHead(head(
      PLACE,
      "Host: 127.0.0.1:80",
      "AUTHORIZATION: Bearer weir_a",
      "content-type:application/json",
      "Accept: */*",
      "accept-encoding: gzip, br",
      "User-Agent: a (b; c)",
      "Connection: Keep-Alive",
      "Content-Length: 12",
    )),
    {
      ...common,
      method: "POST",
      url: "/trpc/orders.place",
      authorization: "Bearer weir_a",
      bodyBytes: 12,
    },
  );
  assertEquals(
    readHead(head("GET /trpc/whoami?batch=1 HTTP/1.1", "host: a"))?.url,
    "/trpc/whoami?batch=1",
  );
  assertEquals(readHead(head("GET / HTTP/1.1", "host: a"))?.bodyBytes, 0);
});

Deno.test("readHead() leaves every head with a second meaning to the HTTP parser", () => {
  const odd: Readonly<Record<string, string>> = {
    "no host": head(PLACE, LENGTH),
    "two hosts": head(PLACE, "host: a", "host: b", LENGTH),
    "two lengths": head(PLACE, "host: a", LENGTH, "content-length: 13"),
    "the same length twice": head(PLACE, "host: a", LENGTH, LENGTH),
    "a list of lengths": head(PLACE, "host: a", "content-length: 12, 12"),
    "a length with a sign": head(PLACE, "host: a", "content-length: +12"),
    "a length with zeros": head(PLACE, "host: a", "content-length: 012"),
    "a length in hexadecimal": head(PLACE, "host: a", "content-length: 0xc"),
    "a length that is too long": head(PLACE, "host: a", "content-length: 1234567"),
    "no length of a body": head(PLACE, "host: a"),
    "a body of a GET": head("GET / HTTP/1.1", "host: a", LENGTH),
    "two authorizations": head(PLACE, "host: a", LENGTH, "authorization: a", "authorization: b"),
    "two types": head(PLACE, "host: a", LENGTH, "content-type: a", "content-type: b"),
    "two accepts": head(PLACE, "host: a", LENGTH, "accept: a", "accept: b"),
    "a folded line": head(PLACE, "host: a", LENGTH, " folded"),
    "a space before the colon": head(PLACE, "host : a", LENGTH),
    "two spaces after the colon": head(PLACE, "host:  a", LENGTH),
    "a space at the end": head(PLACE, "host: a ", LENGTH),
    "an empty value": head(PLACE, "host: a", LENGTH, "x-a: "),
    "a line without a colon": head(PLACE, "host: a", LENGTH, "x-a"),
    "a name that is no token": head(PLACE, "host: a", LENGTH, "x(a: b"),
    "a control character": head(PLACE, "host: a", LENGTH, "x-a: b\u0000c"),
    "a bare line feed": head(PLACE, "host: a", `${LENGTH}\nx-a: b`),
    "a letter beyond ASCII": head(PLACE, "host: a", LENGTH, "x-a: ä"),
    "a space in the path": head("GET /a b HTTP/1.1", "host: a"),
    "another version": head("GET / HTTP/1.0", "host: a"),
    "another method": head("PUT / HTTP/1.1", "host: a", LENGTH),
    "a small letter in the method": head("Get / HTTP/1.1", "host: a"),
    "a whole address": head("GET http://a/ HTTP/1.1", "host: a"),
    "an end after the answer": head(PLACE, "host: a", LENGTH, "connection: close"),
    "a list of connection": head(PLACE, "host: a", LENGTH, "connection: keep-alive, te"),
    ...Object.fromEntries(
      [
        "transfer-encoding: chunked",
        "Transfer-Encoding: identity",
        "expect: 100-continue",
        "upgrade: websocket",
        "origin: http://a",
        "content-encoding: gzip",
        "te: trailers",
        "trailer: a",
        "trpc-accept: application/jsonl",
      ].map((line) => [line, head(PLACE, "host: a", LENGTH, line)]),
    ),
  };
  for (const [name, text] of Object.entries(odd)) assertEquals(readHead(text), null, name);
});
