/**
 * Requests whose body nobody wants: the answer comes, and the connection is either good for the next
 * request or closed. It once stayed open and deaf.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { anInput } from "../../support/load/orders.ts";
import { RawConnection } from "../../support/load/slow_reader.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { until } from "../../support/services/services.ts";

const SHORT_BYTES = 20_000;
const LONG_BYTES = 200_000;

/** The requests, each with the status of its answer. */
const UNWANTED: readonly (readonly [line: string, headers: readonly string[], status: number])[] = [
  ["PUT /trpc/ops.aggregate", ["Content-Type: text/plain"], 415],
  ["PATCH /trpc/orders.place", ["Content-Type: application/json"], 405],
  ["GET /trpc/whoami", [], 200],
  ["DELETE /trpc/whoami?batch=1", ["Content-Type: application/json"], 405],
  ["POST /", [], 405],
  ["POST /metrics", [], 200],
  ["POST /trpc/orders.place", ["Origin: http://evil.example"], 403],
];

function request(url: string, line: string, headers: readonly string[], body: string): string {
  const all = [
    `Host: ${new URL(url).host}`,
    `Authorization: Bearer ${KEY}`,
    `Content-Length: ${body.length}`,
    ...headers,
  ];
  return `${line} HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n${body}`;
}

const answers = (received: string) => received.match(/HTTP\/1\.1 \d{3}/g) ?? [];

for (const [line, headers, status] of UNWANTED) {
  Deno.test(`a short body that ${line} does not want leaves the connection good for an order`, () =>
    withInstance(async ({ url }) => {
      const connection = new RawConnection(url);
      connection.send(request(url, line, headers, "x".repeat(SHORT_BYTES)));
      await until("the answer", () => answers(connection.received).length === 1);
      const order = JSON.stringify(anInput());
      connection.send(
        request(url, "POST /trpc/orders.place", ["Content-Type: application/json"], order),
      );
      await until("the order's answer", () => answers(connection.received).length === 2);
      assertEquals(answers(connection.received), [`HTTP/1.1 ${status}`, "HTTP/1.1 200"]);
      await connection.close();
    }));

  Deno.test(`a long body that ${line} does not want ends its connection with the answer`, () =>
    withInstance(async ({ url }) => {
      const connection = new RawConnection(url);
      connection.send(request(url, line, headers, "x".repeat(LONG_BYTES)));
      await until("the answer", () => answers(connection.received).length === 1);
      assertEquals(answers(connection.received), [`HTTP/1.1 ${status}`]);
      assertMatch(connection.received, /^connection: close\r$/im);
      await until("the end", () => connection.closed);
      assert(connection.closed);
    }));
}

Deno.test("a body that nobody wants on the metrics' own port leaves no deaf connection there", () =>
  withInstance(async ({ instance }) => {
    const url = `http://127.0.0.1:${instance.metricsPort}`;
    const connection = new RawConnection(url);
    connection.send(request(url, "POST /metrics", [], "x".repeat(LONG_BYTES)));
    await until("the end", () => connection.closed);
    assertEquals(answers(connection.received), ["HTTP/1.1 200"]);
  }, { environment: { WEIR_METRICS_PORT: "0" } }));

Deno.test("a long body without a size is answered before one that is short and does not end", () =>
  withInstance(async ({ url }) => {
    const [unended, endless] = [new RawConnection(url), new RawConnection(url)];
    unended.send(request(url, "PUT /trpc/whoami", [], "xx").slice(0, -1));
    const head = request(url, "PUT /trpc/whoami", ["Transfer-Encoding: chunked"], "")
      .replace("Content-Length: 0\r\n", "");
    endless.send(`${head}${LONG_BYTES.toString(16)}\r\n${"x".repeat(LONG_BYTES)}\r\n`);
    await until("its answer", () => answers(endless.received).length === 1);
    assertEquals(answers(unended.received), [], "the service still waits for this body");
    assertMatch(endless.received, /^connection: close\r$/im);
    await until("the other answer", () => answers(unended.received).length === 1);
    await Promise.all([unended.close(), endless.close()]);
  }));

Deno.test("a client that asks before it sends its body is answered before one whose body does not end", () =>
  withInstance(async ({ url }) => {
    const [unended, asking] = [new RawConnection(url), new RawConnection(url)];
    unended.send(request(url, "PUT /trpc/whoami", [], "xx").slice(0, -1));
    asking.send(request(url, "PUT /trpc/whoami", ["Expect: 100-continue"], "x").slice(0, -1));
    await until("its answer", () => answers(asking.received).length === 1);
    assertEquals(answers(unended.received), [], "the service still waits for this body");
    await until("the other answer", () => answers(unended.received).length === 1);
    await Promise.all([unended.close(), asking.close()]);
  }));
