/** The bounds of the front hold for REST: bodies, strangers, budgets of answers, connections. */
import { assertEquals, assertMatch } from "@std/assert";
import { anInput } from "../../../support/load/orders.ts";
import { RawConnection } from "../../../support/load/slow_reader.ts";
import { assertProblem, rest } from "../../../support/rest/calls.ts";
import { Description } from "../../../support/rest/description.ts";
import { KEY, withInstance } from "../../../support/services/instance.ts";
import { until } from "../../../support/services/services.ts";

const ORDERS = "/api/v1/stores/store-1/orders";

function head(url: string, line: string, headers: readonly string[], token: string | null = KEY) {
  const all = [
    `Host: ${new URL(url).host}`,
    ...(token === null ? [] : [`Authorization: Bearer ${token}`]),
    "Content-Type: application/json",
    ...headers,
  ];
  return `${line} HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n`;
}

const statuses = ({ received }: RawConnection) => received.match(/HTTP\/1\.1 \d{3}/g) ?? [];

async function answered(connection: RawConnection, count = 1): Promise<void> {
  await until("the answer", () => statuses(connection).length === count);
}

Deno.test("a body over a mebibyte is 413 with a problem, and ends its connection", () =>
  withInstance(async ({ url }) => {
    const described = await Description.of(url);
    const body = JSON.stringify({ ...anInput(), customerRef: "x".repeat(1_100_000) });
    const answer = await rest(url, "/stores/store-1/orders", { body });
    assertProblem(answer, 413, "payload_too_large");
    described.check("placeOrder", answer);
  }));

Deno.test("a body that does not end is 408 with a problem after the time for bodies", () =>
  withInstance(async ({ url }) => {
    const connection = new RawConnection(url);
    connection.send(head(url, `POST ${ORDERS}`, ["Content-Length: 100"]) + "{");
    await answered(connection);
    assertMatch(connection.received, /^HTTP\/1\.1 408 [^]*application\/problem\+json/);
    await until("the end", () => connection.closed);
  }, { clientTimeoutMs: 300 }));

Deno.test("a stranger's body is not read, and its connection ends with the answer", () =>
  withInstance(async ({ url }) => {
    for (const line of [`POST ${ORDERS}`, "PUT /api/v1/nothing", "POST /api"]) {
      const connection = new RawConnection(url);
      connection.send(head(url, line, ["Content-Length: 9000000"], "weir_wrong") + "{");
      await answered(connection);
      assertMatch(connection.received, /^HTTP\/1\.1 401 [^]*"reason":"unauthenticated"/);
      await until("the end", () => connection.closed);
    }
  }));

Deno.test("a caller that asks before it sends its body is told to go on, or why not", () =>
  withInstance(async ({ url }) => {
    const body = JSON.stringify(anInput());
    const asks = [`Content-Length: ${body.length}`, "Expect: 100-continue"];
    const good = new RawConnection(url);
    good.send(head(url, `POST ${ORDERS}`, asks));
    await answered(good);
    assertEquals(statuses(good), ["HTTP/1.1 100"]);
    good.send(body);
    await answered(good, 2);
    assertEquals(statuses(good), ["HTTP/1.1 100", "HTTP/1.1 201"]);
    await good.close();
    const wrong = new RawConnection(url);
    wrong.send(head(url, "POST /api/v1/nothing", asks));
    await until("the end", () => wrong.closed);
    assertEquals(statuses(wrong), ["HTTP/1.1 404"]);
  }));

Deno.test("a short body that no path wants leaves the connection good for an order", () =>
  withInstance(async ({ url }) => {
    const connection = new RawConnection(url);
    const junk = "x".repeat(20_000);
    const length = `Content-Length: ${junk.length}`;
    const lines = ["PUT /api/v1/whoami", "POST /api/v1/nothing", "GET /api/v1/whoami"];
    for (const [index, line] of lines.entries()) {
      connection.send(head(url, line, [length]) + junk);
      await answered(connection, index + 1);
    }
    const body = JSON.stringify(anInput());
    connection.send(head(url, `POST ${ORDERS}`, [`Content-Length: ${body.length}`]) + body);
    await answered(connection, 4);
    assertEquals(statuses(connection).map((one) => one.slice(-3)), ["405", "404", "200", "201"]);
    await connection.close();
  }));

Deno.test("answers count in the budget until their client has read them", () =>
  withInstance(async ({ url, api }) => {
    const answerBytes = async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^weir_answer_bytes (\d+)$/m.exec(text)?.[1]);
    };
    const lines = Array.from({ length: 200 }, (_, index) => (
      { sku: `${index}-${"x".repeat(50)}`, quantity: 1, unitPriceMinor: 1 }
    ));
    const orders = Array.from({ length: 40 }, () => anInput({ lines }));
    await api.orders.placeMany.mutate({ orders });
    const connection = new RawConnection(url);
    connection.socket.pause();
    for (let count = 0; count < 20; count++) {
      connection.send(head(url, `GET ${ORDERS}?limit=200`, []));
    }
    await until("a page on its way", async () => await answerBytes() > 100_000);
    connection.socket.resume();
    await answered(connection, 20);
    await until("nothing on its way", async () => await answerBytes() === 0);
    await connection.close();
  }));
